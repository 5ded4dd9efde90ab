package text

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/testkit/golden"
	"github.com/portolan-io/portolan/internal/traffic"
)

// TestListIsTheContract holds the form that scripts written for Otterize read, letter by letter.
func TestListIsTheContract(t *testing.T) {
	client := inside("otterize-tutorial-mapper", "Deployment", "client")
	edges := []graph.Edge{
		{Client: client, Server: graph.Peer{Name: "api.adviceslip.com"}},
		{Client: client, Server: inside("otterize-tutorial-mapper", "Deployment", "server")},
		{Client: client, Server: inside("kafka", "StatefulSet", "kafka")},
	}
	const want = `client in namespace otterize-tutorial-mapper calls:
  - kafka in namespace kafka
  - server in namespace otterize-tutorial-mapper
  - api.adviceslip.com (internet)
`
	if diff := cmp.Diff(list(t, edges), want); diff != "" {
		t.Errorf("List (-got +want):\n%s", diff)
	}
}

func TestTheOrderOfTheEdgesDoesNotMatter(t *testing.T) {
	for name, edges := range golden.Maps(t) {
		backwards := slices.Clone(edges)
		slices.Reverse(backwards)
		if diff := cmp.Diff(list(t, backwards), list(t, edges)); diff != "" {
			t.Errorf("%s, list backwards (-got +want):\n%s", name, diff)
		}
		if diff := cmp.Diff(table(t, backwards), table(t, edges)); diff != "" {
			t.Errorf("%s, table backwards (-got +want):\n%s", name, diff)
		}
	}
}

func TestAgeIsWrittenInItsLargestUnit(t *testing.T) {
	for want, passed := range map[string]time.Duration{
		"0s": -time.Minute, "119s": 119 * time.Second, "2m": 2 * time.Minute, "119m": 2*time.Hour - 1, "2h": 2 * time.Hour,
		"47h": 48*time.Hour - 1, "2d": 48 * time.Hour, "30d": 30*24*time.Hour + time.Minute,
	} {
		if got := age(now, now.Add(-passed)); got != want {
			t.Errorf("age of %s = %q, want %q", passed, got, want)
		}
	}
	if got := age(now, time.Time{}); got != "-" {
		t.Errorf("age of never = %q, want -", got)
	}
}

func TestATableWithoutHeadersBeginsWithItsFirstLine(t *testing.T) {
	var b bytes.Buffer
	if err := Table(&b, golden.Maps(t)["shop"], TableOptions{Now: now, NoHeaders: true}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(b.String(), "\n"); got != 10 || strings.Contains(b.String(), "CLIENT") {
		t.Errorf("%d lines, want the 10 edges and no heading:\n%s", got, b.String())
	}
}

func TestTheErrorOfTheWriterIsReturned(t *testing.T) {
	edges := golden.Maps(t)["shop"]
	if err := List(brokenWriter{}, edges); !errors.Is(err, errBroken) {
		t.Errorf("List = %v, want %v", err, errBroken)
	}
	if err := Table(brokenWriter{}, edges, TableOptions{Now: now}); !errors.Is(err, errBroken) {
		t.Errorf("Table = %v, want %v", err, errBroken)
	}
}

var errBroken = errors.New("broken pipe")

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

// FuzzNames checks that no name begins a line, ends a column or reaches the terminal as a control character. It does not
// check what the names look like.
func FuzzNames(f *testing.F) {
	f.Add("client", "shop", "Deployment", "api.example", "syn")
	f.Add("a\nb", "n\ts", "\x1b[31mred", "evil\r\n - x", "\xff")
	f.Add("", "", "", "", "")
	f.Add("\u202etxt", "\u2028", "-", " ", "\x00")
	f.Fuzz(func(t *testing.T, name, namespace, kind, outside, source string) {
		edges := []graph.Edge{
			edge(inside(namespace, kind, name), graph.Peer{Name: outside}, source),
			edge(inside(namespace, kind, name), inside(namespace, kind, name+"x"), source),
		}
		for what, want := range map[string]int{list(t, edges): 0, table(t, edges): 3} {
			if got := strings.Count(what, "\n"); want > 0 && got != want {
				t.Errorf("%d lines, want %d:\n%q", got, want, what)
			}
			if at := strings.IndexFunc(what, func(r rune) bool { return r != '\n' && !unicode.IsGraphic(r) }); at >= 0 {
				t.Errorf("a control character at %d of %q", at, what)
			}
		}
	})
}

func inside(namespace, kind, name string) graph.Peer {
	return graph.Peer{Workload: identity.Workload{Namespace: namespace, Kind: kind, Name: name}}
}

func edge(client, server graph.Peer, source string) graph.Edge {
	return graph.Edge{Client: client, Server: server, Services: []string{source}, Uses: []graph.Seen{{
		Use:      graph.Use{Act: traffic.Act(source), Name: source},
		Evidence: []graph.Evidence{{Source: traffic.Source(source), First: now, Last: now, Count: 1}},
	}}}
}

func list(t *testing.T, edges []graph.Edge) string {
	t.Helper()
	return string(render(t, func(b *bytes.Buffer) error { return List(b, edges) }))
}

func table(t *testing.T, edges []graph.Edge) string {
	t.Helper()
	return string(render(t, func(b *bytes.Buffer) error { return Table(b, edges, TableOptions{Now: now, Wide: true}) }))
}
