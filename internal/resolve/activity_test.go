package resolve

import (
	"testing"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/graph"
)

func TestThePortsOfClientsReachTheWindowsOfTheMap(t *testing.T) {
	snapshot := cluster.Empty().WithSpace(cluster.NewSpace(cluster.Facts{
		Namespace: "shop", Pods: []*cluster.Pod{pod("web-0", "10.0.0.7"), pod("web-1", "10.0.0.8"), pod("db", "10.0.0.9")},
	}), t0)
	intake := NewIntake(Options{}, graph.New(graph.Limits{}))
	folded := sightingOf(t, "syn +3s 10.0.0.7 -> 10.0.0.9:80")
	folded.Count, folded.Ports = 3, []uint16{1, 2, 3}
	single := sightingOf(t, "syn +3s 10.0.0.7 -> 10.0.0.9:80")
	single.From.Port = 3
	intake.Take(snapshot, folded, arrival)
	intake.Take(snapshot, single, arrival)
	intake.Graph.Roll()
	if got, want := intake.Graph.View(graph.Filter{})[0].Activity, (graph.Activity{Current: 3, Added: 3, Ports: true}); got != want {
		t.Errorf("activity %+v, want %+v", got, want)
	}
}
