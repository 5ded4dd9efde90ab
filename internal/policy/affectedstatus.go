package policy

import (
	"slices"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
)

// isSubject reports whether a workload or Service has, or had, a part in anything that can be written.
func (t *touch) isSubject(who identity.Workload) bool {
	for i, snap := range t.snaps {
		m := matter{snap: snap, who: who}
		if len(intentsFor(snap, who)) > 0 || m.isDeclared() || len(m.protections()) > 0 {
			return true
		}
		for _, w := range t.annotated[i] {
			if w.ID == who || slices.ContainsFunc(calledByOf(w), func(ref identity.Workload) bool { return refersTo(ref, who) }) {
				return true
			}
		}
	}
	return false
}

// standing is what a status says about a server, as far as the cluster decides it.
type standing struct {
	exists, onHost      bool
	declared, protected bool
	asked               bool // a ClientIntents that names it asks to be enforced
	unusable            v2beta1.TargetReason
}

func standingOf(snap *cluster.Snapshot, who identity.Workload) standing {
	m := matter{snap: snap, who: who}
	s := standing{declared: m.isDeclared(), protected: len(m.protections()) > 0, onHost: onHostNetwork(m).mode != ""}
	if who.Kind == identity.KindService {
		s.unusable = unusableService(snap, who)
	} else {
		_, s.exists = m.workload()
	}
	for intents := range declarations(snap, who) {
		if s.asked = asksToEnforce(intents); s.asked {
			break
		}
	}
	return s
}

// addJudged adds the objects whose status says something about who: all of those whose client it is, and those that name
// it as a server if anything that they say about it is different. Proposals also say who is admitted.
func (t *touch) addJudged(found map[ObjectRef]struct{}, who identity.Workload) {
	differs := standingOf(t.snaps[0], who) != standingOf(t.snaps[1], who)
	for _, snap := range t.snaps {
		for _, intents := range naming(snap, who) {
			if differs || isProposal(intents) {
				found[aboutIntents(intents)] = struct{}{}
			}
		}
		space, known := snap.Space(who.Namespace)
		if !known {
			continue
		}
		for _, intents := range space.IntentsOf(who.Name) {
			found[aboutIntents(intents)] = struct{}{}
		}
		for _, p := range space.Protected() {
			if differs && refersTo(protectedRef(p), who) {
				found[aboutProtected(p)] = struct{}{}
			}
		}
	}
}

// addBrokers adds the ClientIntents with a kafka target in a namespace whose KafkaServerConfigs changed.
func (t *touch) addBrokers(found map[ObjectRef]struct{}, namespace string) {
	snap := t.snaps[1]
	for _, name := range snap.Namespaces() {
		space, _ := snap.Space(name)
		for _, intents := range space.Intents() {
			for _, meant := range targets([]*v2beta1.ClientIntents{intents}) {
				if meant.Type == v2beta1.TargetTypeKafka && meant.Server.Namespace == namespace {
					found[aboutIntents(intents)] = struct{}{}
				}
			}
		}
	}
}
