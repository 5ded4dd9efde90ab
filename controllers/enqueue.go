package controllers

import (
	"maps"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/policy"
)

// This file says which keys a change touches. It is pure: snapshots and objects in, keys out.

// firstRound returns every subject that has to be computed before anything may be deleted: all that can have a policy,
// and all whose pods carry Portolan's label, which may be left from before.
func firstRound(snap *cluster.Snapshot) []identity.Workload {
	subjects := policy.Subjects(snap)
	for _, namespace := range snap.Namespaces() {
		space, _ := snap.Space(namespace)
		subjects = append(subjects, mislabelled(space, noLabel)...)
	}
	slices.SortFunc(subjects, identity.Compare)
	return slices.Compact(subjects)
}

// noLabel says of every workload that its pods need no label.
func noLabel(identity.Workload) string { return "" }

// subjectsOf returns the subjects that a step touches: those whose ruling can differ, and those with a pod whose label is
// not the one that the workload was last found to need.
func subjectsOf(s step, label func(identity.Workload) string) []identity.Workload {
	subjects := policy.Affected(s.before, s.after)
	for _, namespace := range s.names() {
		if space, exists := s.after.Space(namespace); exists {
			subjects = append(subjects, mislabelled(space, label)...)
		}
	}
	slices.SortFunc(subjects, identity.Compare)
	return slices.Compact(subjects)
}

// mislabelled returns the workloads of a namespace with a pod that does not carry just the label value that it should:
// label returns it, empty for none.
func mislabelled(space *cluster.Space, label func(identity.Workload) string) []identity.Workload {
	found := make(map[identity.Workload]struct{})
	for _, p := range space.Pods() {
		who, known := space.WorkloadOf(p.Name)
		if !known || p.Finished {
			continue
		}
		if p.Labels[v2beta1.LabelWorkload] != label(who) {
			found[who] = struct{}{}
		}
	}
	return slices.Collect(maps.Keys(found))
}

// objectsOf returns the objects whose status a step can change by itself.
func objectsOf(s step) []policy.ObjectRef {
	return append(policy.AffectedIntents(s.before, s.after), brokersIn(s)...)
}

// without returns the subjects of before that are not in after; both are sorted.
func without(before, after []identity.Workload) []identity.Workload {
	var gone []identity.Workload
	for _, who := range before {
		if _, still := slices.BinarySearchFunc(after, who, identity.Compare); !still {
			gone = append(gone, who)
		}
	}
	return gone
}

// isRewrite reports whether an update of a ClientIntents changed more than its status.
func isRewrite(before, after client.Object) bool {
	return before.GetGeneration() != after.GetGeneration() || !maps.Equal(before.GetLabels(), after.GetLabels()) ||
		!maps.Equal(before.GetAnnotations(), after.GetAnnotations())
}

// watches reports whether objects of a namespace are written; no list means everywhere.
func watches(only []string, namespace string) bool {
	return len(only) == 0 || slices.Contains(only, namespace)
}
