package svg

import (
	"bytes"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/testkit/golden"
)

// TestGolden draws the maps of internal/export/testdata, which all renderers share. Whoever changes a picture looks at it.
func TestGolden(t *testing.T) {
	for name, edges := range golden.Maps(t) {
		t.Run(name, func(t *testing.T) { golden.File(t, filepath.Join("testdata", name+".svg"), render(t, edges)) })
	}
}

func TestTheOrderOfTheEdgesDoesNotMatter(t *testing.T) {
	for name, edges := range golden.Maps(t) {
		twice := slices.Concat(edges, edges)
		slices.Reverse(twice)
		if diff := cmp.Diff(render(t, twice), render(t, edges)); diff != "" {
			t.Errorf("%s, twice and backwards (-got +want):\n%s", name, diff)
		}
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
