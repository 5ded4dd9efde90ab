package controllers

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	networkingclient "k8s.io/client-go/kubernetes/typed/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-io/portolan/internal/testkit"
)

// behind is a cache that has not heard of anything yet.
type behind struct{ client.Reader }

func (behind) Get(_ context.Context, key client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
	return apierrors.NewNotFound(schema.GroupResource{Resource: "networkpolicies"}, key.Name)
}

func (behind) List(context.Context, client.ObjectList, ...client.ListOption) error { return nil }

// A first write goes out on the word of a cache that may be behind. Whatever is there, it must be right with one request,
// or leave somebody else's object as it was.
func TestFirstWriteOnAnOldPicture(t *testing.T) {
	t.Parallel()
	clients, err := kubernetes.NewForConfig(testkit.ControlPlane(t))
	if err != nil {
		t.Fatal(err)
	}
	counters, err := newMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	stored := clients.NetworkingV1().NetworkPolicies("default")
	w := &policyWriter{
		resource: resource{api: clients.NetworkingV1().RESTClient(), kind: kindNetworkPolicy, plural: "networkpolicies", metrics: counters},
		view:     newPolicyView(behind{}),
	}
	for name, tc := range map[string]struct {
		there   *networkingv1.NetworkPolicy // made by somebody else; nil for nothing
		prepare func(*testing.T, *networkingv1.NetworkPolicy)
		foreign bool
		refused bool
	}{
		"nothing is there":                           {},
		"somebody made just the same rules":          {there: bare(inDefault("cart")), foreign: true},
		"somebody made other rules":                  {there: bare(inDefault("thief")), refused: true},
		"our own object of a moment ago is there":    {prepare: func(t *testing.T, p *networkingv1.NetworkPolicy) { ours(t, w, p) }},
		"our own object, with a label of a person's": {prepare: func(t *testing.T, p *networkingv1.NetworkPolicy) { ours(t, w, p); label(t, stored, p) }},
	} {
		t.Run(name, func(t *testing.T) {
			want := inDefault("cart")
			var before *networkingv1.NetworkPolicy
			if tc.there != nil {
				if before, err = stored.Create(t.Context(), tc.there, metav1.CreateOptions{FieldManager: "somebody"}); err != nil {
					t.Fatal(err)
				}
			}
			if tc.prepare != nil {
				tc.prepare(t, want)
			}
			err := w.create(t.Context(), want)
			if errors.Is(err, errForeign) != tc.foreign || apierrors.IsConflict(err) != tc.refused || (err != nil) != (tc.foreign || tc.refused) {
				t.Errorf("create: %v", err)
			}
			now, err := stored.Get(t.Context(), want.Name, metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if before != nil {
				now.ResourceVersion = before.ResourceVersion // taking back and forth is two changes, and no difference
				if diff := cmp.Diff(now, before); diff != "" {
					t.Errorf("somebody else's object: got, want %s", diff)
				}
			} else if !isOwnedBy(now, web.Key()) || !equalPolicies(want, now) {
				t.Errorf("Portolan's object is not as wanted: %s", cmp.Diff(now, want))
			}
			if err := stored.Delete(t.Context(), want.Name, metav1.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// inDefault returns web's policy in a namespace that exists.
func inDefault(caller string) *networkingv1.NetworkPolicy {
	return with(ownPolicy("web", caller), func(p *networkingv1.NetworkPolicy) { p.Namespace, p.UID = "default", "" })
}

// bare takes the labels and annotations of Portolan off a policy.
func bare(p *networkingv1.NetworkPolicy) *networkingv1.NetworkPolicy {
	p.Labels, p.Annotations = nil, nil
	return p
}

func ours(t *testing.T, w *policyWriter, p *networkingv1.NetworkPolicy) {
	t.Helper()
	if err := w.create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
}

func label(t *testing.T, stored networkingclient.NetworkPolicyInterface, p *networkingv1.NetworkPolicy) {
	t.Helper()
	now, err := stored.Get(t.Context(), p.Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	now.Labels["team"] = "blue"
	if _, err := stored.Update(t.Context(), now, metav1.UpdateOptions{FieldManager: "kubectl-edit"}); err != nil {
		t.Fatal(err)
	}
}
