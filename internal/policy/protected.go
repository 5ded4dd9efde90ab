package policy

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
)

// Protection is what a ProtectedService says about itself. Status has no transition times.
type Protection struct {
	Status   v2beta1.ProtectedServiceStatus
	Findings []Finding
}

// JudgeProtected says whether the subjects that a ProtectedService names are isolated. written is what is known about
// the objects of the subjects that ConcernedBy lists.
func JudgeProtected(
	snap *cluster.Snapshot, set Settings, p *v2beta1.ProtectedService, written map[identity.Workload]Written,
) Protection {
	var states []state
	j := judge{snap: snap, set: &set, written: written, intents: &v2beta1.ClientIntents{}}
	for _, subject := range ConcernedBy(snap, p) {
		states = append(states, j.ingress(subject))
	}
	ready := protectedReady(p, states)
	conflict := protectedConflict(states)
	result := Protection{Status: v2beta1.ProtectedServiceStatus{
		ObservedGeneration: p.Generation,
		Conditions: []metav1.Condition{
			condition(v2beta1.ConditionReady, ready, p.Generation),
			condition(v2beta1.ConditionConflict, conflict, p.Generation),
		},
	}}
	if conflict.holds {
		result.Findings = append(result.Findings, Finding{
			About:  ObjectRef{Kind: kindProtectedService, Namespace: p.Namespace, Name: p.Name},
			Target: noTarget, Severity: Warning, Reason: v2beta1.ReasonNameConflict,
			Message: conflict.message + "; nothing was written",
		})
	}
	return result
}

// ConcernedBy returns the subjects that a ProtectedService names, sorted: workloads that exist, and the Service of that
// name where the kind says so or a declaration names it.
func ConcernedBy(snap *cluster.Snapshot, p *v2beta1.ProtectedService) []identity.Workload {
	space, known := snap.Space(p.Namespace)
	ref := p.Spec.WorkloadReference
	if !known || ref.Name == "" {
		return nil
	}
	var found []identity.Workload
	if ref.Kind != identity.KindService {
		found = slices.Clone(space.Named(ref.Name, ref.Kind))
	}
	if _, exists := space.Service(ref.Name); exists {
		service := matter{snap: snap, who: identity.Workload{Namespace: p.Namespace, Kind: kindService, Name: ref.Name}}
		if service.isNamedBy(ref) {
			found = append(found, service.who)
		}
	}
	slices.SortFunc(found, identity.Compare)
	return found
}

func protectedReady(p *v2beta1.ProtectedService, states []state) assessment {
	if len(states) == 0 {
		kind := p.Spec.Kind
		if kind == "" {
			kind = "workload"
		}
		message := fmt.Sprintf("no %s %s in %s", kind, p.Spec.Name, p.Namespace)
		return assessment{reason: v2beta1.ReasonWorkloadNotFound, message: message}
	}
	found := worst(states)
	switch {
	case found.state == v2beta1.TargetStateEnforced:
		return assessment{holds: true, reason: v2beta1.ReasonApplied}
	case found.reason == v2beta1.TargetReasonNameConflict:
		return assessment{reason: v2beta1.ReasonConflict, message: found.message}
	case found.reason == v2beta1.TargetReasonAwaitingFirstIsolation:
		return assessment{reason: v2beta1.ReasonAwaitingFirstIsolation, message: found.message}
	default:
		return assessment{reason: v2beta1.ReasonFailed, message: fmt.Sprintf("%s: %s", found.reason, found.message)}
	}
}

func protectedConflict(states []state) assessment {
	for _, s := range states {
		if s.reason == v2beta1.TargetReasonNameConflict {
			return assessment{holds: true, reason: v2beta1.ReasonNameConflict, message: s.message}
		}
	}
	return assessment{reason: v2beta1.ReasonNoConflict}
}
