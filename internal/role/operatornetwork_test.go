package role

import (
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

// TestTheShippedNetworkPolicyAdmitsAgentsOnly: it is about the operator's pods, leads to the agents' port alone, and knows the
// agents by the labels and the namespace that they are shipped with.
func TestTheShippedNetworkPolicyAdmitsAgentsOnly(t *testing.T) {
	var policy networkingv1.NetworkPolicy
	shipped(t, "components/operator-network/networkpolicy.yaml", "NetworkPolicy", &policy)
	var operator appsv1.Deployment
	shipped(t, "operator/deployment.yaml", "Deployment", &operator)
	agent := shippedAgent(t)

	if policy.Namespace != operator.Namespace || !selects(t, &policy.Spec.PodSelector, operator.Spec.Template.Labels) {
		t.Errorf("the policy is about %v in %s, the operator is %v in %s", policy.Spec.PodSelector, policy.Namespace, operator.Spec.Template.Labels, operator.Namespace)
	}
	if len(policy.Spec.Ingress) != 1 || !slices.Equal(policy.Spec.PolicyTypes, []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}) {
		t.Fatalf("the policy is %+v, want one rule for ingress", policy.Spec)
	}
	rule := policy.Spec.Ingress[0]
	if len(rule.Ports) != 1 || !slices.ContainsFunc(operator.Spec.Template.Spec.Containers[0].Ports, func(p corev1.ContainerPort) bool {
		return p.Name == "agents" && p.Name == rule.Ports[0].Port.String()
	}) {
		t.Errorf("the ports are %v, want that of the agents alone", rule.Ports)
	}
	if len(rule.From) != 2 || !selects(t, rule.From[0].PodSelector, agent.Spec.Template.Labels) ||
		!selects(t, rule.From[0].NamespaceSelector, map[string]string{corev1.LabelMetadataName: agent.Namespace}) || rule.From[1].IPBlock == nil {
		t.Errorf("admitted are %v, want the agents and a range", rule.From)
	}
}

// shipped reads the object of that kind in a file below config.
func shipped(t *testing.T, file, kind string, into any) {
	t.Helper()
	for _, object := range manifests(t, file) {
		if object.GetKind() != kind {
			continue
		}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, into); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("config/%s has no %s", file, kind)
}

// selects reports whether a selector is there, is not for everything, and selects these labels.
func selects(t *testing.T, selector *metav1.LabelSelector, of map[string]string) bool {
	t.Helper()
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	return selector != nil && !parsed.Empty() && parsed.Matches(labels.Set(of))
}
