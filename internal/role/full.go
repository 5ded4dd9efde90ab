package role

import (
	"fmt"

	"github.com/portolan-io/portolan/internal/graph"
)

// mostFull is how many workloads a note names.
const mostFull = 3

// fullNotes tells what the map had no room for, one sentence each.
func fullNotes(g *graph.Graph) []string {
	var notes []string
	if n := g.Refused(graph.FullEdges); n > 0 {
		notes = append(notes, fmt.Sprintf("the map was full with %d edges, and %d observations of further ones were left out; raise --max-edges", g.MaxEdges(), n))
	}
	all := g.Overflows()
	for i, o := range all {
		if i == mostFull {
			notes = append(notes, fmt.Sprintf("%d further workloads had more peers outside the cluster than the map keeps of one", len(all)-mostFull))
			break
		}
		notes = append(notes, fmt.Sprintf("%s had more peers outside the cluster than the map keeps of one workload: %d observations of further ones were left out", o.Workload, o.Count))
	}
	return notes
}
