package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/internal/testkit"
	"github.com/portolan-io/portolan/internal/testkit/stage"
)

func TestMarkLabelsWhatIsOutsideOfNamespaces(t *testing.T) {
	const stream = `{"kind": "Namespace", "metadata": {"name": "n", "labels": {"a": "b"}}}
		{"kind": "ClusterRole", "metadata": {"name": "r"}}
		{"kind": "Pod", "metadata": {"name": "p", "namespace": "n", "labels": {"app": "p"}}, "spec": {"terminationGracePeriodSeconds": 9007199254740993}}`
	list, outside, err := mark(stream, "here:/a")
	if err != nil {
		t.Fatal(err)
	}
	id := owner("here:/a").id()
	want := `{"apiVersion":"v1","items":[{"kind":"Namespace","metadata":{"labels":{"a":"b","portolan.dev/demo":"` + id + `"},"name":"n"}},` +
		`{"kind":"ClusterRole","metadata":{"labels":{"portolan.dev/demo":"` + id + `"},"name":"r"}},` +
		`{"kind":"Pod","metadata":{"labels":{"app":"p"},"name":"p","namespace":"n"},"spec":{"terminationGracePeriodSeconds":9007199254740993}}],"kind":"List"}` + "\n"
	if diff := cmp.Diff(list, want); diff != "" {
		t.Errorf("the list (-got +want):\n%s", diff)
	}
	if got, want := outside, []object{{"Namespace", "n", id, "here:/a"}, {"ClusterRole", "r", id, "here:/a"}}; !slices.Equal(got, want) {
		t.Errorf("outside of namespaces are %v, want %v", got, want)
	}
	for _, wrong := range []string{"{", `{"kind": "Namespace"}`} {
		if _, _, err := mark(wrong, "here:/a"); err == nil {
			t.Errorf("%s is taken for a manifest", wrong)
		}
	}
}

// TestTheDemoBringsOnlyKindsThatItLooksFor holds clusterKinds to the manifests.
func TestTheDemoBringsOnlyKindsThatItLooksFor(t *testing.T) {
	t.Setenv("KUBECONFIG", os.DevNull)
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	d := &demo{owner: "here:/a", stage: stage.Stage{Root: root, Kubectl: testkit.Kubectl(t)}}
	known := strings.Split(clusterKinds, ",")
	for _, path := range []string{kustomization, shop} {
		_, outside, err := d.manifest(t.Context(), path)
		if err != nil || len(outside) == 0 {
			t.Fatalf("%s brings %v, %v", path, outside, err)
		}
		for _, o := range outside {
			kind := strings.ToLower(o.kind)
			if !slices.Contains(known, kind+"s") && !slices.Contains(known, strings.TrimSuffix(kind, "y")+"ies") {
				t.Errorf("%s brings %s, which nothing would find again", path, o)
			}
		}
	}
}

func TestStrangers(t *testing.T) {
	const mine = owner("here:/a")
	brought := []object{{kind: "Namespace", name: "shop"}, {kind: "ClusterRole", name: "portolan-operator"}}
	for name, tc := range map[string]struct {
		here object
		want string
	}{
		"what the demo does not meet is no stranger": {object{kind: "Namespace", name: "prod"}, ""},
		"what carries the demo's marks is its own":   {object{"Namespace", "shop", mine.id(), mine}, ""},
		"what carries none is a stranger":            {object{kind: "Namespace", name: "shop"}, "namespace/shop"},
		"another kind of the same name is not met":   {object{kind: "Namespace", name: "portolan-operator"}, ""},
		"another demo's is a stranger, and whose":    {object{"Namespace", "shop", owner("there:/b").id(), "there:/b"}, "namespace/shop (of the demo of there:/b)"},
		"every kind of the system it succeeds is met": {
			object{kind: "CustomResourceDefinition", name: "postgresqlserverconfigs.k8s.otterize.com"},
			"customresourcedefinition/postgresqlserverconfigs.k8s.otterize.com",
		},
		"marks that only look like it do not count": {object{"Namespace", "shop", "other", mine}, "namespace/shop (of the demo of here:/a)"},
	} {
		if got := strings.Join(strangers([]object{tc.here}, brought, mine), ", "); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func TestParseObjects(t *testing.T) {
	got := parseObjects("Namespace\tshop\t12ab\there:/with space\nClusterRole\tadmin\t\t\nodd\n")
	if want := []object{{"Namespace", "shop", "12ab", "here:/with space"}, {kind: "ClusterRole", name: "admin"}}; !slices.Equal(got, want) {
		t.Errorf("parseObjects = %v, want %v", got, want)
	}
}

func TestSomeNames(t *testing.T) {
	if got, want := some([]string{"a", "b"}), "a, b"; got != want {
		t.Errorf("some = %q, want %q", got, want)
	}
	if got, want := some([]string{"a", "b", "c", "d", "e", "f", "g"}), "a, b, c, d, e and 2 more"; got != want {
		t.Errorf("some = %q, want %q", got, want)
	}
}
