package policy

import (
	"maps"
	"slices"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
)

// Subjects returns every workload and Service that a declaration, a ProtectedService or a called-by annotation touches,
// sorted. Services are in even while they do not exist; workloads only when they do. Nothing else can have a policy.
func Subjects(snap *cluster.Snapshot) []identity.Workload {
	found := make(map[identity.Workload]struct{})
	for _, namespace := range snap.Namespaces() {
		space, _ := snap.Space(namespace)
		for _, intents := range space.Intents() {
			if inUse(space, intents) {
				include(found, Concerned(snap, intents))
			}
		}
		for _, p := range space.Protected() {
			include(found, ConcernedBy(snap, p))
		}
	}
	for w := range annotated(snap) {
		found[w.ID] = struct{}{}
		include(found, existing(snap, calledByOf(w)))
	}
	return slices.SortedFunc(maps.Keys(found), identity.Compare)
}

func include(found map[identity.Workload]struct{}, all []identity.Workload) {
	for _, who := range all {
		found[who] = struct{}{}
	}
}

// Interested returns the ClientIntents and ProtectedServices whose status depends on the objects of a subject, by kind,
// namespace and name: those that name it as a server, and those of which it is the client. Proposals are among them.
func Interested(snap *cluster.Snapshot, subject identity.Workload) []ObjectRef {
	found := make(map[ObjectRef]struct{})
	for _, intents := range naming(snap, subject) {
		found[aboutIntents(intents)] = struct{}{}
	}
	space, known := snap.Space(subject.Namespace)
	if !known {
		return sortedRefs(found)
	}
	for _, intents := range space.IntentsOf(subject.Name) {
		if kind := intents.Spec.Workload.Kind; kind == "" || kind == subject.Kind {
			found[aboutIntents(intents)] = struct{}{}
		}
	}
	for _, p := range space.Protected() {
		if refersTo(protectedRef(p), subject) {
			found[aboutProtected(p)] = struct{}{}
		}
	}
	return sortedRefs(found)
}

// naming returns every ClientIntents with a target that means server, in use or not.
func naming(snap *cluster.Snapshot, server identity.Workload) []*v2beta1.ClientIntents {
	var found []*v2beta1.ClientIntents
	for _, namespace := range snap.Namespaces() {
		space, _ := snap.Space(namespace)
		for _, intents := range space.IntentsNaming(cluster.Ref{Namespace: server.Namespace, Name: server.Name}) {
			stop := func(*v2beta1.ClientIntents, int) bool { return false }
			if !yieldNaming(intents, server, stop) {
				found = append(found, intents)
			}
		}
	}
	return found
}

func protectedRef(p *v2beta1.ProtectedService) identity.Workload {
	return identity.Workload{Namespace: p.Namespace, Kind: p.Spec.Kind, Name: p.Spec.Name}
}

func aboutProtected(p *v2beta1.ProtectedService) ObjectRef {
	return ObjectRef{Kind: kindProtectedService, Namespace: p.Namespace, Name: p.Name}
}
