package policy

import (
	"cmp"
	"maps"
	"slices"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
)

// Affected returns the subjects whose ruling or compiled objects can differ between two snapshots, sorted. It reads only
// namespaces that are not the same Space in both, and what objects in them mention; it may return a subject that did not
// change, and never leaves out one that did.
//
// Law: for every subject outside of the result, Decide gives the same for both snapshots under the same settings.
func Affected(before, after *cluster.Snapshot) []identity.Workload {
	if len(before.Namespaces()) == 0 {
		return Subjects(after)
	}
	t := newTouch(before, after)
	t.spread()
	for who := range t.found {
		if !t.isSubject(who) {
			delete(t.found, who)
		}
	}
	return slices.SortedFunc(maps.Keys(t.found), identity.Compare)
}

// AffectedIntents returns the ClientIntents and ProtectedServices of after whose status can differ because the cluster
// does, by kind, namespace and name. What is written about their subjects is not in a snapshot: see Interested.
func AffectedIntents(before, after *cluster.Snapshot) []ObjectRef {
	t := newTouch(before, after)
	t.spread()
	for who := range t.found {
		t.judgeOf(who)
	}
	for _, namespace := range t.namespaces() {
		t.judgeIn(namespace)
	}
	maps.DeleteFunc(t.judged, func(ref ObjectRef, _ struct{}) bool { return !exists(after, ref) })
	return sortedRefs(t.judged)
}

func sortedRefs(refs map[ObjectRef]struct{}) []ObjectRef {
	return slices.SortedFunc(maps.Keys(refs), func(a, b ObjectRef) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
}

func exists(snap *cluster.Snapshot, ref ObjectRef) bool {
	space, known := snap.Space(ref.Namespace)
	if !known {
		return false
	}
	if ref.Kind == kindProtectedService {
		return slices.ContainsFunc(space.Protected(), func(p *v2beta1.ProtectedService) bool { return p.Name == ref.Name })
	}
	return slices.ContainsFunc(space.Intents(), func(i *v2beta1.ClientIntents) bool { return i.Name == ref.Name })
}

// touch collects the workloads and Services that the difference of two snapshots reaches.
type touch struct {
	snaps     [2]*cluster.Snapshot
	annotated [2][]*cluster.Workload // with a called-by annotation
	found     map[identity.Workload]struct{}
	judged    map[ObjectRef]struct{}     // objects whose status can differ although no subject is found for them
	served    map[identity.Workload]bool // reached as servers already
	fronts    map[front]bool             // reached already
}

func newTouch(before, after *cluster.Snapshot) *touch {
	t := &touch{
		snaps:  [2]*cluster.Snapshot{before, after},
		found:  make(map[identity.Workload]struct{}),
		judged: make(map[ObjectRef]struct{}),
		served: make(map[identity.Workload]bool),
		fronts: make(map[front]bool),
	}
	for _, namespace := range after.Namespaces() {
		old, _ := before.Space(namespace)
		now, _ := after.Space(namespace)
		found := slices.Collect(annotatedIn(now))
		t.annotated[1] = append(t.annotated[1], found...)
		switch {
		case old == now:
			t.annotated[0] = append(t.annotated[0], found...)
		case old != nil:
			t.annotated[0] = slices.AppendSeq(t.annotated[0], annotatedIn(old))
		}
	}
	for _, namespace := range before.Namespaces() {
		if _, still := after.Space(namespace); !still {
			old, _ := before.Space(namespace)
			t.annotated[0] = slices.AppendSeq(t.annotated[0], annotatedIn(old))
		}
	}
	return t
}

// namespaces returns the names of the namespaces that differ, sorted.
func (t *touch) namespaces() []string {
	names := slices.Concat(t.snaps[0].Namespaces(), t.snaps[1].Namespaces())
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool {
		old, _ := t.snaps[0].Space(name)
		now, _ := t.snaps[1].Space(name)
		return old == now
	})
}

// spaces returns both versions of a namespace; one that does not exist is empty.
func (t *touch) spaces(namespace string) (before, after *cluster.Space) {
	var found [2]*cluster.Space
	for i, snap := range t.snaps {
		space, known := snap.Space(namespace)
		if !known {
			space = cluster.NewSpace(cluster.Facts{Namespace: namespace})
		}
		found[i] = space
	}
	return found[0], found[1]
}

// spread follows every difference to what it reaches.
func (t *touch) spread() {
	for _, namespace := range t.namespaces() {
		before, after := t.spaces(namespace)
		for _, i := range changed(before.Intents(), after.Intents(), intentsName, sameIntents) {
			t.intents(i)
		}
		for _, p := range changed(before.Protected(), after.Protected(), protectedName, sameProtected) {
			t.protected(p)
		}
		for _, who := range changedWorkloads(before, after) {
			t.workload(who)
		}
		for _, s := range changed(before.Services(), after.Services(), serviceName, sameService) {
			t.service(s)
		}
		if namespace == identity.APIServer().Namespace && !sameAPIServer(before, after) {
			t.apiServer()
		}
		t.addresses(before, after)
	}
}
