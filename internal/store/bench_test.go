package store

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/testkit/postgres"
)

// busy returns n edges as a batch changes them: 50 servers for each client.
func busy(n int) []graph.Edge {
	g := graph.New(graph.Limits{})
	for i := range n {
		g.Merge(call(fmt.Sprintf("service-with-a-name-%d", i/50), fmt.Sprintf("server-with-a-name-%d", i%50), 0))
	}
	return g.History(graph.Filter{})
}

// onEachTarget runs a benchmark on an empty store of each kind.
func onEachTarget(b *testing.B, bench func(b *testing.B, s *Store)) {
	b.Helper()
	b.Run("sqlite", func(b *testing.B) { bench(b, open(b, b.TempDir()+"/map.db")) })
	b.Run("postgres", func(b *testing.B) { bench(b, open(b, postgres.Start(b).NewDatabase(b))) })
}

// BenchmarkFlush10k commits 10,000 changed edges that the store knows.
func BenchmarkFlush10k(b *testing.B) {
	onEachTarget(b, func(b *testing.B, s *Store) {
		edges, seq := busy(10_000), uint64(1)
		commit(b, s, Batch{Reports: []Report{{Node: "n1", Seq: seq}}, Edges: edges})
		b.ReportAllocs()
		for b.Loop() {
			seq++
			commit(b, s, Batch{Reports: []Report{{Node: "n1", Seq: seq}}, Edges: edges})
		}
	})
}

// BenchmarkLoad100k reads 100,000 edges into an empty graph, as a start does.
func BenchmarkLoad100k(b *testing.B) {
	onEachTarget(b, func(b *testing.B, s *Store) {
		commit(b, s, Batch{Reports: []Report{{Node: "n1", Seq: 1}}, Edges: busy(100_000)})
		b.ReportAllocs()
		for b.Loop() {
			news, err := s.Changes(b.Context(), 0)
			if err != nil {
				b.Fatal(err)
			}
			g := graph.New(graph.Limits{})
			for _, e := range news.Edges {
				g.Adopt(*e)
			}
			if g.Len() != 100_000 {
				b.Fatalf("%d edges, want 100,000", g.Len())
			}
		}
	})
}

// BenchmarkBatch merges a batch of 5,000 known observations with and without writing down what it changes.
func BenchmarkBatch(b *testing.B) {
	var all []graph.Observation
	for i := range 5_000 {
		all = append(all, call(fmt.Sprintf("service-with-a-name-%d", i/50), fmt.Sprintf("server-with-a-name-%d", i%50), 0))
	}
	for name, draft := range map[string]func(g *graph.Graph) *Draft{
		"memory":       func(g *graph.Graph) *Draft { return &Draft{graph: g} },
		"written down": func(g *graph.Graph) *Draft { return &Draft{graph: g, delta: newDelta()} },
	} {
		b.Run(name, func(b *testing.B) {
			g := graph.New(graph.Limits{})
			b.ReportAllocs()
			for b.Loop() {
				d := draft(g)
				for _, o := range all {
					d.Merge(o)
				}
				if d.delta != nil {
					d.delta.History(graph.Filter{})
				}
			}
		})
	}
}

// BenchmarkRemember10k writes down who holds 10,000 addresses, as the first commit after a start does.
func BenchmarkRemember10k(b *testing.B) {
	onEachTarget(b, func(b *testing.B, s *Store) {
		var all Recollection
		for i := range 10_000 {
			all.Leases = append(all.Leases, Lease{
				Addr: netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), Holder: fmt.Sprintf("pod/%036d", i),
				Who: `{"namespace":"shop","name":"web-7d4b9c-x2x4z","node":"n1","created":"2026-11-20T09:00:00Z","workload":{"Namespace":"shop","Kind":"Deployment","Name":"web"}}`,
			})
		}
		b.ReportAllocs()
		for b.Loop() {
			remember(b, s, all)
		}
	})
}
