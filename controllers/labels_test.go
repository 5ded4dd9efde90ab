package controllers_test

import (
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/identity"
)

// web-canary's pods match web's selector, so web's own labels are not exact and its pods need Portolan's.
func TestLabelsWhereOwnLabelsAreNotExact(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	o := f.start()
	f.namespace("shop")
	canary := deployment("shop", "web-canary")
	canary.Spec.Template.Labels["app"], canary.Spec.Template.Labels["track"] = "web", "canary"
	canary.Spec.Selector.MatchLabels = map[string]string{"app": "web", "track": "canary"}
	canary.Spec.Template.Labels = canary.Spec.Selector.MatchLabels
	web := deployment("shop", "web")
	f.create(deployment("shop", "checkout"), web, canary)
	f.running(web, "web-1")
	f.running(canary, "canary-1")
	key := identity.Workload{Namespace: "shop", Kind: "Deployment", Name: "web"}.Key()

	f.create(calls("shop", "checkout", "web"))
	p := f.policy("shop", "portolan-web-deployment")
	if got := p.Spec.PodSelector.MatchLabels; len(got) != 1 || got[v2beta1.LabelWorkload] != key {
		t.Errorf("the policy selects %v", got)
	}
	labelled := o.requests.at("PATCH /api/v1/namespaces/shop/pods/web-1")
	if written := o.requests.at("PATCH /apis/networking.k8s.io/v1/namespaces/shop/networkpolicies/portolan-web-deployment"); labelled > written {
		t.Errorf("the policy was written by request %d, before the pod was labelled by request %d", written, labelled)
	}
	f.labelIs("web-1", key)
	f.labelIs("canary-1", "")

	f.running(web, "web-2")
	f.labelIs("web-2", key)

	f.labelPod("web-1", "foreign-0123456789abcdef")
	f.labelIs("web-1", key)
	f.event("shop", "Pod", "web-1", "ForeignWorkloadLabel")
	f.labelPod("canary-1", key)
	f.labelIs("canary-1", "")

	// Without the canary web's own labels are exact: first the policy, then the labels.
	f.remove(canary, setOf(canary, "canary-1"), pod("shop", "canary-1", nil))
	f.eventually("waiting for the policy to select by web's own labels", func() error {
		if got := f.policy("shop", "portolan-web-deployment").Spec.PodSelector.MatchLabels; got["app"] != "web" {
			return fmt.Errorf("it selects %v", got)
		}
		return nil
	})
	f.labelIs("web-1", "")
	f.labelIs("web-2", "")
	f.quiet(o)
}

// A label that was left from before a restart goes, also when nothing is declared any more.
func TestLabelsLeftFromBeforeGo(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.namespace("shop")
	web := deployment("shop", "web")
	f.create(web)
	f.running(web, "web-1")
	f.labelPod("web-1", identity.Workload{Namespace: "shop", Kind: "Deployment", Name: "web"}.Key())
	o := f.start()
	f.labelIs("web-1", "")
	if wrote := f.quiet(o); wrote != 1 {
		t.Errorf("wrote %v", o.requests.writes())
	}
}

// A workload without labels and without an address: its bare pod is labelled and its policy is written all the same.
func TestPodWithoutLabelsAndAddress(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.start()
	f.namespace("shop")
	intents := calls("shop", "checkout", "lonely")
	intents.Spec.Targets[0].Kubernetes.Kind = "Pod"
	f.create(deployment("shop", "checkout"), pod("shop", "lonely", nil), intents)
	f.policy("shop", "portolan-lonely-pod")
	f.labelIs("lonely", identity.Workload{Namespace: "shop", Kind: "Pod", Name: "lonely"}.Key())
	f.condition("shop", "checkout", v2beta1.ConditionReady, metav1.ConditionTrue, v2beta1.ReasonApplied)
}

// running makes a pod of a Deployment, with the ReplicaSet between them.
func (f *fixture) running(d *appsv1.Deployment, name string) {
	f.Helper()
	set := setOf(d, name)
	f.create(set)
	p := pod(d.Namespace, name, d.Spec.Template.Labels)
	p.OwnerReferences = ownedBy("ReplicaSet", set)
	f.create(p)
}

// setOf returns the ReplicaSet between a Deployment and a pod.
func setOf(d *appsv1.Deployment, pod string) *appsv1.ReplicaSet {
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: d.Namespace, Name: d.Name + "-" + pod, OwnerReferences: ownedBy("Deployment", d)},
		Spec:       appsv1.ReplicaSetSpec{Selector: d.Spec.Selector, Template: d.Spec.Template},
	}
}

func ownedBy(kind string, o client.Object) []metav1.OwnerReference {
	controls := true
	return []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: kind, Name: o.GetName(), UID: o.GetUID(), Controller: &controls}}
}

func (f *fixture) labelPod(name, value string) {
	f.Helper()
	patch := fmt.Appendf(nil, `{"metadata":{"labels":{%q:%q}}}`, v2beta1.LabelWorkload, value)
	f.must(f.Patch(f.Context(), pod("shop", name, nil), client.RawPatch("application/merge-patch+json", patch)))
}

// labelIs waits until a pod carries that value of Portolan's label, or none where it is empty.
func (f *fixture) labelIs(name, want string) {
	f.Helper()
	f.eventually("waiting for the label of pod "+name, func() error {
		var p corev1.Pod
		f.must(f.Get(f.Context(), client.ObjectKey{Namespace: "shop", Name: name}, &p))
		if got := p.Labels[v2beta1.LabelWorkload]; got != want {
			return fmt.Errorf("it is %q, want %q", got, want)
		}
		return nil
	})
}
