package role

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/portolan-io/portolan/internal/cluster/live"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/resolve"
	"github.com/portolan-io/portolan/internal/wire"
)

// operatorMetricsHandler serves the operator's own counts and those of the controllers' machinery.
func operatorMetricsHandler(own *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	all := prometheus.Gatherers{own, ctrlmetrics.Registry}
	mux.Handle("GET /metrics", promhttp.HandlerFor(all, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	mux.HandleFunc("/", only("GET /metrics"))
	return mux
}

func operatorMetrics(c *chart, agents *wire.Handler, world *live.World) prometheus.Collector {
	edges := prometheus.NewDesc("portolan_map_edges", "Edges in the map.", nil, nil)
	full := prometheus.NewDesc("portolan_map_refused_total", "Observations that the map had no room for, by the bound that was met.", []string{"bound"}, nil)
	refused := prometheus.NewDesc("portolan_resolve_refused_total", "Sightings that became no edge; the newest of each is its exemplar.", []string{"reason", "source"}, nil)
	waiting := prometheus.NewDesc("portolan_resolve_waiting", "Sightings that wait for the cluster to know their parties.", nil, nil)
	sightings := prometheus.NewDesc("portolan_wire_sightings_total", "Sightings that agents delivered, repeats folded.", nil, nil)
	rejected := prometheus.NewDesc("portolan_wire_rejected_total", "Sightings that were not well formed.", nil, nil)
	unknown := prometheus.NewDesc("portolan_wire_unknown_fields_total", "Fields of agents' requests that were ignored because this operator does not know them.", nil, nil)
	requests := prometheus.NewDesc("portolan_wire_answers_total", "Requests of agents by HTTP status of the answer.", []string{"status"}, nil)
	strangers := prometheus.NewDesc("portolan_wire_refused_tokens_total", "Requests of agents that were refused for their token.", []string{"reason"}, nil)
	skew := prometheus.NewDesc("portolan_agent_clock_skew_seconds", "The operator's clock less the agent's; beyond 5 s the times of its sightings are shifted.", []string{"node"}, nil)
	owners := prometheus.NewDesc("portolan_world_unresolved_owners", "Owners of pods that cannot be read yet; the traffic of these pods waits.", nil, nil)
	pairs := prometheus.NewDesc("portolan_names_forgotten_total", "Addresses of names for internet targets that were forgotten because too many are known.", nil, nil)
	names := prometheus.NewDesc("portolan_resolve_forgotten_names_total", "Names of addresses outside that were forgotten because too many are known.", nil, nil)
	snapshots := prometheus.NewDesc("portolan_world_snapshots_total", "Pictures of the cluster that were published.", nil, nil)
	kept := newStoreMetrics()
	return pulled{
		describe: append(kept.describe(), edges, full, refused, waiting, sightings, rejected, unknown, requests, strangers, skew, owners, names, pairs, snapshots),
		collect: func(out chan<- prometheus.Metric) {
			out <- gauge(edges, float64(c.graph.Len()))
			for _, bound := range graph.Bounds() {
				out <- counter(full, c.graph.Refused(bound), bound.String())
			}
			out <- gauge(waiting, float64(c.intake.Room.Len()))
			for _, count := range c.intake.Ledger.Counts() {
				out <- withExample(counter(refused, count.Count, string(count.Reason), string(count.Source)), resolve.Describe(count.Newest))
			}
			stats := agents.Stats()
			out <- counter(sightings, stats.Sightings)
			out <- counter(rejected, stats.Rejected)
			out <- counter(unknown, stats.UnknownFields)
			for status, n := range stats.Answers {
				out <- counter(requests, n, strconv.Itoa(status))
			}
			for reason, n := range stats.Strangers {
				out <- counter(strangers, n, string(reason))
			}
			for _, agent := range agents.Agents() {
				out <- gauge(skew, agent.Skew.Seconds(), agent.Node)
			}
			status := world.Status()
			out <- counter(snapshots, status.Snapshots)
			out <- gauge(owners, float64(status.Owners.Unresolved))
			out <- counter(names, c.intake.Names.Dropped())
			out <- counter(pairs, c.naming.memory.Dropped())
			kept.collect(out, c.journal.State())
		},
	}
}

// exampleLimit keeps an exemplar below the 128 characters that OpenMetrics allows for its labels.
const exampleLimit = 110

// withExample gives a counter an exemplar, which those see who ask for OpenMetrics.
func withExample(m prometheus.Metric, example string) prometheus.Metric {
	example = strings.ToValidUTF8(example, "?")
	if runes := []rune(example); len(runes) > exampleLimit {
		example = string(runes[:exampleLimit]) + "…"
	}
	with, err := prometheus.NewMetricWithExemplars(m, prometheus.Exemplar{Value: 1, Labels: prometheus.Labels{"example": example}})
	if err != nil {
		return m
	}
	return with
}
