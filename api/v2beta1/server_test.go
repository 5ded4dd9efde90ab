package v2beta1_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/portolan-io/portolan/api/v2alpha1"
	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/testkit"
)

// TestOnAPIServer holds the API against a real API server: what it accepts, what it refuses and with which words, and
// how it shows and keeps the objects. That the CRDs are served at all shows that the API server accepts the estimated
// cost of their rules.
func TestOnAPIServer(t *testing.T) {
	s := start(t)
	t.Run("established", s.testEstablished)
	t.Run("accepted manifests", s.testAcceptedManifests)
	t.Run("accepted", s.testAccepted)
	t.Run("the largest object", s.testLargestObject)
	t.Run("refused ClientIntents", s.testRefusedClientIntents)
	t.Run("refused targets", s.testRefusedTargets)
	t.Run("refused ProtectedServices", s.testRefusedProtectedServices)
	t.Run("refused KafkaServerConfigs", s.testRefusedKafkaServerConfigs)
	t.Run("unknown fields", s.testUnknownFields)
	t.Run("versions", s.testVersions)
	t.Run("defaults", s.testDefaults)
	t.Run("columns", s.testColumns)
	t.Run("explanations", s.testExplanations)
	t.Run("status", s.testStatusHasTwoWriters)
	t.Run("objects from before the rules", s.testObjectsFromBeforeTheRules)
}

// server is a real API server with the CRDs.
type server struct {
	config *rest.Config
	client client.Client
}

func start(t *testing.T) server {
	t.Helper()
	config := testkit.ControlPlane(t)
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, apiextensionsv1.AddToScheme, v2beta1.AddToScheme, v2alpha1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return server{config: config, client: c}
}

// namespace makes a namespace for one test.
func (s server) namespace(t *testing.T, name string) string {
	t.Helper()
	if err := s.client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
		t.Fatalf("making namespace %s: %v", name, err)
	}
	return name
}

// tryCreate asks the API server whether it would take the object, and keeps nothing.
func (s server) tryCreate(ctx context.Context, object client.Object) error {
	return s.client.Create(ctx, object, client.DryRunAll, client.FieldValidation(metav1.FieldValidationStrict))
}

// object returns the object of that kind in v2beta1 with spec, which is YAML.
func object(t *testing.T, kind, spec string) *unstructured.Unstructured {
	t.Helper()
	return decode(t, fmt.Sprintf(`
apiVersion: k8s.otterize.com/v2beta1
kind: %s
metadata: {name: it, namespace: default}
spec: %s
`, kind, spec))
}

// decode returns the object that a YAML document holds.
func decode(t testing.TB, document string) *unstructured.Unstructured {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON([]byte(document))
	if err != nil {
		t.Fatalf("reading the test's YAML: %v\n%s", err, document)
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(asJSON); err != nil {
		t.Fatalf("reading the test's object: %v\n%s", err, document)
	}
	return object
}

// refusal is what the API server says about one field of an object that it refuses.
type refusal struct {
	field   string
	message string // a part of the message
}

// checkRefused fails t unless err is the API server's word that the object is invalid, and one of its causes is want.
func checkRefused(t *testing.T, err error, want refusal) {
	t.Helper()
	var status apierrors.APIStatus
	if !errors.As(err, &status) || !apierrors.IsInvalid(err) {
		t.Fatalf("got %v, want the object to be invalid", err)
	}
	for _, cause := range status.Status().Details.Causes {
		if cause.Field == want.field && strings.Contains(cause.Message, want.message) {
			return
		}
	}
	t.Errorf("got %v\nwant the field %s with %q", err, want.field, want.message)
}

func (s server) testEstablished(t *testing.T) {
	for _, plural := range []string{"clientintents", "protectedservices", "kafkaserverconfigs"} {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := s.client.Get(t.Context(), client.ObjectKey{Name: plural + "." + v2beta1.Group}, crd); err != nil {
			t.Fatal(err)
		}
		got := map[apiextensionsv1.CustomResourceDefinitionConditionType]apiextensionsv1.ConditionStatus{}
		for _, condition := range crd.Status.Conditions {
			got[condition.Type] = condition.Status
		}
		if got[apiextensionsv1.Established] != apiextensionsv1.ConditionTrue {
			t.Errorf("%s: conditions %v, want it established", plural, got)
		}
		if got[apiextensionsv1.NonStructuralSchema] == apiextensionsv1.ConditionTrue {
			t.Errorf("%s: conditions %v, want a structural schema", plural, got)
		}
		if crd.Spec.Conversion == nil || crd.Spec.Conversion.Strategy != apiextensionsv1.NoneConverter {
			t.Errorf("%s: conversion %v, want strategy None", plural, crd.Spec.Conversion)
		}
	}
}
