package role

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/portolan-io/portolan/internal/capture/frame"
	"github.com/portolan-io/portolan/internal/traffic"
	"github.com/portolan-io/portolan/internal/wire"
)

// pulled is a collector that reads counts where they are kept, each time it is scraped.
type pulled struct {
	describe []*prometheus.Desc
	collect  func(chan<- prometheus.Metric)
}

// Describe implements prometheus.Collector.
func (p pulled) Describe(out chan<- *prometheus.Desc) {
	for _, d := range p.describe {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (p pulled) Collect(out chan<- prometheus.Metric) { p.collect(out) }

func metricsHandler(collectors ...prometheus.Collector) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors...)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("/", only("GET /metrics"))
	return mux
}

func counter(d *prometheus.Desc, value uint64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
}

func gauge(d *prometheus.Desc, value float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func agentMetrics(e *eyes, window *traffic.Window, delivered func() wire.SenderStats) prometheus.Collector {
	received := prometheus.NewDesc("portolan_agent_packets_received_total", "Packets that passed the kernel filter.", nil, nil)
	ignored := prometheus.NewDesc("portolan_agent_ignored_total", "Input that carries no information by design.", []string{"source", "reason"}, nil)
	dropped := prometheus.NewDesc("portolan_agent_dropped_total", "Information that was lost or refused.", []string{"source", "reason"}, nil)
	keys := prometheus.NewDesc("portolan_agent_window_keys", "Different sightings that wait for the next batch.", nil, nil)
	acknowledged := prometheus.NewDesc("portolan_agent_acknowledged_total", "Sightings that the operator took, repeats counted.", nil, nil)
	queue := prometheus.NewDesc("portolan_agent_queue_batches", "Batches that wait for the operator.", nil, nil)
	return pulled{
		describe: []*prometheus.Desc{received, ignored, dropped, keys, acknowledged, queue},
		collect: func(out chan<- prometheus.Metric) {
			out <- counter(received, e.packets.Received())
			for _, c := range e.status().Counters {
				family := ignored
				if c.Dropped {
					family = dropped
				}
				out <- counter(family, c.Value, c.Source, c.Reason)
			}
			sent := delivered()
			out <- counter(dropped, sent.DroppedQueueFull, "delivery", "queue-full")
			out <- counter(dropped, sent.DroppedRefused, "delivery", "refused")
			out <- counter(acknowledged, sent.Acknowledged)
			out <- gauge(queue, float64(sent.QueueBatches))
			out <- gauge(keys, float64(window.Len()))
		},
	}
}

// agentTroubles tell whether an agent can see at all and can tell the operator: what an alert looks at first.
func agentTroubles(e *eyes, delivered func() wire.SenderStats) prometheus.Collector {
	running := prometheus.NewDesc("portolan_agent_source_running", "1 if the source sees; 0 if it does not, and /readyz and the log say why.", []string{"source"}, nil)
	failures := prometheus.NewDesc("portolan_agent_source_failures_total", "Starts of a source that failed, and runs that broke off.", []string{"source", "reason"}, nil)
	unsent := prometheus.NewDesc("portolan_agent_send_failures_total", "Attempts to tell the operator something that failed, heartbeats included.", []string{"reason"}, nil)
	return pulled{
		describe: []*prometheus.Desc{running, failures, unsent},
		collect: func(out chan<- prometheus.Metric) {
			for _, source := range e.sources {
				out <- gauge(running, truth(source.eye.status().State != frame.Off), string(source.name))
				for _, c := range source.eye.failures() { // of what several sources share, each has all
					out <- counter(failures, c.N, string(source.name), c.Reason)
				}
			}
			for reason, n := range delivered().Failures {
				out <- counter(unsent, n, string(reason))
			}
		},
	}
}

// truth is how a gauge says yes and no.
func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
