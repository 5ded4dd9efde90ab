package policy

import (
	"reflect"
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
	named               bool // a policy can name its pods
	declared, protected bool
	asked               bool // a ClientIntents that names it asks to be enforced
	unusable            v2beta1.TargetReason
}

func standingOf(snap *cluster.Snapshot, who identity.Workload) standing {
	m := matter{snap: snap, who: who}
	s := standing{declared: m.isDeclared(), protected: len(m.protections()) > 0, onHost: onHostNetwork(m).mode != ""}
	if chosen, exists := Select(snap, who); exists {
		s.named = len(chosen.Labels) > 0 || len(chosen.Hosts) > 0
	}
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

// judgeOf adds the objects whose status says something about who: all of those whose client it is, and those that name it
// as a server if anything that they say about it is different. Proposals also say who is admitted.
func (t *touch) judgeOf(who identity.Workload) {
	differs := standingOf(t.snaps[0], who) != standingOf(t.snaps[1], who)
	for _, snap := range t.snaps {
		for _, intents := range naming(snap, who) {
			if differs || isProposal(intents) {
				t.judge(intents)
			}
		}
		space, known := snap.Space(who.Namespace)
		if !known {
			continue
		}
		t.judge(space.IntentsOf(who.Name)...)
		for _, p := range space.Protected() {
			if differs && refersTo(protectedRef(p), who) {
				t.judged[aboutProtected(p)] = struct{}{}
			}
		}
	}
}

func (t *touch) judge(all ...*v2beta1.ClientIntents) {
	for _, intents := range all {
		t.judged[aboutIntents(intents)] = struct{}{}
	}
}

// judgeIn adds the objects whose status depends on what changed in a namespace that no subject stands for: the objects
// themselves, those that declare for the same client, and those that name what came or went.
func (t *touch) judgeIn(namespace string) {
	before, after := t.spaces(namespace)
	for _, i := range changed(before.Intents(), after.Intents(), intentsName, never) {
		t.judge(i)
		for _, space := range [...]*cluster.Space{before, after} {
			t.judge(space.IntentsOf(i.Spec.Workload.Name)...)
		}
	}
	for _, p := range changed(before.Protected(), after.Protected(), protectedName, never) {
		t.judged[aboutProtected(p)] = struct{}{}
	}
	for _, who := range changedWorkloads(before, after) {
		t.judgeNaming(cluster.Ref{Namespace: namespace, Name: who.Name})
	}
	for _, s := range changed(before.Services(), after.Services(), serviceName, sameService) {
		t.judgeNaming(cluster.Ref{Namespace: namespace, Name: s.Name})
	}
	if !reflect.DeepEqual(before.Brokers(), after.Brokers()) {
		t.judgeKafka(namespace)
	}
}

// never tells changed that objects are equal only if they are the same.
func never[T any](_, _ T) bool { return false }

// judgeNaming adds the ClientIntents with a target of that name, whatever its kind.
func (t *touch) judgeNaming(server cluster.Ref) {
	for _, snap := range t.snaps {
		for _, namespace := range snap.Namespaces() {
			space, _ := snap.Space(namespace)
			t.judge(space.IntentsNaming(server)...)
		}
	}
}

// judgeKafka adds the ClientIntents with a kafka target in a namespace whose KafkaServerConfigs changed.
func (t *touch) judgeKafka(namespace string) {
	snap := t.snaps[1]
	for _, name := range snap.Namespaces() {
		space, _ := snap.Space(name)
		for _, intents := range space.Intents() {
			for _, meant := range targets([]*v2beta1.ClientIntents{intents}) {
				if meant.Type == v2beta1.TargetTypeKafka && meant.Server.Namespace == namespace {
					t.judge(intents)
				}
			}
		}
	}
}
