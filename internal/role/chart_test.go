package role

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/rest"

	"github.com/portolan-io/portolan/internal/cluster/live"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
	"github.com/portolan-io/portolan/internal/wire"
)

func TestANodeIsWatchedByAnAgentThatSpeaksAndSees(t *testing.T) {
	now := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	agent := func(node string, silent time.Duration, running bool) wire.AgentState {
		return wire.AgentState{
			Agent: wire.Agent{Node: node}, LastSeen: now.Add(-silent),
			Status: wire.Status{Sources: []wire.SourceState{{Source: "syn", Running: running}}},
		}
	}
	watched := watchedNodes([]wire.AgentState{agent("n1", time.Second, true), agent("n2", time.Hour, true), agent("n3", time.Second, false)}, now)
	for node, want := range map[string]bool{"n1": true, "n2": false, "n3": false, "n4": false} {
		if got := watched(node); got != want {
			t.Errorf("watched(%s) = %t, want %t", node, got, want)
		}
	}
}

// TestWindowsRollThoughNobodyReads lets two minutes pass.
func TestWindowsRollThoughNobodyReads(t *testing.T) {
	world, err := live.New(&rest.Config{Host: "http://127.0.0.1:1"}, live.Options{})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		c := chartInMemory(t, DefaultOperatorOptions("v1"))
		c.world = world
		ctx, stop := context.WithCancel(t.Context())
		go c.retry(ctx)
		peer := func(name string) graph.Peer {
			return graph.Peer{Workload: identity.Workload{Namespace: "shop", Kind: "Deployment", Name: name}}
		}
		c.graph.Merge(graph.Observation{
			Client: peer("web"), Server: peer("db"), Use: graph.Use{Act: traffic.Connect, Protocol: traffic.TCP, Port: 80}, Source: traffic.SYN,
			First: time.Now(), Last: time.Now(), Count: 2, Caller: netip.MustParseAddr("10.1.0.4"), Ports: []uint16{1, 2},
		})
		for _, want := range []graph.Activity{{}, {Current: 2, Added: 2, Ports: true}, {Removed: 2}, {}} {
			if got := c.graph.View(graph.Filter{})[0].Activity; got != want {
				t.Errorf("activity %+v, want %+v", got, want)
			}
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		stop()
		synctest.Wait()
	})
}
