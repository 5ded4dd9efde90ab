package graph

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portolan-io/portolan/internal/traffic"
)

// observations draws a small world, so that edges, uses and Services meet often.
func observations() *rapid.Generator[[]Observation] {
	peers := []Peer{inside("a", "x"), inside("a", "y"), inside("b", "x"), named("n.example"), address("192.0.2.1")}
	one := rapid.Custom(func(t *rapid.T) Observation {
		o := Observation{
			Client: rapid.SampledFrom(peers[:4]).Draw(t, "client"), Server: rapid.SampledFrom(peers[:3]).Draw(t, "server"),
			Source:  rapid.SampledFrom([]traffic.Source{traffic.DNS, traffic.SYN, traffic.Socket}).Draw(t, "source"),
			Service: rapid.SampledFrom([]string{"", "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9"}).Draw(t, "service"),
			First:   start.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "first"))),
			Count:   rapid.Uint64Range(1, 9).Draw(t, "count"),
		}
		o.Last = o.First.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "length")))
		o.HostNetwork, o.Private = rapid.Bool().Draw(t, "host"), rapid.Bool().Draw(t, "private")
		if rapid.Bool().Draw(t, "lookup") {
			o.Use = Use{Act: traffic.Lookup, Name: strconv.Itoa(rapid.IntRange(0, 3).Draw(t, "name"))}
			return o
		}
		o.Use = Use{Act: traffic.Connect, Protocol: traffic.TCP, Port: rapid.Uint16Range(1, 4).Draw(t, "port")}
		o.TargetPort = rapid.Uint16Range(0, 4).Draw(t, "target")
		return o
	})
	return rapid.SliceOfN(one, 0, 40)
}

// facts is a view without what is not a fact.
func facts(edges []Edge) []Edge {
	for i := range edges {
		for _, seen := range edges[i].Uses {
			for k := range seen.Evidence {
				seen.Evidence[k].Count = 0
			}
		}
	}
	return edges
}

func viewOf(all ...[]Observation) []Edge {
	g := New(Limits{})
	for _, part := range all {
		for _, o := range part {
			g.Merge(o)
		}
	}
	return g.View(Filter{})
}

func TestMergeIsCommutativeInFactsAndCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := observations().Draw(t, "observations")
		other := rapid.Permutation(all).Draw(t, "permutation")
		if diff := cmp.Diff(viewOf(other), viewOf(all), equateEdges()); diff != "" {
			t.Fatalf("another order gives another view:\n%s", diff)
		}
	})
}

func TestMergeIsIdempotentInFacts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := observations().Draw(t, "observations")
		if diff := cmp.Diff(facts(viewOf(all, all)), facts(viewOf(all)), equateEdges()); diff != "" {
			t.Fatalf("merging twice changes facts:\n%s", diff)
		}
	})
}

// TestGraphsMergeIntoOne is associativity: parts that are gathered apart and then restored into one graph, in any
// order, give the view of all.
func TestGraphsMergeIntoOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := observations().Draw(t, "observations")
		parts := [3][]Observation{}
		for _, o := range all {
			i := rapid.IntRange(0, 2).Draw(t, "part")
			parts[i] = append(parts[i], o)
		}
		whole := New(Limits{})
		for _, i := range rapid.Permutation([]int{0, 1, 2}).Draw(t, "order") {
			for _, e := range viewOf(parts[i]) {
				if bound := whole.Restore(e); bound != Kept {
					t.Fatalf("Restore = %s, want kept", bound)
				}
			}
		}
		if diff := cmp.Diff(whole.View(Filter{}), viewOf(all), equateEdges()); diff != "" {
			t.Fatalf("the merged graphs differ from one graph:\n%s", diff)
		}
	})
}

func TestSinceNeverMissesAChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, copied, cursor := New(Limits{}), New(Limits{}), Cursor(0)
		for _, o := range observations().Draw(t, "observations") {
			g.Merge(o)
			if rapid.Bool().Draw(t, "read") {
				cursor = restoreChanges(g, copied, cursor)
			}
		}
		restoreChanges(g, copied, cursor)
		if diff := cmp.Diff(facts(copied.View(Filter{})), facts(g.View(Filter{})), equateEdges()); diff != "" {
			t.Fatalf("the copy that follows by cursor differs:\n%s", diff)
		}
	})
}

func restoreChanges(from, to *Graph, c Cursor) Cursor {
	changed, next := from.Since(c)
	for _, e := range changed {
		to.Restore(e)
	}
	return next
}
