package role

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portolan-io/portolan/internal/store"
)

// storeMetrics describes what is told of the store.
type storeMetrics struct {
	up, waiting, contact, commits, failures, edges, duplicates *prometheus.Desc
}

func newStoreMetrics() storeMetrics {
	describe := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("portolan_store_"+name, help, []string{"kind"}, nil)
	}
	return storeMetrics{
		up:         describe("up", "Whether the map can be stored: 1, or 0 while the store fails. A map in memory is never stored and has 1."),
		waiting:    describe("waiting_batches", "Batches in the map that are not stored yet."),
		contact:    describe("last_contact_timestamp_seconds", "When the store answered last, in seconds since 1970."),
		commits:    describe("commits_total", "Attempts to write or read the store that succeeded."),
		failures:   describe("failures_total", "Attempts to write or read the store that failed."),
		edges:      describe("written_edges_total", "Edges that were written to the store."),
		duplicates: describe("duplicate_batches_total", "Batches that another replica had stored before."),
	}
}

func (m storeMetrics) describe() []*prometheus.Desc {
	return []*prometheus.Desc{m.up, m.waiting, m.contact, m.commits, m.failures, m.edges, m.duplicates}
}

func (m storeMetrics) collect(out chan<- prometheus.Metric, s store.State) {
	up, kind := 1.0, string(s.Kind)
	if s.Problem != "" {
		up = 0
	}
	out <- gauge(m.up, up, kind)
	out <- gauge(m.waiting, float64(s.Waiting), kind)
	out <- gauge(m.contact, float64(s.Contact.UnixMilli())/1000, kind)
	out <- counter(m.commits, s.Commits, kind)
	out <- counter(m.failures, s.Failures, kind)
	out <- counter(m.edges, s.Edges, kind)
	out <- counter(m.duplicates, s.Duplicates, kind)
}
