package controllers

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/identity"
)

var web = identity.Workload{Namespace: "shop", Kind: "Deployment", Name: "web"}

// ownPolicy returns a policy of web with that name and caller.
func ownPolicy(name, caller string) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: name, UID: types.UID("uid-of-" + name),
			Labels:      map[string]string{v2beta1.LabelManagedBy: v2beta1.ManagedBy, v2beta1.LabelWorkload: web.Key()},
			Annotations: map[string]string{v2beta1.AnnotationIdentity: web.String()},
		},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
			Ingress: []networkingv1.NetworkPolicyIngressRule{{
				From: []networkingv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": caller}}}},
			}},
		},
	}
}

func with(p *networkingv1.NetworkPolicy, change func(*networkingv1.NetworkPolicy)) *networkingv1.NetworkPolicy {
	change(p)
	return p
}

func TestPlanPolicies(t *testing.T) {
	foreign := with(ownPolicy("web", "cart"), func(p *networkingv1.NetworkPolicy) { p.Labels = nil })
	other := with(ownPolicy("web", "cart"), func(p *networkingv1.NetworkPolicy) { p.Labels[v2beta1.LabelWorkload] = "other-0123456789abcdef" })
	annotated := with(ownPolicy("web", "cart"), func(p *networkingv1.NetworkPolicy) { p.Annotations["note"] = "mine" })
	extended := with(ownPolicy("web", "cart"), func(p *networkingv1.NetworkPolicy) {
		p.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}
	})
	type names = []string
	for name, tc := range map[string]struct {
		wanted, live                    []*networkingv1.NetworkPolicy
		create, update, remove, foreign names
		same                            int
	}{
		"what is not there is created":                  {wanted: list(ownPolicy("web", "cart")), create: names{"web"}},
		"what is as wanted is left alone":               {wanted: list(ownPolicy("web", "cart")), live: list(ownPolicy("web", "cart")), same: 1},
		"what differs is updated":                       {wanted: list(ownPolicy("web", "cart")), live: list(ownPolicy("web", "thief")), update: names{"web"}},
		"what is not wanted any more is removed":        {live: list(ownPolicy("web", "cart")), remove: names{"web"}},
		"an object under an older name is removed":      {wanted: list(ownPolicy("web-ingress", "cart")), live: list(ownPolicy("web", "cart")), create: names{"web-ingress"}, remove: names{"web"}},
		"an object of somebody else is foreign":         {wanted: list(ownPolicy("web", "cart")), live: list(foreign), foreign: names{"web"}},
		"an object of another subject is foreign":       {wanted: list(ownPolicy("web", "cart")), live: list(other), foreign: names{"web"}},
		"an annotation that somebody added is no drift": {wanted: list(ownPolicy("web", "cart")), live: list(annotated), same: 1},
		"a rule that somebody added is drift":           {wanted: list(ownPolicy("web", "cart")), live: list(extended), update: names{"web"}},
	} {
		t.Run(name, func(t *testing.T) {
			at := make(map[string]*networkingv1.NetworkPolicy)
			var owned []*networkingv1.NetworkPolicy
			for _, l := range tc.live {
				at[l.Name] = l
				if isOwnedBy(l, web.Key()) {
					owned = append(owned, l)
				}
			}
			p := planPolicies(web, tc.wanted, at, owned)
			var updated []*networkingv1.NetworkPolicy
			for _, u := range p.update {
				updated = append(updated, u.want)
				if u.uid != at[u.want.Name].UID {
					t.Errorf("update of %s carries uid %q, want %q", u.want.Name, u.uid, at[u.want.Name].UID)
				}
			}
			for what, pair := range map[string][2]names{
				"create":  {namesOf(p.create), tc.create},
				"update":  {namesOf(updated), tc.update},
				"remove":  {namesOf(p.remove), tc.remove},
				"foreign": {namesOf(p.foreign), tc.foreign},
			} {
				if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
					t.Errorf("%s: got, want %s", what, diff)
				}
			}
			if p.same != tc.same {
				t.Errorf("same = %d, want %d", p.same, tc.same)
			}
		})
	}
}

func list(all ...*networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy { return all }

func namesOf(all []*networkingv1.NetworkPolicy) []string {
	var names []string
	for _, p := range all {
		names = append(names, p.Name)
	}
	return names
}

func TestEqualPoliciesFillsInDefaults(t *testing.T) {
	written := ownPolicy("web", "cart")
	written.Spec.PolicyTypes = nil
	written.Spec.Ingress[0].Ports = []networkingv1.NetworkPolicyPort{{}}
	stored := written.DeepCopy()
	tcp := corev1.ProtocolTCP
	stored.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
	stored.Spec.Ingress[0].Ports[0].Protocol = &tcp
	if !equalPolicies(written, stored) {
		t.Error("a policy differs from itself with the defaults of the API server")
	}
	if written.Spec.Ingress[0].Ports[0].Protocol != nil {
		t.Error("the comparison changed what it compared")
	}
}
