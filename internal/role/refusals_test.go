package role

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"

	"github.com/portolan-io/portolan/internal/cluster/live"
	"github.com/portolan-io/portolan/internal/query"
	"github.com/portolan-io/portolan/internal/resolve"
	"github.com/portolan-io/portolan/internal/traffic"
)

// TestRefusalsAreShownWithAnExample holds /metrics, as text and as OpenMetrics, and the status against refused sightings.
func TestRefusalsAreShownWithAnExample(t *testing.T) {
	o := DefaultOperatorOptions("v1")
	c := chartInMemory(t, o)
	world, err := live.New(&rest.Config{Host: "http://127.0.0.1:1"}, live.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c.world, c.agents = world, newAgents(t, c, o)
	long := strings.Repeat("very-", 40) + "long.shop.svc.cluster.local"
	c.intake.Ledger.Refuse(resolve.Refusal{Reason: resolve.HostNetwork, Sighting: connection("10.0.0.9", "192.168.1.1:22")})
	c.intake.Ledger.Refuse(resolve.Refusal{Reason: resolve.UnknownService, Sighting: traffic.Sighting{
		Source: traffic.DNS, What: traffic.What{Act: traffic.Lookup},
		From: traffic.Party{Addr: netip.MustParseAddr("10.0.0.9")}, To: traffic.Party{Name: long},
	}})
	want := []query.Refusal{
		{
			Reason: "HostNetwork", Source: "syn", Count: 1, Example: "10.0.0.9 -> 192.168.1.1 port 22/TCP",
			Meaning: "the address of a node, which says nothing about who on it",
		},
		{
			Reason: "UnknownService", Source: "dns", Count: 1, Example: "10.0.0.9 asked for " + long,
			Meaning: "a cluster name of a Service that does not exist",
		},
	}
	if diff := cmp.Diff(answers{chart: c}.refusals(), want); diff != "" {
		t.Errorf("refusals in the status (-got +want):\n%s", diff)
	}
	asked := query.Missing{From: query.Side{Addr: netip.MustParseAddr("10.0.0.9")}, To: query.Side{Addr: netip.MustParseAddr("192.168.1.1")}}
	fitting := []query.Refused{{
		Reason: "HostNetwork", Source: "syn", Count: 1, Sighting: want[0].Example, Meaning: want[0].Meaning,
	}}
	if diff := cmp.Diff(answers{chart: c}.Refused(asked), fitting); diff != "" {
		t.Errorf("refusals that explain a missing edge (-got +want):\n%s", diff)
	}

	registry := prometheus.NewRegistry()
	registry.MustRegister(operatorMetrics(c, c.agents, world))
	for accept, lines := range map[string][]string{
		"": {`portolan_resolve_refused_total{reason="HostNetwork",source="syn"} 1`},
		"application/openmetrics-text": {
			`portolan_resolve_refused_total{reason="HostNetwork",source="syn"} 1.0 # {example="10.0.0.9 -> 192.168.1.1 port 22/TCP"} 1.0`,
			`portolan_resolve_refused_total{reason="UnknownService",source="dns"} 1.0 # {example="10.0.0.9 asked for very-very-`,
		},
	} {
		r := httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		operatorMetricsHandler(registry).ServeHTTP(w, r)
		for _, line := range lines {
			if shown := w.Body.String(); !strings.Contains(shown, line) {
				t.Errorf("metrics for %q do not hold %q:\n%s", accept, line, shown)
			}
		}
	}
}

func connection(client, server string) traffic.Sighting {
	to := netip.MustParseAddrPort(server)
	return traffic.Sighting{
		Source: traffic.SYN, Count: 1, From: traffic.Party{Addr: netip.MustParseAddr(client)},
		To: traffic.Party{Addr: to.Addr(), Port: to.Port()}, What: traffic.What{Act: traffic.Connect, Protocol: traffic.TCP},
	}
}

func TestOwnersThatCannotBeReadAreTold(t *testing.T) {
	for want, status := range map[string]live.OwnerStatus{
		"": {Asked: 3, Unresolved: 1}, // being read just now
		"2 owners of pods cannot be read, and the traffic of these pods waits: reading PodSet mq/a: timeout": {
			Asked: 3, Unresolved: 2, Error: "reading PodSet mq/a: timeout",
		},
	} {
		if got := ownerNote(status); got != want {
			t.Errorf("ownerNote(%+v) = %q, want %q", status, got, want)
		}
	}
}
