package role

import (
	"context"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/portolan-io/portolan/internal/traffic"
	"github.com/portolan-io/portolan/internal/wire"
)

// TestABlindAgentIsSeenInItsMetrics runs an agent whose capture cannot begin and whose operator is out of reach.
func TestABlindAgentIsSeenInItsMetrics(t *testing.T) {
	o := DefaultAgentOptions("v1")
	o.Agent.Node, o.Client.URL, o.Client.TokenFile = "n1", "https://127.0.0.1:1", filepath.Join(t.TempDir(), "token")
	o.Capture.RingBytes = 1 // no kernel takes it
	o.Socket = false
	synctest.Test(t, func(t *testing.T) {
		client, err := wire.NewClient(o.Client)
		if err != nil {
			t.Fatal(err)
		}
		window := traffic.NewWindow(0)
		eyes := newEyes(o, window)
		sender := wire.NewSender(client, window, wire.SenderOptions{Agent: o.Agent, Status: eyes.status})
		page := metricsHandler(agentMetrics(eyes, window, sender.Stats), agentTroubles(eyes, sender.Stats))

		holds(t, page, `portolan_agent_source_failures_total{reason="not-permitted",source="syn"} 0`,
			`portolan_agent_send_failures_total{reason="unreachable"} 0`)
		ctx, stop := context.WithCancel(t.Context())
		var agent errgroup.Group
		agent.Go(func() error { eyes.run(ctx, slog.New(slog.DiscardHandler)); return nil })
		agent.Go(func() error { return sender.Run(ctx) })
		time.Sleep(retryEye + time.Second)
		synctest.Wait()
		holds(t, page,
			`portolan_agent_source_running{source="dns"} 0`, `portolan_agent_source_running{source="syn"} 0`,
			`portolan_agent_source_failures_total{reason="other",source="dns"} 2`, `portolan_agent_source_failures_total{reason="other",source="syn"} 2`,
			`portolan_agent_source_failures_total{reason="not-permitted",source="syn"} 0`,
			`portolan_agent_send_failures_total{reason="no-credentials"} 7`, `portolan_agent_send_failures_total{reason="refused"} 0`)
		stop()
		if err := agent.Wait(); err != nil {
			t.Error(err)
		}
	})
}

// holds checks that a page of metrics has the lines.
func holds(t *testing.T, page http.Handler, lines ...string) {
	t.Helper()
	shown := answer(t, page, http.MethodGet, "/metrics", "")
	for _, line := range lines {
		if !strings.Contains(shown+"\n", "\n"+line+"\n") {
			t.Errorf("metrics do not hold %q:\n%s", line, shown)
		}
	}
}
