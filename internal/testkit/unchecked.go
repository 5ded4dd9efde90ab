package testkit

import (
	"context"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// schemaTimeout is how long the API server may take to serve another schema.
const schemaTimeout = time.Minute

// StoreUnchecked makes the API server hold objects that its schema refuses, as if they had been stored before the schema
// was what it is: the CRD of the given name, such as clientintents.k8s.otterize.com, takes everything for a moment.
//
// Each object is a manifest in YAML, of the CRD's kind. One that exists is replaced. All of them must be refused by the
// schema, because that is how the end of the moment is noticed. Watches of the kind end while the schema changes.
func StoreUnchecked(t testing.TB, config *rest.Config, crd string, manifests ...string) {
	t.Helper()
	api, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatalf("making a client: %v", err)
	}
	strict := customResource(t, api, crd)
	lax := strict.DeepCopy()
	versions, _, err := unstructured.NestedSlice(lax.Object, "spec", "versions")
	if err != nil {
		t.Fatalf("reading the versions of %s: %v", crd, err)
	}
	for _, version := range versions {
		version.(map[string]any)["schema"] = map[string]any{"openAPIV3Schema": map[string]any{
			"type": "object", "x-kubernetes-preserve-unknown-fields": true,
		}}
	}
	lax.Object["spec"].(map[string]any)["versions"] = versions
	if err := api.Update(t.Context(), lax); err != nil {
		t.Fatalf("making %s take everything: %v", crd, err)
	}
	for _, manifest := range manifests {
		until(t, "storing an object that the schema refuses", func(ctx context.Context) (bool, error) {
			err := put(ctx, api, parsed(t, manifest))
			return err == nil, ignoreInvalid(err)
		})
	}
	back := customResource(t, api, crd)
	back.Object["spec"] = strict.Object["spec"]
	if err := api.Update(t.Context(), back); err != nil {
		t.Fatalf("giving %s its schema back: %v", crd, err)
	}
	until(t, "waiting for the schema to hold again", func(ctx context.Context) (bool, error) {
		probe := parsed(t, manifests[0])
		probe.SetName("probe-" + probe.GetName())
		err := api.Create(ctx, probe, client.DryRunAll)
		return apierrors.IsInvalid(err), ignoreInvalid(err)
	})
}

func customResource(t testing.TB, api client.Client, name string) *unstructured.Unstructured {
	t.Helper()
	crd := new(unstructured.Unstructured)
	crd.SetAPIVersion("apiextensions.k8s.io/v1")
	crd.SetKind("CustomResourceDefinition")
	if err := api.Get(t.Context(), client.ObjectKey{Name: name}, crd); err != nil {
		t.Fatalf("reading the CRD %s: %v", name, err)
	}
	return crd
}

func parsed(t testing.TB, manifest string) *unstructured.Unstructured {
	t.Helper()
	object := new(unstructured.Unstructured)
	if err := yaml.Unmarshal([]byte(manifest), &object.Object); err != nil {
		t.Fatalf("parsing a manifest: %v", err)
	}
	return object
}

// put creates an object or replaces the one that is there.
func put(ctx context.Context, api client.Client, object *unstructured.Unstructured) error {
	err := api.Create(ctx, object)
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	live := object.DeepCopy()
	if err := api.Get(ctx, client.ObjectKeyFromObject(object), live); err != nil {
		return err
	}
	object.SetResourceVersion(live.GetResourceVersion())
	return api.Update(ctx, object)
}

// ignoreInvalid returns nil where trying again may help: another schema is served soon.
func ignoreInvalid(err error) error {
	if apierrors.IsInvalid(err) || apierrors.IsConflict(err) || apierrors.IsNotFound(err) || apierrors.IsServiceUnavailable(err) {
		return nil
	}
	return err
}

func until(t testing.TB, what string, done wait.ConditionWithContextFunc) {
	t.Helper()
	if err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, schemaTimeout, true, done); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}
