package query

import (
	"fmt"
	"testing"

	"github.com/portolan-io/portolan/internal/graph"
)

// BenchmarkEdges asks for all edges of a map over HTTP on loopback, from the question to the decoded answer. Budget: the
// graph answers 100,000 edges in 50 ms; what comes on top is encoding, the network and decoding, on one machine.
func BenchmarkEdges(b *testing.B) {
	for _, edges := range []int{100, 10_000, 100_000} {
		b.Run(fmt.Sprintf("%d edges", edges), func(b *testing.B) {
			client := serve(b, newOperator(edges))
			b.ReportAllocs()
			for b.Loop() {
				if _, got, err := client.Edges(b.Context(), graph.Filter{}); err != nil || len(got) != edges+1 {
					b.Fatalf("%d edges, error %v", len(got), err)
				}
			}
		})
	}
}
