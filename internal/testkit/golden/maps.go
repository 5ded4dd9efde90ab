package golden

import (
	"strings"
	"testing"

	"github.com/portolan-io/portolan/internal/export/document"
	"github.com/portolan-io/portolan/internal/graph"
)

// Maps returns the edges of the maps of internal/export/testdata, which all renderers share, by name.
func Maps(t testing.TB) map[string][]graph.Edge {
	t.Helper()
	all := make(map[string][]graph.Edge)
	for _, c := range Cases(t, "../testdata/*.txtar") {
		m, err := document.Read(strings.NewReader(c.Part("graph.json")))
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		all[c.Name] = m.Edges
	}
	return all
}
