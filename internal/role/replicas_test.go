package role

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"

	"github.com/portolan-io/portolan/controllers"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/live"
	"github.com/portolan-io/portolan/internal/query"
	"github.com/portolan-io/portolan/internal/testkit/postgres"
)

// newAnswers opens an operator's line on that store, and runs it until the test ends or stop is called.
func newAnswers(t *testing.T, target string) (a answers, stop func()) {
	t.Helper()
	o := DefaultOperatorOptions("v1")
	o.Store, o.FlushInterval = target, 20*time.Millisecond
	c, err := newChart(o, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	world, err := live.New(&rest.Config{Host: "http://127.0.0.1:1"}, live.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.open(t.Context(), world); err != nil {
		t.Fatal(err)
	}
	c.agents = newAgents(t, c, o)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- c.run(ctx); close(ended) }()
	stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return answers{chart: c, tally: new(controllers.Tally)}, stop
}

// beat has the agent of n1 report 8 sightings as acknowledged and 2 as lost, and returns what the replica says of it.
func beat(t *testing.T, a answers) query.Agent {
	t.Helper()
	body := `{"agent": {"node": "n1", "version": "v1"}, "epoch": 7, "acknowledged": 8, "sentAt": "` + stamp(time.Now()) + `",` +
		`"counters": [{"source": "syn", "reason": "queue-full", "dropped": true, "value": 2}], "sources": [{"source": "syn", "running": true}]}`
	if got := answer(t, a.agents, http.MethodPost, "/portolan.wire.v1.AgentService/Heartbeat", body); !strings.HasPrefix(got, "200 OK") {
		t.Fatal(got)
	}
	return a.Status().Agents[0]
}

// knows waits until an operator that never heard the agent says the same of it as the one that did.
func knows(t *testing.T, a answers, want query.Agent) {
	t.Helper()
	ticker, timeout := time.NewTicker(10*time.Millisecond), time.After(30*time.Second)
	defer ticker.Stop()
	for len(a.Status().Agents) == 0 {
		select {
		case <-ticker.C:
		case <-timeout:
			t.Fatal("the operator knows no agent")
		}
	}
	if diff := cmp.Diff(a.Status().Agents, []query.Agent{want}); diff != "" {
		t.Errorf("the status says of the agent (-got +want):\n%s", diff)
	}
	if basis := a.Basis(); basis.Acknowledged != 8 || basis.Dropped != 2 {
		t.Errorf("%d acknowledged and %d dropped, want 8 and 2", basis.Acknowledged, basis.Dropped)
	}
	sights := coverage([]*cluster.Node{{Name: "n1"}}, a.agents.Agents(), time.Now())
	if got := sights[0]; got.state != reporting || got.completeness != 0.8 {
		t.Errorf("the node is seen as %+v, want reporting at 0.8", got)
	}
}

func TestAReplicaKnowsTheAgentsOfAnother(t *testing.T) {
	url := postgres.Start(t).NewDatabase(t)
	first, _ := newAnswers(t, url)
	second, _ := newAnswers(t, url)
	knows(t, second, beat(t, first))
}

func TestARestartKnowsTheAgentsAtOnce(t *testing.T) {
	target := t.TempDir() + "/map.db"
	first, stop := newAnswers(t, target)
	want := beat(t, first)
	stop()
	second, _ := newAnswers(t, target)
	if len(second.Status().Agents) != 1 {
		t.Fatal("right after the start the agent is missing")
	}
	knows(t, second, want)
}
