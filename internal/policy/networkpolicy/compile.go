// Package networkpolicy compiles what was ruled on a subject into NetworkPolicies.
//
// It is pure: the same cluster and ruling give the same bytes, whatever the order in which they became known. It must not
// decide who may talk to whom, and it must not read or write the API server.
package networkpolicy

import (
	"fmt"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/policy"
)

// Compile returns the NetworkPolicies that should exist for the subject of a ruling: none, one, or one for each direction
// where the settings ask for that. snap and set must be those that the ruling was made from.
func Compile(snap *cluster.Snapshot, set policy.Settings, r policy.Ruling) policy.Desired {
	desired := policy.Desired{Subject: r.Subject, PodLabel: r.PodLabel, Findings: r.Findings}
	if r.Unready != "" && r.Isolates(policy.Egress) {
		desired.Keep = true
		return desired
	}
	c := compiler{snap: snap, set: set, ruling: r}
	spec, selectable := c.spec()
	if !selectable {
		return desired
	}
	switch {
	case len(spec.PolicyTypes) == 0:
		return desired
	case set.Separate:
		desired.NetworkPolicies = c.separated(spec)
	default:
		desired.NetworkPolicies = []*networkingv1.NetworkPolicy{c.object(Name(r.Subject), spec)}
	}
	desired.Findings = append(desired.Findings, c.impliedAccess()...)
	return desired
}

// compiler is one ruling in its cluster and under its settings.
type compiler struct {
	snap   *cluster.Snapshot
	set    policy.Settings
	ruling policy.Ruling
}

// spec returns the policy of the subject with every direction in which it is isolated; false if no pod can be selected.
func (c compiler) spec() (networkingv1.NetworkPolicySpec, bool) {
	chosen, exists := policy.Select(c.snap, c.ruling.Subject)
	if !exists || len(chosen.Labels) == 0 {
		return networkingv1.NetworkPolicySpec{}, false
	}
	spec := networkingv1.NetworkPolicySpec{PodSelector: *matching(chosen.Labels)}
	if c.ruling.Isolates(policy.Ingress) {
		spec.PolicyTypes = append(spec.PolicyTypes, networkingv1.PolicyTypeIngress)
		spec.Ingress = c.ingress()
	}
	if c.ruling.Isolates(policy.Egress) {
		spec.PolicyTypes = append(spec.PolicyTypes, networkingv1.PolicyTypeEgress)
		spec.Egress = c.egress()
	}
	return spec, true
}

// separated returns one object for each direction of a policy.
func (c compiler) separated(whole networkingv1.NetworkPolicySpec) []*networkingv1.NetworkPolicy {
	var objects []*networkingv1.NetworkPolicy
	for _, direction := range whole.PolicyTypes {
		spec := networkingv1.NetworkPolicySpec{
			PodSelector: *whole.PodSelector.DeepCopy(),
			PolicyTypes: []networkingv1.PolicyType{direction},
		}
		if direction == networkingv1.PolicyTypeIngress {
			spec.Ingress = whole.Ingress
		} else {
			spec.Egress = whole.Egress
		}
		objects = append(objects, c.object(Name(c.ruling.Subject)+"-"+strings.ToLower(string(direction)), spec))
	}
	return objects
}

func (c compiler) object(name string, spec networkingv1.NetworkPolicySpec) *networkingv1.NetworkPolicy {
	subject := c.ruling.Subject
	return &networkingv1.NetworkPolicy{
		TypeMeta: metav1.TypeMeta{APIVersion: networkingv1.SchemeGroupVersion.String(), Kind: "NetworkPolicy"},
		ObjectMeta: metav1.ObjectMeta{
			Name:      name,
			Namespace: subject.Namespace,
			Labels: map[string]string{
				v2beta1.LabelManagedBy: v2beta1.ManagedBy,
				v2beta1.LabelWorkload:  subject.Key(),
			},
			Annotations: map[string]string{
				v2beta1.AnnotationIdentity: subject.String(),
				v2beta1.AnnotationBecause:  becauseText(c.ruling.Because),
			},
		},
		Spec: spec,
	}
}

// mostCauses is how many causes the annotation lists.
const mostCauses = 20

func becauseText(causes []string) string {
	if len(causes) <= mostCauses {
		return strings.Join(causes, "; ")
	}
	return fmt.Sprintf("%s; and %d more", strings.Join(causes[:mostCauses], "; "), len(causes)-mostCauses)
}

// impliedAccess tells the owners of Services what a policy lets in because of them.
func (c compiler) impliedAccess() []policy.Finding {
	if !c.ruling.Isolates(policy.Ingress) {
		return nil
	}
	var findings []policy.Finding
	for _, p := range c.ruling.In {
		if p.Because.Rule == "" || p.Because.Kind != "Service" {
			continue
		}
		from := "anywhere"
		if !p.Client.IsZero() {
			from = p.Client.String()
		}
		findings = append(findings, policy.Finding{
			About:    policy.ObjectRef{Kind: "Service", Namespace: p.Because.Namespace, Name: p.Because.Name},
			Target:   -1,
			Severity: policy.Info,
			Reason:   "ImpliedAccessAdded",
			Message: fmt.Sprintf("traffic from %s to Service %s is allowed in NetworkPolicy %s/%s",
				from, p.Because.Name, c.ruling.Subject.Namespace, Name(c.ruling.Subject)),
		})
	}
	return findings
}
