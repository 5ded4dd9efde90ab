package controllers_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-io/portolan/api/v2beta1"
)

// Everything here happens to one operator that keeps running, each story in a namespace of its own.
func TestPoliciesAmongOthers(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	o := f.start()
	for name, story := range map[string]func(*fixture){
		"a policy that somebody deletes is put back":                         deletedByHand,
		"a policy that somebody edits is put right":                          editedByHand,
		"a policy that somebody keeps editing stays right in the end":        editedAgainAndAgain,
		"what somebody adds to labels and annotations stays":                 annotatedByHand,
		"an object that is not ours is left alone, and used once it is gone": nameTaken,
		"an object that somebody made just like ours is not taken over":      twin,
		"our label on an object without a subject has it deleted":            stray,
		"a policy whose labels somebody removes is not ours any more":        disowned,
		"a namespace that goes takes everything with it in peace":            namespaceGoes,
		"a policy that the cluster refuses stops nobody else":                refused,
	} {
		t.Run(name, func(t *testing.T) { story(f.in(t)) })
	}
	f.quiet(o)
}

const paymentsPolicy = "portolan-payments-deployment"

// shop makes a namespace in which checkout calls payments, and waits for the policy.
func (f *fixture) shop(namespace string) *networkingv1.NetworkPolicy {
	f.Helper()
	f.namespace(namespace)
	f.create(deployment(namespace, "checkout"), deployment(namespace, "payments"), calls(namespace, "checkout", "payments"))
	return f.policy(namespace, paymentsPolicy)
}

func deletedByHand(f *fixture) {
	before := f.shop("deleted")
	f.remove(before)
	f.eventually("waiting for the policy to be put back", func() error {
		if now := f.policy("deleted", paymentsPolicy); now.UID == before.UID {
			return errors.New("it is still the old one")
		}
		return nil
	})
}

func editedByHand(f *fixture) {
	before := f.shop("edited")
	edited := before.DeepCopy()
	edited.Spec.Ingress = append(edited.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{})
	edited.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}
	edited.Spec.PolicyTypes = append(edited.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
	edited.Spec.PodSelector.MatchLabels["app"] = "nobody"
	f.must(f.Update(f.Context(), edited))
	f.specIs(before)
}

// specIs waits until a policy has the spec of want again.
func (f *fixture) specIs(want *networkingv1.NetworkPolicy) {
	f.Helper()
	f.eventually("waiting for the policy to be put right", func() error {
		now := f.policy(want.Namespace, want.Name)
		if now.UID != want.UID {
			f.Fatal("the policy was replaced instead of put right")
		}
		if diff := cmp.Diff(now.Spec, want.Spec); diff != "" {
			return fmt.Errorf("got, want %s", diff)
		}
		return nil
	})
}

func editedAgainAndAgain(f *fixture) {
	want := f.shop("storm")
	for i := range 30 {
		opened := want.DeepCopy()
		opened.ResourceVersion = ""
		opened.Spec.Ingress[0].From[0].PodSelector.MatchLabels["app"] = fmt.Sprintf("thief-%d", i)
		f.must(f.Update(f.Context(), opened))
	}
	f.specIs(want)
	f.condition("storm", "checkout", v2beta1.ConditionReady, metav1.ConditionTrue, v2beta1.ReasonApplied)
}

func annotatedByHand(f *fixture) {
	policy := f.shop("annotated")
	policy.Labels["team"] = "blue"
	policy.Annotations["note"] = "mine"
	policy.Annotations[v2beta1.AnnotationBecause] = "no reason"
	f.must(f.Update(f.Context(), policy))
	f.eventually("waiting for Portolan's annotation to be put right", func() error {
		now := f.policy("annotated", paymentsPolicy)
		if because := now.Annotations[v2beta1.AnnotationBecause]; because != "ClientIntents annotated/checkout" {
			return fmt.Errorf("because = %q", because)
		}
		if now.Labels["team"] != "blue" || now.Annotations["note"] != "mine" {
			f.Fatal("a label or annotation of somebody else is gone")
		}
		return nil
	})
}

// somebodys returns a policy that a person made, under the name that Portolan would choose.
func somebodys(namespace string) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: paymentsPolicy},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "payments"}},
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
		},
	}
}

func nameTaken(f *fixture) {
	f.namespace("taken")
	theirs := somebodys("taken")
	f.create(theirs, deployment("taken", "checkout"), deployment("taken", "payments"), calls("taken", "checkout", "payments"))
	f.condition("taken", "checkout", v2beta1.ConditionConflict, metav1.ConditionTrue, v2beta1.ReasonNameConflict)
	f.condition("taken", "checkout", v2beta1.ConditionReady, metav1.ConditionFalse, v2beta1.ReasonConflict)
	f.event("taken", "ClientIntents", "checkout", "NameConflict")
	f.untouched(theirs)
	f.remove(theirs)
	f.eventually("waiting for Portolan's own policy", func() error {
		if now := f.policy("taken", paymentsPolicy); now.UID == theirs.UID {
			return errors.New("it is still somebody else's")
		}
		return nil
	})
	f.condition("taken", "checkout", v2beta1.ConditionReady, metav1.ConditionTrue, v2beta1.ReasonApplied)
}

// untouched fails unless the object is as it was made, but for who has a say in it.
func (f *fixture) untouched(want *networkingv1.NetworkPolicy) {
	f.Helper()
	now := f.policy(want.Namespace, want.Name)
	if diff := cmp.Diff(now.Spec, want.Spec); diff != "" || len(now.Labels) != len(want.Labels) || len(now.Annotations) != len(want.Annotations) {
		f.Errorf("an object of somebody else was changed: labels %v, annotations %v, got, want %s", now.Labels, now.Annotations, diff)
	}
}

// twin checks the one case in which server-side apply gives no conflict: somebody makes the same object just before
// Portolan does, and the cache does not know yet. It is made likely by racing many times.
func twin(f *fixture) {
	f.namespace("twins")
	f.create(deployment("twins", "checkout"), calls("twins", "checkout", "payments"))
	f.condition("twins", "checkout", v2beta1.ConditionReady, metav1.ConditionTrue, v2beta1.ReasonApplied)
	for range 10 {
		server, theirs := deployment("twins", "payments"), somebodys("twins")
		theirs.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{{
			PodSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{"app": "checkout"}},
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": "twins"}},
		}}}}
		f.create(server)
		if err := f.Create(f.Context(), theirs); err != nil {
			f.remove(server) // Portolan was first
			f.noPolicy("twins", paymentsPolicy)
			continue
		}
		f.condition("twins", "checkout", v2beta1.ConditionConflict, metav1.ConditionTrue, v2beta1.ReasonNameConflict)
		f.untouched(theirs)
		f.remove(server, theirs)
		f.noPolicy("twins", paymentsPolicy)
		f.condition("twins", "checkout", v2beta1.ConditionConflict, metav1.ConditionFalse, v2beta1.ReasonNoConflict)
	}
}

func stray(f *fixture) {
	f.namespace("stray")
	lost := somebodys("stray")
	lost.Labels = map[string]string{v2beta1.LabelManagedBy: v2beta1.ManagedBy, v2beta1.LabelWorkload: "gone-0123456789abcdef"}
	f.create(lost)
	f.noPolicy("stray", paymentsPolicy)
}

func disowned(f *fixture) {
	policy := f.shop("disowned")
	patch := client.MergeFrom(policy.DeepCopy())
	delete(policy.Labels, v2beta1.LabelManagedBy)
	f.must(f.Patch(f.Context(), policy, patch))
	f.condition("disowned", "checkout", v2beta1.ConditionConflict, metav1.ConditionTrue, v2beta1.ReasonNameConflict)
	f.untouched(policy)
}

func namespaceGoes(f *fixture) {
	f.shop("going")
	var space metav1.PartialObjectMetadata
	space.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	space.Name = "going"
	f.remove(&space)
	f.remove(f.policy("going", paymentsPolicy)) // nobody else empties namespaces here
	intents := calls("going", "checkout")
	f.condition("going", intents.Name, v2beta1.ConditionReady, metav1.ConditionTrue, v2beta1.ReasonApplied)
}

func refused(f *fixture) {
	f.namespace("refused")
	ban := &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "no-policies"},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
				RuleWithOperations: admissionv1.RuleWithOperations{
					// A probe that was made just before the ban takes hold is deleted after it, and then object is null.
					Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
					Rule:       admissionv1.Rule{APIGroups: []string{"networking.k8s.io"}, APIVersions: []string{"v1"}, Resources: []string{"networkpolicies"}},
				},
			}}},
			Validations: []admissionv1.Validation{{Expression: `!object.metadata.name.startsWith("portolan-payments")`}},
		},
	}
	bound := &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "no-policies"},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: "no-policies", ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
			MatchResources: &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{
				MatchLabels: map[string]string{"kubernetes.io/metadata.name": "refused"},
			}},
		},
	}
	f.create(ban, bound)
	f.eventually("waiting for the ban to hold", func() error {
		probe := somebodys("refused")
		if err := f.Create(f.Context(), probe); apierrors.IsInvalid(err) {
			return nil
		}
		return errors.Join(errors.New("it does not hold yet"), client.IgnoreNotFound(f.Delete(f.Context(), probe)))
	})
	f.create(
		deployment("refused", "checkout"), deployment("refused", "payments"), deployment("refused", "ledger"),
		calls("refused", "checkout", "payments", "ledger"),
	)
	f.policy("refused", "portolan-ledger-deployment")
	f.condition("refused", "checkout", v2beta1.ConditionReady, metav1.ConditionFalse, v2beta1.ReasonFailed)
	f.event("refused", "ClientIntents", "checkout", "CreatingNetworkPoliciesFailed")
	f.remove(bound, ban)
	f.policy("refused", paymentsPolicy)
	f.condition("refused", "checkout", v2beta1.ConditionReady, metav1.ConditionTrue, v2beta1.ReasonApplied)
}
