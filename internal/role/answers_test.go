package role

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"

	"github.com/portolan-io/portolan/controllers"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/live"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/query"
	"github.com/portolan-io/portolan/internal/store"
)

// chartInMemory returns a chart that a restart would forget.
func chartInMemory(t *testing.T, o OperatorOptions) *chart {
	t.Helper()
	o.Store = "memory"
	c, err := newChart(o, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestUnknownFieldsAreShown sends what only a newer agent knows, and holds /metrics and the status against it.
func TestUnknownFieldsAreShown(t *testing.T) {
	o := DefaultOperatorOptions("v1")
	c := chartInMemory(t, o)
	world, err := live.New(&rest.Config{Host: "http://127.0.0.1:1"}, live.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c.world, c.agents = world, newAgents(t, c, o)
	registry := prometheus.NewRegistry()
	registry.MustRegister(operatorMetrics(c, c.agents, world))
	beat := `{"agent": {"node": "n1", "zone": "a"}, "epoch": 7, "mood": "good", "sentAt": "` + time.Now().UTC().Format(time.RFC3339) + `"}`
	if got := answer(t, c.agents, http.MethodPost, "/portolan.wire.v1.AgentService/Heartbeat", beat); !strings.HasPrefix(got, "200 OK") {
		t.Fatal(got)
	}
	shown := answer(t, operatorMetricsHandler(registry), http.MethodGet, "/metrics", "")
	if want := "\nportolan_wire_unknown_fields_total 2\n"; !strings.Contains(shown, want) {
		t.Errorf("metrics do not hold %q:\n%s", want, shown)
	}
	want := []string{`2 unknown fields of its reports were ignored and all else was taken: field "zone" of agent, field "mood" (an operator of the agent's version knows them)`}
	if diff := cmp.Diff(describeAgent(c.agents.Agents()[0]).Notes, want); diff != "" {
		t.Errorf("notes of the agent (-got +want):\n%s", diff)
	}
}

func TestAnOperatorWithoutTheMapSaysSo(t *testing.T) {
	world, err := live.New(&rest.Config{Host: "http://127.0.0.1:1"}, live.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := DefaultOperatorOptions("v1")
	for _, mapless := range []bool{false, true} {
		o.Map = !mapless
		c := chartInMemory(t, o)
		c.agents = newAgents(t, c, o)
		var log bytes.Buffer
		c.log = slog.New(slog.NewTextHandler(&log, nil))
		if _, err := c.open(t.Context(), world); err != nil {
			t.Fatal(err)
		}
		if forgets := strings.Contains(log.String(), "the map is kept in memory: a restart forgets it"); forgets == mapless {
			t.Errorf("without the map %t: the log says %q", mapless, log.String())
		}
		a := answers{chart: c, tally: new(controllers.Tally)}
		if kept := a.Status().Store.Kind; (kept == "") != mapless {
			t.Errorf("without the map %t: Status says that it is kept in %q", mapless, kept)
		}
		if a.Status().WithoutMap != mapless || a.Basis().WithoutMap != mapless {
			t.Errorf("without the map %t: Status says %t, Basis %t", mapless, a.Status().WithoutMap, a.Basis().WithoutMap)
		}
	}
}

func TestLabelledIsWhoHasAPodWithTheLabel(t *testing.T) {
	pod := func(name, owner string, labels map[string]string) *cluster.Pod {
		return &cluster.Pod{Namespace: "shop", Name: name, UID: name, Owner: cluster.Owner{Kind: "Deployment", Name: owner}, Labels: labels}
	}
	snapshot := cluster.Empty().WithSpace(cluster.NewSpace(cluster.Facts{Namespace: "shop", Pods: []*cluster.Pod{
		pod("web-1", "web", map[string]string{"tier": "front"}), pod("web-2", "web", map[string]string{"tier": "canary"}), pod("db-1", "db", nil),
	}}), time.Now())
	got := labelled(snapshot, []query.Label{{Key: "tier", Value: "canary"}})
	if want := (identity.Workload{Namespace: "shop", Kind: "Deployment", Name: "web"}); len(got) != 1 || !got[want] {
		t.Errorf("labelled are %v, want %v alone", got, want)
	}
	if got := labelled(snapshot, []query.Label{{Key: "tier", Value: "data"}}); len(got) != 0 {
		t.Errorf("labelled are %v, want nobody", got)
	}
}

func TestNodesAreNamedWithWhenTheyJoined(t *testing.T) {
	at := time.Date(2026, 11, 20, 7, 0, 0, 0, time.UTC)
	names, joined := namesOf([]*cluster.Node{{Name: "a", Created: at}, {Name: "b", Created: at.Add(time.Hour)}})
	if !slices.Equal(names, []string{"a", "b"}) || len(joined) != 2 || joined["b"] != at.Add(time.Hour) {
		t.Errorf("namesOf() = %v, %v", names, joined)
	}
}

func TestTheMapBeginsWithWhatIsKept(t *testing.T) {
	o := DefaultOperatorOptions("v1")
	c := chartInMemory(t, o)
	c.agents = newAgents(t, c, o)
	a := answers{chart: c}
	if from := a.Basis().From; time.Since(from) > time.Minute {
		t.Errorf("the map of an operator that starts begins at %s", from)
	}
	c.history = -time.Hour // as if it had run for longer than it keeps anything
	if from := a.Basis().From; time.Until(from) < 59*time.Minute {
		t.Errorf("the map begins at %s, before what is kept", from)
	}
}

func TestALostDatabaseIsToldToReadersAndAgents(t *testing.T) {
	o := DefaultOperatorOptions("v1")
	o.Store = "postgres://nobody@127.0.0.1:1/chart"
	c, err := newChart(o, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	c.agents = newAgents(t, c, o)
	world, err := live.New(&rest.Config{Host: "http://127.0.0.1:1"}, live.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.open(t.Context(), world); err != nil {
		t.Fatalf("a database that does not answer stops the operator: %v", err)
	}
	a := answers{chart: c, tally: new(controllers.Tally)}
	if notes := a.Basis().Notes; len(notes) != 1 || !strings.HasPrefix(notes[0], "the map is as of ") || !strings.Contains(notes[0], "postgres 127.0.0.1:1/chart") {
		t.Errorf("readers are told %q, want how old the map is, and why", notes)
	}
	if kept := a.Status().Store; kept.Problem == "" || kept.Contact.IsZero() || strings.Contains(kept.Target, "nobody") {
		t.Errorf("the status says %+v, want the problem and when the store answered last", kept)
	}
	if _, err := c.journal.Begin(); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a batch is answered with %v, want that the agent keeps it", err)
	}
}
