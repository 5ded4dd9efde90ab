package role

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/query"
	"github.com/portolan-io/portolan/internal/wire"
)

// nothingYet is a map before anything was seen.
type nothingYet struct{}

func (nothingYet) Basis() query.Basis                                { return query.Basis{Version: "v1"} }
func (nothingYet) Edges(graph.Filter) []graph.Edge                   { return nil }
func (nothingYet) At(time.Time, graph.Filter) []graph.Edge           { return nil }
func (nothingYet) Changes(query.Period, graph.Filter) query.Changes  { return query.Changes{} }
func (nothingYet) Labelled([]query.Label) map[identity.Workload]bool { return nil }
func (nothingYet) Status() query.Status                              { return query.Status{Version: "v1"} }
func (nothingYet) Reset(context.Context, []string) (int, error)      { return 0, nil }
func (nothingYet) Refused(query.Missing) []query.Refused             { return nil }

// oneAgent knows one token: that of the agent of node n1.
type oneAgent struct{ wire.Caller }

func (o oneAgent) Authenticate(_ context.Context, token string) (wire.Caller, error) {
	if token != "a.good.token" {
		return wire.Caller{}, wire.ErrBadToken
	}
	return o.Caller, nil
}

// newAgents returns the handler that RunOperator builds, for one agent.
func newAgents(t *testing.T, c *chart, o OperatorOptions) *wire.Handler {
	t.Helper()
	who := wire.Caller{Namespace: o.AgentNamespace, ServiceAccount: o.AgentAccount, Pod: "agent-1", Node: "n1"}
	agents, err := wire.NewHandler(wire.HandlerOptions{
		Authenticator: oneAgent{who}, Account: o.agentAccount(), Sink: c, Roster: c.beside.agents, Others: query.Served,
	})
	if err != nil {
		t.Fatal(err)
	}
	return agents
}

func answer(t *testing.T, handler http.Handler, method, path, body string) string {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer a.good.token")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	text, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Result().Status + " " + strings.TrimSpace(string(text))
}

func TestAWrongPathIsToldWhatIsServed(t *testing.T) {
	const (
		reports  = "reports (/portolan.wire.v1.AgentService/Report and /portolan.wire.v1.AgentService/Heartbeat)"
		theMap   = "the map (/portolan.query.v1.MapService/Edges, /portolan.query.v1.MapService/Status, /portolan.query.v1.MapService/Changes, /portolan.query.v1.MapService/Refused and /portolan.query.v1.MapService/Reset)"
		notFound = "404 Not Found "
	)
	log := slog.New(slog.DiscardHandler)
	with, without := DefaultOperatorOptions("v1"), DefaultOperatorOptions("v1")
	without.Map = false
	agents := newAgents(t, chartInMemory(t, with), with)
	whole, rules := with.doors(agents, nil, log)(nothingYet{}), without.doors(agents, nil, log)(nothingYet{})
	ready := (&health{ready: func() string { return "" }}).handler()
	for name, tc := range map[string]struct {
		server       http.Handler
		method, path string
		want         string // what the answer begins with
	}{
		"a browser":                     {whole, "GET", "/", notFound + `"/" is not served here; served are ` + reports + " and " + theMap},
		"an agent of another time":      {whole, "POST", "/portolan.wire.v9.AgentService/Report", notFound + `"/portolan.wire.v9.AgentService/Report" is not served here; served are ` + reports + " and " + theMap},
		"a command line of another":     {whole, "POST", "/portolan.query.v9.MapService/Edges", notFound + `"/portolan.query.v9.MapService/Edges" is not served here; served are ` + reports + " and " + theMap},
		"a question nobody knows":       {whole, "POST", "/portolan.query.v1.MapService/Flows", notFound + `"/portolan.query.v1.MapService/Flows" is not served here; served are ` + reports + " and " + theMap},
		"a question":                    {whole, "POST", query.Paths()[1], "200 OK "},
		"without the map, a wrong path": {rules, "GET", "/metrics", notFound + `"/metrics" is not served here; served is ` + theMap},
		"without the map, a question":   {rules, "POST", query.Paths()[1], "200 OK "},
		"without the map, a report":     {rules, "POST", "/portolan.wire.v1.AgentService/Report", "503 Service Unavailable this operator runs without the map"},
		"health":                        {ready, "GET", "/health", notFound + `"GET /health" is not served here; served is GET /healthz and GET /readyz`},
		"health, by another method":     {ready, "POST", "/healthz", notFound + `"POST /healthz" is not served here`},
		"metrics":                       {metricsHandler(), "GET", "/", notFound + `"GET /" is not served here; served is GET /metrics`},
		"metrics of the operator":       {operatorMetricsHandler(prometheus.NewRegistry()), "GET", "/" + strings.Repeat("x", 100), notFound + `"GET /` + strings.Repeat("x", 59) + `" is not served here; served is GET /metrics`},
	} {
		t.Run(name, func(t *testing.T) {
			body := ""
			if strings.HasPrefix(tc.want, "200") {
				body = "{}"
			}
			if got := answer(t, tc.server, tc.method, tc.path, body); !strings.HasPrefix(got, tc.want) {
				t.Errorf("answer %s\nwant   %s", got, tc.want)
			}
		})
	}
}
