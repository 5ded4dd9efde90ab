package resolve

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/traffic"
)

// TestManyAgentsReportAtOnce lets the race detector look, and checks that every sighting ends exactly once: as evidence
// or as a refusal.
func TestManyAgentsReportAtOnce(t *testing.T) {
	const agents, each = 4, 300
	intake := NewIntake(Options{External: true}, graph.New(graph.Limits{}))
	intake.Room = NewRoom(20, time.Minute)
	snapshot := callers(t)
	sightings := make([][]traffic.Sighting, agents)
	for a := range agents {
		for i := range each {
			line := fmt.Sprintf("syn +60s 1.0.0.1 -> 1.0.0.2:%d", i%50+1)
			if i%3 == 0 {
				line = unknownName(i)
			}
			if i%5 == 0 {
				line = fmt.Sprintf("syn +60s 1.0.0.3 -> 203.0.113.%d:443", i%20)
			}
			sightings[a] = append(sightings[a], sightingOf(t, line))
		}
	}
	var reporting sync.WaitGroup
	for _, mine := range sightings {
		reporting.Go(func() {
			for i, s := range mine {
				intake.Take(snapshot, s, arrival)
				if i%50 == 0 {
					intake.Retry(snapshot, arrival)
				}
			}
		})
	}
	reporting.Wait()
	intake.Close(snapshot)
	var ended uint64
	for _, e := range intake.Graph.View(graph.Filter{}) {
		for _, seen := range e.Uses {
			for _, v := range seen.Evidence {
				ended += v.Count
			}
		}
	}
	for _, c := range intake.Ledger.Counts() {
		ended += c.Count
	}
	if ended != agents*each {
		t.Errorf("%d sightings went in and %d came out", agents*each, ended)
	}
}
