package controllers

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/identity"
)

// plan is what has to be done to the NetworkPolicies of one subject.
type plan struct {
	create  []*networkingv1.NetworkPolicy
	update  []update
	remove  []*networkingv1.NetworkPolicy // live objects, sorted by name
	foreign []*networkingv1.NetworkPolicy // wanted, but an object of somebody else has the name
	same    int                           // wanted and already there
}

// update is an object that is there, and what it should be.
type update struct {
	want *networkingv1.NetworkPolicy
	uid  types.UID
}

// planPolicies compares what a subject should have with what is there. at holds the objects that have a wanted name,
// whoever they belong to; owned holds the subject's own objects, whatever their name.
//
//	wanted  at that name        →
//	yes     nothing             → create
//	yes     ours, equal         → same
//	yes     ours, different     → update
//	yes     somebody else's     → foreign
//	no      ours                → remove
func planPolicies(
	subject identity.Workload, wanted []*networkingv1.NetworkPolicy,
	at map[string]*networkingv1.NetworkPolicy, owned []*networkingv1.NetworkPolicy,
) plan {
	var p plan
	names := make(map[string]struct{}, len(wanted))
	for _, want := range wanted {
		names[want.Name] = struct{}{}
		switch live := at[want.Name]; {
		case live == nil:
			p.create = append(p.create, want)
		case !isOwnedBy(live, subject.Key()):
			p.foreign = append(p.foreign, want)
		case equalPolicies(want, live):
			p.same++
		default:
			p.update = append(p.update, update{want: want, uid: live.UID})
		}
	}
	for _, live := range owned {
		if _, wanted := names[live.Name]; !wanted {
			p.remove = append(p.remove, live)
		}
	}
	slices.SortFunc(p.remove, func(a, b *networkingv1.NetworkPolicy) int { return cmp.Compare(a.Name, b.Name) })
	return p
}

// owner returns the identity key on an object that is Portolan's, and "" for any other object.
func owner(labels map[string]string) string {
	if labels[v2beta1.LabelManagedBy] != v2beta1.ManagedBy {
		return ""
	}
	return labels[v2beta1.LabelWorkload]
}

func isOwnedBy(policy *networkingv1.NetworkPolicy, key string) bool {
	return owner(policy.Labels) == key
}

// equalPolicies reports whether the live object is as wanted. Labels and annotations that others added do not count, since
// server-side apply leaves them alone; the spec is Portolan's as a whole.
func equalPolicies(want, live *networkingv1.NetworkPolicy) bool {
	return contains(live.Labels, want.Labels) && contains(live.Annotations, want.Annotations) &&
		equality.Semantic.DeepEqual(withDefaults(want.Spec), withDefaults(live.Spec))
}

func contains(have, wanted map[string]string) bool {
	for k, v := range wanted {
		if got, present := have[k]; !present || got != v {
			return false
		}
	}
	return true
}

// withDefaults fills in what the API server fills in: protocol TCP, and the policy types that the rules imply. It copies
// what it changes.
func withDefaults(spec networkingv1.NetworkPolicySpec) networkingv1.NetworkPolicySpec {
	if len(spec.PolicyTypes) == 0 {
		spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
		if len(spec.Egress) > 0 {
			spec.PolicyTypes = append(spec.PolicyTypes, networkingv1.PolicyTypeEgress)
		}
	}
	spec.Ingress = slices.Clone(spec.Ingress)
	for i := range spec.Ingress {
		spec.Ingress[i].Ports = portsWithDefaults(spec.Ingress[i].Ports)
	}
	spec.Egress = slices.Clone(spec.Egress)
	for i := range spec.Egress {
		spec.Egress[i].Ports = portsWithDefaults(spec.Egress[i].Ports)
	}
	return spec
}

func portsWithDefaults(ports []networkingv1.NetworkPolicyPort) []networkingv1.NetworkPolicyPort {
	unset := func(p networkingv1.NetworkPolicyPort) bool { return p.Protocol == nil }
	if !slices.ContainsFunc(ports, unset) {
		return ports
	}
	ports = slices.Clone(ports)
	for i := range ports {
		if unset(ports[i]) {
			tcp := corev1.ProtocolTCP
			ports[i].Protocol = &tcp
		}
	}
	return ports
}
