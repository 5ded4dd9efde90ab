package graph

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portolan-io/portolan/internal/identity"
)

func merged(all ...[]Observation) *Graph {
	g := New(Limits{})
	for _, o := range slices.Concat(all...) {
		g.Merge(o)
	}
	return g
}

func compareEdges(a, b Edge) int {
	return cmp.Or(ComparePeers(a.Client, b.Client), ComparePeers(a.Server, b.Server))
}

// homeNamespace is the namespace that an edge belongs to.
func homeNamespace(client, server Peer) string {
	if client.Inside() {
		return client.Workload.Namespace
	}
	return server.Workload.Namespace
}

func TestViewsAreSortedWhateverWasForgotten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := merged(observations().Draw(t, "before"))
		g.Expire(start.Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "expire before"))))
		for _, o := range observations().Draw(t, "after") {
			g.Merge(o)
		}
		view := g.View(Filter{})
		if len(view) != g.Len() {
			t.Errorf("the view has %d edges, Len says %d", len(view), g.Len())
		}
		for i := 1; i < len(view); i++ {
			if compareEdges(view[i-1], view[i]) >= 0 {
				t.Fatalf("out of order or twice: %v", pairs(view[i-1:i+1]))
			}
		}
	})
}

func TestForgottenIsAsNeverSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, after := observations().Draw(t, "before"), observations().Draw(t, "after")
		g := merged(before)
		g.Reset("a")
		for _, o := range after {
			g.Merge(o)
		}
		rest := slices.DeleteFunc(before, func(o Observation) bool { return homeNamespace(o.Client, o.Server) == "a" })
		if diff := gocmp.Diff(g.View(Filter{}), viewOf(rest, after), equateEdges()); diff != "" {
			t.Fatalf("after Reset (-got +want):\n%s", diff)
		}
	})
}

func filters() *rapid.Generator[Filter] {
	return rapid.Custom(func(t *rapid.T) Filter {
		f := Filter{InsideOnly: rapid.Bool().Draw(t, "inside only")}
		f.Namespaces = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "elsewhere"}), 0, 2, rapid.ID[string]).Draw(t, "namespaces")
		f.Server = rapid.SampledFrom([]Server{{}, {"a", "x"}, {"b", "x"}, {"a", "s3"}, {"b", "nobody"}}).Draw(t, "server")
		if rapid.Bool().Draw(t, "without") {
			f.Without = map[identity.Workload]bool{inside("a", rapid.SampledFrom([]string{"x", "y", "nobody"}).Draw(t, "left out")).Workload: true}
		}
		if rapid.Bool().Draw(t, "since") {
			f.Since = start.Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "from")))
		}
		if rapid.Bool().Draw(t, "until") {
			f.Until = start.Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "to")))
		}
		return f
	})
}

// passes is what the documentation of Filter says, put as simply as can be.
func (f Filter) passes(e Edge, all []Edge) bool {
	calls := f.Server == Server{} || slices.ContainsFunc(all, func(other Edge) bool {
		w := other.Server.Workload
		named := strings.ReplaceAll(w.Name, ".", "_") == f.Server.Name || slices.Contains(other.Services, f.Server.Name)
		return other.Client == e.Client && other.Server.Inside() && w.Namespace == f.Server.Namespace && named
	})
	return calls &&
		(len(f.Namespaces) == 0 || slices.Contains(f.Namespaces, homeNamespace(e.Client, e.Server))) &&
		!f.Without[e.Client.Workload] && !f.Without[e.Server.Workload] &&
		(!f.InsideOnly || e.Client.Inside() && e.Server.Inside()) &&
		(f.Since.IsZero() || !e.Last.Before(f.Since)) && (f.Until.IsZero() || !e.Last.After(f.Until))
}

func TestAFilterIsTheViewOfAllWithoutTheRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, f := merged(observations().Draw(t, "observations")), filters().Draw(t, "filter")
		all := g.View(Filter{})
		var want []string
		for _, e := range all {
			if f.passes(e, all) {
				want = append(want, pairs([]Edge{e})...)
			}
		}
		if diff := gocmp.Diff(pairs(g.View(f)), want); diff != "" {
			t.Fatalf("view of %+v (-got +want):\n%s", f, diff)
		}
	})
}
