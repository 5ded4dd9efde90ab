package policy

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/identity"
)

// findings returns what the author of a ClientIntents should hear, in a stable order.
func (j *judge) findings() []Finding {
	var found []Finding
	for _, tell := range []func(*judge) []Finding{
		tellMode,       // the annotation has a value that is not used
		tellDuplicate,  // another object declares for the client
		tellHolds,      // egress is not restricted yet
		tellAddresses,  // DNS knows nothing, or what it must not open
		tellFailures,   // an object is in the way, or could not be written
		tellUnenforced, // a target has no effect
	} {
		found = append(found, tell(j)...)
	}
	return found
}

func (j *judge) finding(target int, severity Severity, reason, message string) Finding {
	return Finding{About: aboutIntents(j.intents), Target: target, Severity: severity, Reason: reason, Message: message}
}

func tellMode(j *judge) []Finding {
	if text := j.invalidMode(); text != "" {
		return []Finding{j.finding(noTarget, Warning, v2beta1.ReasonInvalidMode, text)}
	}
	return nil
}

func tellDuplicate(j *judge) []Finding {
	if j.obstacle.winner == nil {
		return nil
	}
	return []Finding{j.finding(noTarget, Warning, v2beta1.ReasonDuplicateClient, j.obstacle.message)}
}

func tellHolds(j *judge) []Finding {
	var found []Finding
	for _, h := range j.holds {
		if h.About == aboutIntents(j.intents) {
			message := fmt.Sprintf("egress of %s is not restricted yet: %s: %s", clientTitle(j.intents), h.Title, h.Reason)
			found = append(found, j.finding(h.Target, Info, v2beta1.ReasonEgressHeld, message))
		}
	}
	return found
}

func tellAddresses(j *judge) []Finding {
	if !j.set.Egress {
		return nil
	}
	var found []Finding
	for i := range j.states {
		target := j.intents.Spec.Targets[i].Internet
		if _, ok := j.intents.Spec.Targets[i].Type(); !ok || target == nil {
			continue
		}
		reached := j.about(identity.Workload{}).internet(j.intents, target)
		for _, domain := range reached.Unknown {
			found = append(found, j.finding(i, Info, "WaitingForDNS", "no address is known yet for "+domain))
		}
		for _, r := range reached.Refused {
			message := fmt.Sprintf("%s resolved to %s, which are never allowed from DNS", r.Domain, joinAddrs(r.Addresses))
			found = append(found, j.finding(i, Warning, "AddressesRefused", message))
		}
	}
	return found
}

func joinAddrs(all []netip.Addr) string {
	texts := make([]string, 0, len(all))
	for _, a := range all {
		texts = append(texts, a.String())
	}
	return strings.Join(texts, ", ")
}

func tellFailures(j *judge) []Finding {
	var found []Finding
	for i, s := range j.states {
		if s.reason == v2beta1.TargetReasonNameConflict {
			found = append(found, j.finding(i, Warning, v2beta1.ReasonNameConflict, s.message+"; nothing was written"))
		}
		if s.reason == v2beta1.TargetReasonAPIError {
			found = append(found, j.finding(i, Warning, "CreatingNetworkPoliciesFailed", s.message))
		}
	}
	return found
}

func tellUnenforced(j *judge) []Finding {
	var found []Finding
	for i, s := range j.states {
		switch {
		case s.reason == v2beta1.TargetReasonKafkaServerNotConfigured:
			found = append(found, j.finding(i, Warning, string(s.reason), s.message))
		case s.state == v2beta1.TargetStateNotEnforced:
			message := fmt.Sprintf("target %s is not enforced: %s", targetTitle(j.intents.Spec.Targets[i]), s.reason)
			found = append(found, j.finding(i, Warning, "TargetNotEnforced", message))
		}
	}
	return found
}
