package role

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/traffic"
	"github.com/portolan-io/portolan/internal/wire"
)

func TestAnAlertSeesANodeThatNobodySees(t *testing.T) {
	now := time.Date(2026, 11, 20, 7, 0, 0, 0, time.UTC)
	agent := func(node string, ago time.Duration, running ...bool) wire.AgentState {
		a := wire.AgentState{Agent: wire.Agent{Node: node}, LastSeen: now.Add(-ago), Acknowledged: 3}
		a.Counters = []wire.Counter{{Dropped: true, Value: 1}}
		for _, runs := range running {
			a.Sources = append(a.Sources, wire.SourceState{Running: runs})
		}
		return a
	}
	nodes := []*cluster.Node{{Name: "both"}, {Name: "half"}, {Name: "old"}, {Name: "blind"}, {Name: "late"}, {Name: "silent"}, {Name: "none"}}
	agents := []wire.AgentState{
		agent("both", time.Second, true, true), agent("half", time.Second, false, true), agent("old", time.Second),
		agent("blind", time.Second, false, false), agent("late", time.Minute, true), agent("silent", 61*time.Second, false),
		agent("gone", time.Second, false),
	}
	page := metricsHandler(coverageMetrics(func() []sight { return coverage(nodes, agents, now) }))
	holds(t, page,
		`portolan_agents{state="reporting"} 4`, `portolan_agents{state="blind"} 1`, `portolan_agents{state="silent"} 1`, `portolan_agents{state="missing"} 1`,
		`portolan_map_node_seen{node="both"} 1`, `portolan_map_node_seen{node="half"} 1`, `portolan_map_node_seen{node="late"} 1`,
		`portolan_map_node_seen{node="blind"} 0`, `portolan_map_node_seen{node="silent"} 0`, `portolan_map_node_seen{node="none"} 0`,
		`portolan_map_completeness_ratio{node="half"} 0.75`, `portolan_map_completeness_ratio{node="old"} 0.75`,
		`portolan_map_completeness_ratio{node="blind"} 0`, `portolan_map_completeness_total_ratio 0.75`,
	)
	shown := answer(t, page, http.MethodGet, "/metrics", "")
	for _, unwanted := range []string{`"gone"`, `completeness_ratio{node="none"}`} {
		if strings.Contains(shown, unwanted) {
			t.Errorf("metrics hold %s:\n%s", unwanted, shown)
		}
	}
	holds(t, metricsHandler(coverageMetrics(func() []sight { return nil })), `portolan_agents{state="blind"} 0`, `portolan_map_completeness_total_ratio 1`)
}

// TestMetricsToAlertOnAreThere holds the table of the README against what is served.
func TestMetricsToAlertOnAreThere(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	o := DefaultAgentOptions("v1")
	eyes := newEyes(o, traffic.NewWindow(0))
	sender := wire.NewSender(nil, traffic.NewWindow(0), wire.SenderOptions{})
	seen := func() []sight { return []sight{{node: "n1", state: reporting}} }
	shown := answer(t, metricsHandler(agentTroubles(eyes, sender.Stats), coverageMetrics(seen)), http.MethodGet, "/metrics", "")
	named := regexp.MustCompile("`(portolan_(?:agent|map)[a-z_]*)\\{([a-z,]+)\\}`").FindAllStringSubmatch(string(readme), -1)
	if len(named) != 6 {
		t.Errorf("%d metrics in the README, want 6: %q", len(named), named)
	}
	for _, metric := range named {
		labels := strings.Split(metric[2], ",")
		slices.Sort(labels)
		want := "(?m)^" + metric[1] + `\{` + strings.Join(labels, `="[^"]+",`) + `="[^"]+"\} `
		if !regexp.MustCompile(want).MatchString(shown) {
			t.Errorf("%s is not served:\n%s", metric[0], shown)
		}
	}
}
