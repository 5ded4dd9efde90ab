package v2beta1_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/portolan-io/portolan/api/v2alpha1"
	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/testkit"
)

const crdDir = "../../config/crd"

// definitions returns the generated CRDs.
func definitions(t *testing.T) []apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(crdDir, "bases", "*.yaml"))
	if err != nil || len(files) != 3 {
		t.Fatalf("CRDs in %s: %v (%v), want three", crdDir, files, err)
	}
	out := make([]apiextensionsv1.CustomResourceDefinition, len(files))
	for i, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.UnmarshalStrict(content, &out[i]); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	return out
}

func TestVersionsDifferInNameOnly(t *testing.T) {
	for _, crd := range definitions(t) {
		t.Run(crd.Spec.Names.Kind, func(t *testing.T) {
			if len(crd.Spec.Versions) != 2 {
				t.Fatalf("%d versions, want two", len(crd.Spec.Versions))
			}
			older, newer := crd.Spec.Versions[0], crd.Spec.Versions[1]
			if older.Name != v2alpha1.Version || newer.Name != v2beta1.Version {
				t.Errorf("versions %s and %s, want %s and %s", older.Name, newer.Name, v2alpha1.Version, v2beta1.Version)
			}
			if !older.Served || !newer.Served || older.Storage || !newer.Storage {
				t.Errorf("served %v %v, stored %v %v: want both served and the newer one stored", older.Served, newer.Served, older.Storage, newer.Storage)
			}
			if newer.Subresources == nil || newer.Subresources.Status == nil {
				t.Error("no status subresource")
			}
			older.Name, older.Storage = newer.Name, newer.Storage
			if diff := cmp.Diff(older, newer); diff != "" {
				t.Errorf("the versions differ (-%s +%s):\n%s", v2alpha1.Version, v2beta1.Version, diff)
			}
		})
	}
}

func TestNamesOfTheKinds(t *testing.T) {
	got := map[string]apiextensionsv1.CustomResourceDefinitionNames{}
	for _, crd := range definitions(t) {
		got[crd.Name] = crd.Spec.Names
		if crd.Spec.Group != v2beta1.Group || crd.Spec.Scope != apiextensionsv1.NamespaceScoped {
			t.Errorf("%s: group %s, scope %s", crd.Name, crd.Spec.Group, crd.Spec.Scope)
		}
		if crd.Labels["app.kubernetes.io/part-of"] != "portolan" {
			t.Errorf("%s: labels %v do not say that it is a part of portolan", crd.Name, crd.Labels)
		}
	}
	names := func(kind, plural, singular, short string) apiextensionsv1.CustomResourceDefinitionNames {
		return apiextensionsv1.CustomResourceDefinitionNames{
			Kind: kind, ListKind: kind + "List", Plural: plural, Singular: singular,
			ShortNames: []string{short}, Categories: []string{"portolan"},
		}
	}
	want := map[string]apiextensionsv1.CustomResourceDefinitionNames{
		"clientintents.k8s.otterize.com":      names(v2beta1.KindClientIntents, "clientintents", "clientintents", "ci"),
		"protectedservices.k8s.otterize.com":  names(v2beta1.KindProtectedService, "protectedservices", "protectedservice", "psvc"),
		"kafkaserverconfigs.k8s.otterize.com": names(v2beta1.KindKafkaServerConfig, "kafkaserverconfigs", "kafkaserverconfig", "ksc"),
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("names (-got +want):\n%s", diff)
	}
}

// TestEveryFieldOfASpecIsExplained keeps kubectl explain useful: a field of a spec says its default or gives an example.
func TestEveryFieldOfASpecIsExplained(t *testing.T) {
	for _, crd := range definitions(t) {
		spec := crd.Spec.Versions[1].Schema.OpenAPIV3Schema.Properties["spec"]
		eachField(crd.Spec.Names.Kind+".spec", spec, func(path string, field apiextensionsv1.JSONSchemaProps, required bool) {
			if strings.Contains(field.Description, "Example: ") || strings.Contains(field.Description, "Default: ") {
				return
			}
			if len(field.Enum) == 0 && field.Type != "boolean" || !required {
				t.Errorf("%s: %q has neither an example nor a default", path, field.Description)
			}
		})
	}
}

// eachField calls visit for every field below schema.
func eachField(path string, schema apiextensionsv1.JSONSchemaProps, visit func(path string, field apiextensionsv1.JSONSchemaProps, required bool)) {
	if schema.Items != nil && schema.Items.Schema != nil {
		eachField(path+"[]", *schema.Items.Schema, visit)
	}
	for name, field := range schema.Properties {
		visit(path+"."+name, field, slices.Contains(schema.Required, name))
		eachField(path+"."+name, field, visit)
	}
}

// TestKustomizeSetsTheConversion reads the CRDs as they are installed.
func TestKustomizeSetsTheConversion(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), testkit.Kubectl(t), "kustomize", crdDir).Output()
	if err != nil {
		t.Fatalf("kubectl kustomize: %v", err)
	}
	documents := strings.Split(string(out), "\n---\n")
	if len(documents) != 3 {
		t.Fatalf("%d documents, want three", len(documents))
	}
	for _, document := range documents {
		var crd apiextensionsv1.CustomResourceDefinition
		if err := yaml.UnmarshalStrict([]byte(document), &crd); err != nil {
			t.Fatal(err)
		}
		want := &apiextensionsv1.CustomResourceConversion{Strategy: apiextensionsv1.NoneConverter}
		if diff := cmp.Diff(crd.Spec.Conversion, want); diff != "" {
			t.Errorf("%s: conversion (-got +want):\n%s", crd.Name, diff)
		}
	}
}
