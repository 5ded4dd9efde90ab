package policy

import (
	"slices"

	"github.com/portolan-io/portolan/api/v2beta1"
)

// holds returns the targets for which the first restriction of the subject's egress waits: those that cannot be a rule,
// so that a restriction would block declared traffic. A ClientIntents annotated enforce lifts them all.
func (m matter) holds() []Hold {
	intents := intentsFor(m.snap, m.who)
	if !m.set.Egress || slices.ContainsFunc(intents, asksToEnforce) {
		return nil
	}
	company := typesOf(intents)
	var found []Hold
	for _, i := range intents {
		for index := range i.Spec.Targets {
			if reason := m.holding(i, index, company); reason != "" {
				t := i.Spec.Targets[index]
				found = append(found, Hold{About: aboutIntents(i), Target: index, Title: targetTitle(t), Reason: reason})
			}
		}
	}
	return found
}

// holding returns why one target holds the first restriction; empty when it does not. company has the types of all
// targets of the client.
func (m matter) holding(intents *v2beta1.ClientIntents, index int, company map[v2beta1.TargetType]bool) v2beta1.TargetReason {
	target := &intents.Spec.Targets[index]
	meant, ok := mean(target, intents.Namespace)
	if !ok {
		return v2beta1.TargetReasonInvalidTarget
	}
	switch meant.Type {
	case v2beta1.TargetTypeInternet:
		return holdingInternet(m.internet(intents, target.Internet))
	case v2beta1.TargetTypeAWS, v2beta1.TargetTypeGCP, v2beta1.TargetTypeAzure:
		return unless(company[v2beta1.TargetTypeInternet], v2beta1.TargetReasonTypeNotEnforced)
	case v2beta1.TargetTypeSQL:
		reachable := company[v2beta1.TargetTypeInternet] || company[v2beta1.TargetTypeService] || company[v2beta1.TargetTypeKubernetes]
		return unless(reachable, v2beta1.TargetReasonTypeNotEnforced)
	case v2beta1.TargetTypeKubernetes, v2beta1.TargetTypeService, v2beta1.TargetTypeKafka:
		return m.holdingServer(meant)
	default:
		return ""
	}
}

func holdingInternet(r reach) v2beta1.TargetReason {
	switch {
	case r.Wrong != "":
		return r.Wrong
	case len(r.Unknown) > 0:
		return v2beta1.TargetReasonUnresolvedDomain
	default:
		return ""
	}
}

func (m matter) holdingServer(meant meaning) v2beta1.TargetReason {
	switch {
	case meant.APIServer:
		return unless(len(APIServerAddresses(m.snap, *m.set)) > 0, v2beta1.TargetReasonNoAPIServerEndpoints)
	case !meant.isService():
		return ""
	}
	reason := unusableService(m.snap, meant.servers(m.snap)[0])
	return unless(reason == v2beta1.TargetReasonServiceNotFound, reason)
}

func unless(fine bool, reason v2beta1.TargetReason) v2beta1.TargetReason {
	if fine {
		return ""
	}
	return reason
}

func typesOf(all []*v2beta1.ClientIntents) map[v2beta1.TargetType]bool {
	found := make(map[v2beta1.TargetType]bool)
	for _, meant := range targets(all) {
		found[meant.Type] = true
	}
	return found
}

func aboutIntents(i *v2beta1.ClientIntents) ObjectRef {
	return ObjectRef{Kind: kindClientIntents, Namespace: i.Namespace, Name: i.Name}
}

// targetTitle names a target for people: its type and what it names, as written.
func targetTitle(t v2beta1.Target) string {
	kind, ok := t.Type()
	if !ok {
		return "target without a type"
	}
	return string(kind) + " " + t.Title()
}
