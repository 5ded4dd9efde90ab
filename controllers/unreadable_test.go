package controllers_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/controllers"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/policy"
	"github.com/portolan-io/portolan/internal/testkit"
)

// store makes the API server hold ClientIntents that its schema refuses.
func (f *fixture) store(manifests ...string) {
	f.Helper()
	testkit.StoreUnchecked(f, f.config, "clientintents."+v2beta1.Group, manifests...)
}

// torn returns a manifest of a ClientIntents whose targets are text.
func torn(namespace, name string) string {
	return fmt.Sprintf("{apiVersion: k8s.otterize.com/v2beta1, kind: ClientIntents, metadata: {namespace: %s, name: %s}, "+
		"spec: {workload: {name: %s, kind: Deployment}, targets: all}}", namespace, name, name)
}

// An object that does not decode is told so and stops nobody, whether it was read before or not.
func TestAnObjectThatDoesNotDecode(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	seen := graph.New(graph.Limits{})
	o := f.start(discovering(seen, controllers.WriteApply), withSettings(func(s *policy.Settings) { s.Egress = true }))
	before := f.shop("shop")
	f.policy("shop", "portolan-checkout-deployment")
	f.namespace("pay")
	f.create(deployment("pay", "till"))
	rewritten := f.condition("shop", "checkout", v2beta1.ConditionReady, metav1.ConditionTrue, v2beta1.ReasonApplied)

	f.store(torn("shop", "checkout"))
	f.fault("shop", "checkout", "spec.targets: want a list, found string", "counts as it last could be read")
	f.others("first")
	f.sameSpec(before)
	f.metric(o.registry, v2beta1.KindClientIntents, 1)
	see(seen, "shop", "checkout", "first")
	see(seen, "shop", "payments", "first") // whose discovery says that discovery goes on
	f.intents("shop", "payments", "first")
	f.quiet(o)
	o.stop()
	f.must(f.absent(client.ObjectKey{Namespace: "shop", Name: "checkout-deployment"}, new(v2beta1.ClientIntents)))

	o = f.start(discovering(graph.New(graph.Limits{}), controllers.WriteApply), withSettings(func(s *policy.Settings) { s.Egress = true }))
	f.others("second")
	f.fault("shop", "checkout", "spec.targets: want a list, found string", "workloads in namespace shop may do is taken away")
	f.create(calls("pay", "till", "payments.shop"))
	f.eventually("waiting for another caller beside those that stay", func() error {
		return f.lets("shop", paymentsPolicy, "checkout", "till")
	})
	if live := f.policy("shop", "portolan-checkout-deployment"); len(live.Spec.Egress) == 0 {
		t.Errorf("what the client may call is gone: %v", live.Spec)
	}
	f.remove(calls("pay", "till"))
	f.eventually("waiting for the other caller to go", func() error { return f.lets("shop", paymentsPolicy, "checkout") })
	f.quiet(o)

	repaired := calls("shop", "checkout", "payments", "first")
	repaired.ResourceVersion = f.version(rewritten)
	f.must(f.Update(f.Context(), repaired))
	f.condition("shop", "checkout", v2beta1.ConditionReady, metav1.ConditionTrue, v2beta1.ReasonApplied)
	f.metric(o.registry, v2beta1.KindClientIntents, 0)
	f.policy("shop", "portolan-first-deployment")
	f.quiet(o)
}

// An object that nobody could ever read is deleted: what was kept for its sake goes with it.
func TestTheEndOfAnObjectThatDoesNotDecode(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	o := f.start()
	f.shop("shop")
	f.quiet(o)
	o.stop()
	f.store(torn("shop", "checkout"), unnamable("shop"))
	for name, crd := range map[string]string{v2beta1.KindProtectedService: "protectedservices.", v2beta1.KindKafkaServerConfig: "kafkaserverconfigs."} {
		manifest := "{apiVersion: k8s.otterize.com/v2beta1, kind: " + name + ", metadata: {namespace: shop, name: torn}, spec: none}"
		testkit.StoreUnchecked(t, f.config, crd+v2beta1.Group, manifest)
	}

	o = f.start()
	f.others("first")
	f.fault("shop", "checkout", "spec.targets: want a list, found string")
	f.eventually("waiting for the status of a ProtectedService", func() error {
		return f.says(v2beta1.KindProtectedService, "torn", "spec: want an object, found string", "no isolation in namespace shop is lifted")
	})
	// The API server evaluates its rules on what is wrong, and fails, so that an event is all that can be said.
	f.event("shop", v2beta1.KindKafkaServerConfig, "torn", v2beta1.ReasonInvalidSpec)
	said := f.event("shop", v2beta1.KindClientIntents, "unnamable", v2beta1.ReasonInvalidSpec)
	if !strings.HasPrefix(said.Message, "spec.targets.kubernetes.name: want a string, found number") || said.Type != corev1.EventTypeWarning {
		t.Errorf("event = %s %q", said.Type, said.Message)
	}
	f.policy("shop", paymentsPolicy)
	f.remove(calls("shop", "checkout"), calls("shop", "unnamable"))
	f.policy("shop", paymentsPolicy) // the ProtectedService that cannot be read may be for it
	f.remove(&v2beta1.ProtectedService{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "torn"}})
	f.noPolicy("shop", paymentsPolicy)
	f.quiet(o)
}

// unnamable returns a manifest of a ClientIntents with a target whose name is a number.
func unnamable(namespace string) string {
	return "{apiVersion: k8s.otterize.com/v2beta1, kind: ClientIntents, metadata: {namespace: " + namespace + ", name: unnamable}, " +
		"spec: {workload: {name: nobody}, targets: [{kubernetes: {name: 5}}]}}"
}

// others makes a client of "first" or so in a namespace of its own, and waits until the rules for it stand.
func (f *fixture) others(name string) {
	f.Helper()
	f.create(deployment("shop", name))
	f.shop("others-of-" + name)
	f.condition("others-of-"+name, "checkout", v2beta1.ConditionReady, metav1.ConditionTrue, v2beta1.ReasonApplied)
}

// fault waits until an object that does not decode says so in its status and by an event, with these words.
func (f *fixture) fault(namespace, name string, words ...string) {
	f.Helper()
	f.eventually("waiting for the status of an object that does not decode", func() error { return f.says(v2beta1.KindClientIntents, name, words...) })
	f.eventually("waiting for an event", func() error {
		for _, e := range f.events(namespace, v2beta1.KindClientIntents, name) {
			if e.Type == corev1.EventTypeWarning && e.Reason == v2beta1.ReasonInvalidSpec && containsAll(e.Message, words) {
				return nil
			}
		}
		return errors.New("there is none")
	})
}

// says returns nil if the condition Ready of an object in shop is False with all of these words.
func (f *fixture) says(kind, name string, words ...string) error {
	object := raw(kind, "shop", name)
	if err := f.Get(f.Context(), keyOf(object), object); err != nil {
		return err
	}
	var status struct{ Conditions []metav1.Condition }
	text, err := json.Marshal(object.Object["status"])
	f.must(errors.Join(err, json.Unmarshal(text, &status)))
	c := meta.FindStatusCondition(status.Conditions, v2beta1.ConditionReady)
	if c == nil || c.Status != metav1.ConditionFalse || c.ObservedGeneration != object.GetGeneration() || !containsAll(c.Message, words) {
		return fmt.Errorf("status is %v", object.Object["status"])
	}
	return nil
}

// raw returns an object of which nothing but the name is known.
func raw(kind, namespace, name string) *unstructured.Unstructured {
	o := new(unstructured.Unstructured)
	o.SetGroupVersionKind(v2beta1.GroupVersion().WithKind(kind))
	o.SetNamespace(namespace)
	o.SetName(name)
	return o
}

func containsAll(text string, words []string) bool {
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
}

// lets returns nil if a policy lets in just the pods with these values of the label app.
func (f *fixture) lets(namespace, name string, want ...string) error {
	var live networkingv1.NetworkPolicy
	if err := f.Get(f.Context(), client.ObjectKey{Namespace: namespace, Name: name}, &live); err != nil {
		return err
	}
	var got []string
	for _, rule := range live.Spec.Ingress {
		for _, peer := range rule.From {
			got = append(got, peer.PodSelector.MatchLabels["app"])
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		return fmt.Errorf("it lets in %v, want %v", got, want)
	}
	return nil
}

// sameSpec fails if a policy was written again.
func (f *fixture) sameSpec(want *networkingv1.NetworkPolicy) {
	f.Helper()
	if now := f.policy(want.Namespace, want.Name); now.Generation != want.Generation || now.UID != want.UID {
		f.Errorf("the policy was written again: %v", now.Spec)
	}
}

// version returns the resource version of an object.
func (f *fixture) version(o client.Object) string {
	f.Helper()
	live := raw(v2beta1.KindClientIntents, o.GetNamespace(), o.GetName())
	f.must(f.Get(f.Context(), keyOf(live), live))
	return live.GetResourceVersion()
}

// metric waits until the gauge of unreadable objects of a kind has that value.
func (f *fixture) metric(registry *prometheus.Registry, kind string, want float64) {
	f.Helper()
	f.eventually("waiting for the gauge of unreadable objects", func() error {
		families, err := registry.Gather()
		f.must(err)
		for _, family := range families {
			for _, m := range family.GetMetric() {
				if family.GetName() == "portolan_unreadable_objects" && m.GetLabel()[0].GetValue() == kind && m.GetGauge().GetValue() == want {
					return nil
				}
			}
		}
		return fmt.Errorf("no %s is %v", kind, want)
	})
}
