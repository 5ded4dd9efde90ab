package role

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/portolan-io/portolan/internal/cluster/live"
	"github.com/portolan-io/portolan/internal/wire"
)

// operatorMetricsHandler serves the operator's own counts and those of the controllers' machinery.
func operatorMetricsHandler(own *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	all := prometheus.Gatherers{own, ctrlmetrics.Registry}
	mux.Handle("GET /metrics", promhttp.HandlerFor(all, promhttp.HandlerOpts{}))
	mux.HandleFunc("/", only("GET /metrics"))
	return mux
}

func operatorMetrics(c *chart, agents *wire.Handler, world *live.World) prometheus.Collector {
	edges := prometheus.NewDesc("portolan_map_edges", "Edges in the map.", nil, nil)
	refused := prometheus.NewDesc("portolan_resolve_refused_total", "Sightings that became no edge.", []string{"reason", "source"}, nil)
	waiting := prometheus.NewDesc("portolan_resolve_waiting", "Sightings that wait for the cluster to know their parties.", nil, nil)
	sightings := prometheus.NewDesc("portolan_wire_sightings_total", "Sightings that agents delivered, repeats folded.", nil, nil)
	rejected := prometheus.NewDesc("portolan_wire_rejected_total", "Sightings that were not well formed.", nil, nil)
	unknown := prometheus.NewDesc("portolan_wire_unknown_fields_total", "Fields of agents' requests that were ignored because this operator does not know them.", nil, nil)
	requests := prometheus.NewDesc("portolan_wire_answers_total", "Requests of agents by HTTP status of the answer.", []string{"status"}, nil)
	snapshots := prometheus.NewDesc("portolan_world_snapshots_total", "Pictures of the cluster that were published.", nil, nil)
	return pulled{
		describe: []*prometheus.Desc{edges, refused, waiting, sightings, rejected, unknown, requests, snapshots},
		collect: func(out chan<- prometheus.Metric) {
			out <- gauge(edges, float64(c.graph.Len()))
			out <- gauge(waiting, float64(c.intake.Room.Len()))
			for _, count := range c.intake.Ledger.Counts() {
				out <- counter(refused, count.Count, string(count.Reason), string(count.Source))
			}
			stats := agents.Stats()
			out <- counter(sightings, stats.Sightings)
			out <- counter(rejected, stats.Rejected)
			out <- counter(unknown, stats.UnknownFields)
			for status, n := range stats.Answers {
				out <- counter(requests, n, strconv.Itoa(status))
			}
			out <- counter(snapshots, world.Status().Snapshots)
		},
	}
}
