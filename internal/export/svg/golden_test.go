package svg

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/portolan-io/portolan/internal/export/document"
	"github.com/portolan-io/portolan/internal/graph"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden draws the maps of internal/export/testdata, which all renderers share. Whoever changes a picture looks at it.
func TestGolden(t *testing.T) {
	for name, edges := range stories(t) {
		t.Run(name, func(t *testing.T) { compare(t, filepath.Join("testdata", name+".svg"), render(t, edges)) })
	}
}

// TestTheDocumentationShowsTheShop holds the picture that opens the README to what is drawn today.
func TestTheDocumentationShowsTheShop(t *testing.T) {
	compare(t, "../../../docs/shop.svg", render(t, stories(t)["shop"]))
}

func TestTheOrderOfTheEdgesDoesNotMatter(t *testing.T) {
	for name, edges := range stories(t) {
		twice := slices.Concat(edges, edges)
		slices.Reverse(twice)
		if diff := cmp.Diff(render(t, twice), render(t, edges)); diff != "" {
			t.Errorf("%s, twice and backwards (-got +want):\n%s", name, diff)
		}
	}
}

func compare(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, string(want)); diff != "" {
		t.Errorf("%s (-got +want):\n%s", path, diff)
	}
}

func render(t testing.TB, edges []graph.Edge) string {
	t.Helper()
	var b bytes.Buffer
	if err := Render(&b, edges); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// stories reads the edges of every shared map, by name.
func stories(t testing.TB) map[string][]graph.Edge {
	t.Helper()
	paths, err := filepath.Glob("../testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	all := make(map[string][]graph.Edge)
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil || len(archive.Files) != 1 {
			t.Fatalf("%s: want one file graph.json: %v", path, err)
		}
		m, err := document.Read(bytes.NewReader(archive.Files[0].Data))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all[strings.TrimSuffix(filepath.Base(path), ".txtar")] = m.Edges
	}
	return all
}
