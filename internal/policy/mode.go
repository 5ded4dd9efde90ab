package policy

import (
	"slices"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
)

// answer is what one line of the table of modes says; the zero value says that the line does not apply.
type answer struct {
	mode Mode
	why  v2beta1.TargetReason // why the direction is not enforced
}

type line func(matter) answer

// ingressMode returns the mode of the subject as a server: the first line that applies decides.
func (m matter) ingressMode() (Mode, v2beta1.TargetReason) {
	return m.first(
		policiesDisabled,     // 1: no NetworkPolicy is written at all
		notWatched,           // 2: another tool or another team answers for this namespace
		unmanaged,            // 2: or for this workload
		missing,              // there is nothing to select
		onHostNetwork,        // 2: pods on the host network cannot be selected
		isProtected,          // 3: a ProtectedService names it
		serverIsEnforced,     // 4 and 5: a ClientIntents that names it is in force, or everything declared here is
		serverIsDeclaredOnly, // 6: declared, and nothing puts it in force
	)
}

// egressMode returns the mode of the subject as a client: the first line that applies decides.
func (m matter) egressMode() (Mode, v2beta1.TargetReason) {
	return m.first(
		policiesDisabled,     // 1: no NetworkPolicy is written at all
		egressDisabled,       // 1: or none for egress
		notWatched,           // 2: another tool or another team answers for this namespace
		unmanaged,            // 2: or for this workload
		missing,              // there is nothing to select
		onHostNetwork,        // 2: pods on the host network cannot be selected
		hasNoIntents,         // 3: nothing declares what it calls; proposals do not count
		clientIsEnforced,     // 4 and 5: a ClientIntents of it is in force, or everything declared here is
		clientIsDeclaredOnly, // 6: declared, and nothing puts it in force
	)
}

func (m matter) first(lines ...line) (Mode, v2beta1.TargetReason) {
	for _, l := range lines {
		if a := l(m); a.mode != "" {
			return a.mode, a.why
		}
	}
	return ModeNone, ""
}

func policiesDisabled(m matter) answer {
	return none(!m.set.NetworkPolicies, v2beta1.TargetReasonNetworkPolicyDisabled)
}

func egressDisabled(m matter) answer {
	return none(!m.set.Egress, v2beta1.TargetReasonEgressDisabled)
}

func notWatched(m matter) answer {
	return none(!m.set.watches(m.who.Namespace), v2beta1.TargetReasonNamespaceNotWatched)
}

func unmanaged(m matter) answer {
	isListed := func(ref identity.Workload) bool { return refersTo(ref, m.who) }
	return none(slices.ContainsFunc(m.set.Unmanaged, isListed), v2beta1.TargetReasonUnmanaged)
}

func missing(m matter) answer {
	if m.who.Kind == identity.KindService {
		reason := unusableService(m.snap, m.who)
		return none(reason != "", reason)
	}
	_, known := m.workload()
	return none(!known, v2beta1.TargetReasonWorkloadNotFound)
}

func onHostNetwork(m matter) answer {
	pods := m.pods()
	inPodNetwork := func(p *cluster.Pod) bool { return !p.HostNetwork }
	return none(len(pods) > 0 && !slices.ContainsFunc(pods, inPodNetwork), v2beta1.TargetReasonHostNetwork)
}

func isProtected(m matter) answer { return enforced(len(m.protections()) > 0) }

// serverIsEnforced joins the lines 4 and 5, which give the same mode, so that one walk over the declarations is enough.
func serverIsEnforced(m matter) answer {
	if m.set.enforces(m.who.Namespace) {
		return enforced(m.isDeclared())
	}
	for intents := range declarations(m.snap, m.who) {
		if asksToEnforce(intents) {
			return enforced(true)
		}
	}
	return answer{}
}

func serverIsDeclaredOnly(m matter) answer { return shadow(m.isDeclared()) }

func hasNoIntents(m matter) answer {
	return none(len(intentsFor(m.snap, m.who)) == 0, "")
}

func clientIsEnforced(m matter) answer {
	return enforced(m.set.enforces(m.who.Namespace) || slices.ContainsFunc(intentsFor(m.snap, m.who), asksToEnforce))
}

func clientIsDeclaredOnly(matter) answer { return shadow(true) }

func none(applies bool, why v2beta1.TargetReason) answer {
	if !applies {
		return answer{}
	}
	return answer{mode: ModeNone, why: why}
}

func shadow(applies bool) answer {
	if !applies {
		return answer{}
	}
	return answer{mode: ModeShadow, why: v2beta1.TargetReasonShadowMode}
}

func enforced(applies bool) answer {
	if !applies {
		return answer{}
	}
	return answer{mode: ModeEnforce}
}

// protections returns the ProtectedServices that name the subject: a workload by name and kind, or by name alone; a
// Service by kind Service, or by name alone where a declaration names the Service.
func (m matter) protections() []Because {
	space, known := m.snap.Space(m.who.Namespace)
	if !known {
		return nil
	}
	var found []Because
	for _, p := range space.Protected() {
		if m.isNamedBy(p.Spec.WorkloadReference) {
			found = append(found, Because{Kind: kindProtectedService, Namespace: p.Namespace, Name: p.Name, Target: noTarget})
		}
	}
	return found
}

func (m matter) isNamedBy(ref v2beta1.WorkloadReference) bool {
	switch {
	case ref.Name == "" || !sameName(ref.Name, m.who.Name):
		return false
	case ref.Kind != "" || m.who.Kind != identity.KindService:
		return ref.Kind == "" || ref.Kind == m.who.Kind
	default:
		return m.isDeclared()
	}
}

// restrictions returns the ClientIntents in use for the subject, which are why its egress is restricted even where they
// have no target.
func (m matter) restrictions() []Because {
	var found []Because
	for _, intents := range intentsFor(m.snap, m.who) {
		found = append(found, becauseOf(intents, noTarget))
	}
	return found
}

// kindProtectedService is what Because and ObjectRef call a ProtectedService.
const kindProtectedService = "ProtectedService"
