package command

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/internal/query"
)

// atSeven is the operator's clock in these tests, and well an operator with three nodes that is well.
func atSeven() time.Time { return time.Date(2026, 11, 20, 7, 0, 0, 0, time.UTC) }

func well() query.Status {
	at := atSeven()
	return query.Status{
		Version: "v1.4.0", Started: at.Add(-7 * 24 * time.Hour), Now: at, Edges: 213, Synced: true, Leading: true, Intents: 41,
		Nodes: []string{"worker-1", "worker-2", "worker-3"},
		Agents: []query.Agent{
			{Node: "worker-1", Pod: "agent-1", Version: "v1.4.0", LastSeen: at.Add(-time.Second), Acknowledged: 60_000},
			{Node: "worker-2", Pod: "agent-2", Version: "v1.4.0", LastSeen: at.Add(-2 * time.Second), Acknowledged: 40_000, Dropped: 1},
			{Node: "worker-3", Pod: "agent-3", Version: "v1.4.0", LastSeen: at, Skew: 3 * time.Second},
		},
	}
}

func TestDiagnose(t *testing.T) {
	const fine = "" +
		"agent      3/3   v1.4.0    99.999 % complete\n" +
		"operator   ok    v1.4.0    213 edges since 2026-11-13T07:00:00Z; 41 intents, 0 failing\n"
	operator := strings.SplitAfter(fine, "\n")[1]
	for name, tc := range map[string]struct {
		change   func(*query.Status, *installation)
		want     string
		degraded bool
	}{
		"all is well": {func(*query.Status, *installation) {}, fine, false},
		"an agent is silent": {
			func(s *query.Status, _ *installation) { s.Agents[2].LastSeen = s.Now.Add(-4 * time.Minute) },
			"agent      2/3   v1.4.0    99.999 % complete; worker-3 silent for 4m (see the log of its agent agent-3)\n" + operator, true,
		},
		"an agent that was heard a minute ago is not silent": {
			func(s *query.Status, _ *installation) { s.Agents[2].LastSeen = s.Now.Add(-time.Minute) }, fine, false,
		},
		"a node has no agent": {
			func(s *query.Status, _ *installation) { s.Agents = s.Agents[:2] },
			"agent      2/3   v1.4.0    99.999 % complete; worker-3: no agent (kubectl get pods -A -o wide -l app.kubernetes.io/component=agent)\n" + operator, true,
		},
		"an operator that has just started waits for its agents": {
			func(s *query.Status, _ *installation) { s.Agents, s.Started = s.Agents[:2], s.Now.Add(-30*time.Second) },
			"agent      2/3   v1.4.0    99.999 % complete; worker-3: no word yet; the operator started 30s ago, and a silent agent is a finding after 60s\n" +
				"operator   ok    v1.4.0    213 edges since 2026-11-20T06:59:30Z; 41 intents, 0 failing\n", false,
		},
		"the grace period of an agent ends": {
			func(s *query.Status, _ *installation) { s.Agents, s.Started = s.Agents[:2], s.Now.Add(-time.Minute) },
			"agent      2/3   v1.4.0    99.999 % complete; worker-3: no agent (kubectl get pods -A -o wide -l app.kubernetes.io/component=agent)\n" +
				"operator   ok    v1.4.0    213 edges since 2026-11-20T06:59:00Z; 41 intents, 0 failing\n", true,
		},
		"a node that has just joined waits for its agent": {
			func(s *query.Status, _ *installation) {
				s.Agents = s.Agents[:2]
				s.Joined = map[string]time.Time{"worker-1": s.Now.Add(-30 * 24 * time.Hour), "worker-3": s.Now.Add(-20 * time.Second)}
			},
			"agent      2/3   v1.4.0    99.999 % complete; worker-3: no word yet; the node joined 20s ago, and a silent agent is a finding after 60s\n" + operator, false,
		},
		"the grace period of a node ends": {
			func(s *query.Status, _ *installation) {
				s.Agents, s.Joined = s.Agents[:2], map[string]time.Time{"worker-3": s.Now.Add(-time.Minute)}
			},
			"agent      2/3   v1.4.0    99.999 % complete; worker-3: no agent (kubectl get pods -A -o wide -l app.kubernetes.io/component=agent)\n" + operator, true,
		},
		"what an agent says while all of it starts is told and not bad yet": {
			func(s *query.Status, _ *installation) {
				s.Agents[1].Degraded, s.Started = []string{"packet capture has not started"}, s.Now.Add(-30*time.Second)
			},
			"agent      3/3   v1.4.0    99.999 % complete; worker-2: packet capture has not started\n" +
				"operator   ok    v1.4.0    213 edges since 2026-11-20T06:59:30Z; 41 intents, 0 failing\n", false,
		},
		"an operator without the map has no agents": {
			func(s *query.Status, _ *installation) { s.WithoutMap, s.Nodes, s.Agents = true, nil, nil },
			"agent      -    this operator keeps no map (--map=false); agents report to the one that does\n" +
				"operator   ok   v1.4.0   no map (--map=false); 41 intents, 0 failing\n", false,
		},
		"the agent of a node that is gone is not missed": {
			func(s *query.Status, _ *installation) {
				s.Nodes = s.Nodes[:2]
				s.Agents[2].LastSeen = s.Now.Add(-time.Hour)
			},
			"agent      2/2   v1.4.0    99.999 % complete\n" + operator, false,
		},
		"a source is degraded": {
			func(s *query.Status, _ *installation) {
				s.Agents[1].Degraded = []string{"socket scan off (SYS_PTRACE missing)"}
			},
			"agent      3/3   v1.4.0    99.999 % complete; worker-2: socket scan off (SYS_PTRACE missing)\n" + operator, true,
		},
		"what is not bad about an agent is told and degrades nothing": {
			func(s *query.Status, _ *installation) {
				s.Agents[1].Notes = []string{"2 unknown fields of its reports were ignored"}
			},
			"agent      3/3   v1.4.0    99.999 % complete; worker-2: 2 unknown fields of its reports were ignored\n" + operator, false,
		},
		"an agent that lives and sees nothing is not ready": {
			func(s *query.Status, _ *installation) {
				s.Agents[1].Blind, s.Agents[1].Degraded = true, []string{"packet capture is off: NET_RAW is missing"}
			},
			"agent      2/3   v1.4.0    99.999 % complete; worker-2: packet capture is off: NET_RAW is missing\n" + operator, true,
		},
		"nothing was seen yet": {
			func(s *query.Status, _ *installation) {
				for i := range s.Agents {
					s.Agents[i].Acknowledged, s.Agents[i].Dropped = 0, 0
				}
			},
			"agent      3/3   v1.4.0    nothing seen yet\n" + operator, false,
		},
		"two clocks differ": {
			func(s *query.Status, _ *installation) { s.Agents[0].Skew = -90 * time.Second },
			"agent      3/3   v1.4.0    99.999 % complete; worker-1: its clock and the operator's differ by 90s (keep clocks in step by NTP)\n" + operator, true,
		},
		"much is lost": {
			func(s *query.Status, _ *installation) { s.Agents[0].Dropped = 5_000 },
			"agent      3/3   v1.4.0    95.237 % complete\n" + operator, true,
		},
		"two versions are out": {
			func(s *query.Status, _ *installation) { s.Agents[1].Version = "v1.3.0" },
			"agent      3/3   v1.3.0,v1.4.0   99.999 % complete\n" +
				"operator   ok    v1.4.0          213 edges since 2026-11-13T07:00:00Z; 41 intents, 0 failing\n", false,
		},
		"the operator is not ready to tell": {
			func(s *query.Status, _ *installation) {
				s.Synced, s.Notes = false, []string{"pods cannot be watched: forbidden"}
			},
			fine[:len(fine)-1] + "; the picture of the cluster is not complete yet; pods cannot be watched: forbidden\n", true,
		},
		"a replica that stands by is well": {
			func(s *query.Status, _ *installation) { s.Leading = false },
			fine[:len(fine)-1] + "; this replica stands by: another one writes to the cluster\n", false,
		},
		"intents fail": {
			func(s *query.Status, _ *installation) { s.Failing = 2 },
			strings.Replace(fine[:len(fine)-1], "0 failing", "2 failing", 1) + "; see kubectl get clientintents -A\n", true,
		},
		"the cluster shows pods and CRDs": {
			func(_ *query.Status, i *installation) { *i = installation{ready: 2, pods: 2, crds: isServed} },
			strings.Replace(fine[:len(fine)-1], "ok ", "2/2", 1) + "; 2 operators run, and each knows only what its agents told it: " +
				"this is the map of one (scale to 1 replica for a whole map, or give all one database with --store=postgres://…)\ncrds       ok    v2beta1\n", false,
		},
		"a pod of the operator is not ready": {
			func(_ *query.Status, i *installation) { *i = installation{ready: 1, pods: 2} },
			strings.Replace(fine, "ok ", "1/2", 1), true,
		},
		"the CRDs are missing": {
			func(_ *query.Status, i *installation) { i.crds = isMissing },
			"agent      3/3       v1.4.0    99.999 % complete\n" +
				"operator   ok        v1.4.0    213 edges since 2026-11-13T07:00:00Z; 41 intents, 0 failing\n" +
				"crds       missing   v2beta1   ClientIntents are not served (kubectl apply --server-side -k config/crd)\n", true,
		},
		"what was refused is told and degrades nothing": {
			func(s *query.Status, _ *installation) {
				s.Refusals = []query.Refusal{
					{Reason: "NoTarget", Source: "syn", Count: 7, Example: "10.0.0.1 -> 10.0.0.2 port 80"},
					{Reason: "HostNetwork", Source: "dns", Count: 12, Example: "10.0.0.9 -> api.example"},
				}
			},
			fine + "\nHostNetwork   dns   12   10.0.0.9 -> api.example\nNoTarget      syn   7    10.0.0.1 -> 10.0.0.2 port 80\n", false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			status, around := well(), installation{}
			tc.change(&status, &around)
			r := diagnose(status, around)
			var text bytes.Buffer
			if err := r.write(&text, "table", true); err != nil {
				t.Fatal(err)
			}
			// Columns are as wide as they must be, which is not what this test is about.
			if diff := cmp.Diff(squeezed(text.String()), squeezed(tc.want)); diff != "" || r.Degraded != tc.degraded {
				t.Errorf("degraded is %t, want %t; table (-got +want):\n%s", r.Degraded, tc.degraded, diff)
			}
		})
	}
}

// squeezed puts one blank in place of several.
func squeezed(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		out.WriteString(strings.Join(strings.Fields(line), " ") + "\n")
	}
	return out.String()
}

func TestStatusEndsAsAFindingWhenSomethingIsDegraded(t *testing.T) {
	from := operatorOf(t, shop(t))
	from.status = healthy()
	scene := newScene(t, from)
	if got := scene.run(t.Context(), "portolan status"); got.code != exitDone || !strings.HasPrefix(got.out, "COMPONENT   READY   VERSION   NOTE\n") || got.err != "" {
		t.Errorf("an operator that is well: %+v", got)
	}
	from.status.Agents, from.status.Started = nil, time.Now().Add(-10*time.Second)
	scene = newScene(t, from)
	if got := scene.run(t.Context(), "portolan status"); got.code != exitDone || !strings.Contains(got.out, "0/1 ") || !strings.Contains(got.out, "n1: no word yet; ") {
		t.Errorf("an agent whose grace period runs: %+v", got)
	}
	from.status.Started = time.Now().Add(-time.Hour)
	scene = newScene(t, from)
	for line, want := range map[string]string{
		"portolan status":                       "COMPONENT",
		"portolan status -o json":               "{\n  \"schema\": \"portolan.status/v1\",\n  \"degraded\": true,\n  \"components\": [\n    {\n      \"component\": \"agent\",\n      \"ready\": \"0/1\"",
		"portolan status --format=yaml":         "components:\n- component: agent\n",
		"portolan status --no-headers -o table": "agent ",
	} {
		if got := scene.run(t.Context(), line); got.code != exitFinding || !strings.HasPrefix(got.out, want) || got.err != "" {
			t.Errorf("%s: %+v", line, got)
		}
	}
}
