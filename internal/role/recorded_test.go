package role

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/portolan-io/portolan/internal/export/document"
	"github.com/portolan-io/portolan/internal/export/text"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/testkit/golden"
)

// TestRecordedClusters replays what was recorded in real clusters; docs/sightings.md says how. A case has the objects, what
// an agent dumped, and perhaps the answer of the operator to list --with-internet --format json, from which the map of the
// replay must not differ. Beside it there may be a capture of the same name.
func TestRecordedClusters(t *testing.T) {
	golden.Each(t, "testdata/replay/*.txtar", func(t *testing.T, c golden.Case) {
		o := DefaultReplayOptions()
		o.Objects = []string{write(t, "objects.yaml", c.Part("objects.yaml"))}
		dumped := o
		dumped.Sightings = []string{write(t, "node.log", c.Part("node.log"))}
		m := mapOf(t, dumped)
		if answer := c.Part("operator.json"); answer != "" {
			asTheOperator(t, m, answer)
		}
		parts := []golden.Part{{Name: "map.txt", Text: shown(t, m)}}
		o.Captures = []string{"testdata/replay/" + c.Name + ".pcap"}
		if _, err := os.Stat(o.Captures[0]); !errors.Is(err, fs.ErrNotExist) {
			captured := mapOf(t, o)
			knownOf(t, captured, m)
			parts = append(parts, golden.Part{Name: "captured.txt", Text: shown(t, captured)})
		}
		c.Check(t, parts...)
	})
}

func mapOf(t *testing.T, o ReplayOptions) document.Map {
	t.Helper()
	m, err := Replay(o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// shown writes a map as people see it, and what became no edge.
func shown(t *testing.T, m document.Map) string {
	t.Helper()
	var out strings.Builder
	if err := text.Table(&out, m.Edges, text.TableOptions{Now: m.Window.To, Wide: true}); err != nil {
		t.Fatal(err)
	}
	for _, line := range reasons(m) {
		out.WriteString("\n" + line)
	}
	return strings.TrimRight(out.String(), "\n") + "\n"
}

// asTheOperator compares a map with the answer of an operator.
func asTheOperator(t *testing.T, m document.Map, answer string) {
	t.Helper()
	want, err := document.Read(strings.NewReader(answer))
	if err != nil {
		t.Fatal(err)
	}
	var written strings.Builder
	if err := document.Write(&written, m); err != nil {
		t.Fatal(err)
	}
	got, err := document.Read(strings.NewReader(written.String()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got.Edges, want.Edges, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("the edges are not those of the operator (-got +want):\n%s", diff)
	}
}

// knownOf checks that every use of a map is one of another as well.
func knownOf(t *testing.T, m, other document.Map) {
	t.Helper()
	type call struct {
		client, server graph.Peer
		use            graph.Use
	}
	known := make(map[call]bool)
	for _, e := range other.Edges {
		for _, u := range e.Uses {
			known[call{e.Client, e.Server, u.Use}] = true
		}
	}
	for _, e := range m.Edges {
		for _, u := range e.Uses {
			if !known[call{e.Client, e.Server, u.Use}] {
				t.Errorf("%s -> %s %+v is only in the capture", e.Client, e.Server, u.Use)
			}
		}
	}
}
