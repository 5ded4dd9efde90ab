package role

import (
	"testing"
	"time"

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
