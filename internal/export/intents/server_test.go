package intents

import (
	"bytes"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/testkit"
)

// TestTheAPIServerAcceptsWhatIsDeclared holds the rules of this room against those of the API: what a file says is
// applied as it stands, with strict checks and without being stored.
func TestTheAPIServerAcceptsWhatIsDeclared(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	server, err := client.New(testkit.ControlPlane(t), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	for _, namespace := range []string{"shop", "pay"} {
		if err := server.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, accepted := t.Context(), 0
	apply := func(t rapid.TB, edges []graph.Edge, o Options) {
		for _, text := range documents(t, edges, o) {
			object := new(unstructured.Unstructured)
			if err := yaml.Unmarshal([]byte(text), &object.Object); err != nil {
				t.Fatalf("%v in\n%s", err, text)
			}
			if err := server.Create(ctx, object, client.DryRunAll, client.FieldValidation(metav1.FieldValidationStrict)); err != nil {
				t.Fatalf("refused: %v\n%s", err, text)
			}
			accepted++
		}
	}
	t.Run("random edges", func(t *testing.T) {
		rapid.Check(t, func(r *rapid.T) {
			apply(r, randomEdges().Draw(r, "edges"), randomOptions().Draw(r, "options"))
		})
		if accepted < 30 { // 120 to 200 as a rule
			t.Errorf("only %d objects came to the server: the edges are too wild to test anything", accepted)
		}
	})
	t.Run("a client with as much as fits", func(t *testing.T) {
		apply(t, callers(3_000, numbered, func(i int) uint16 { return uint16(1 + i%900) }), Options{WithInternet: true})
		apply(t, callers(5_000, func(i int) string { return numbered(i) + strings.Repeat(".abcdefghi", 20) }, https), Options{WithInternet: true})
	})
}

// documents returns the YAML documents that edges become.
func documents(t rapid.TB, edges []graph.Edge, o Options) []string {
	t.Helper()
	objects, _ := Declare(edges, o)
	var all []string
	for i := range objects {
		var text bytes.Buffer
		if err := Marshal(&text, objects[i:i+1], sampleHeader()); err != nil {
			t.Fatal(err)
		}
		all = append(all, text.String())
	}
	return all
}
