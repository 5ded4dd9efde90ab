package controllers

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-io/portolan/api/v2beta1"
)

// metrics counts what the controllers do to the cluster. Each counter is raised in one place only: next to the request
// that it counts.
type metrics struct {
	requests *prometheus.CounterVec // kind, verb
	objects  *prometheus.CounterVec // kind, outcome
	errors   *prometheus.CounterVec // kind, reason
	events   *prometheus.CounterVec // reason
	panics   prometheus.Counter
}

// The outcomes of the counter of objects.
const (
	outcomeCreated  = "created"
	outcomeUpdated  = "updated"
	outcomeDeleted  = "deleted"
	outcomeSkipped  = "skipped"  // already as it should be
	outcomeConflict = "conflict" // somebody else's; left untouched
)

func newMetrics(registry prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "portolan_write_requests_total",
			Help: "Write requests sent to the API server, by kind of object and verb; events are not among them.",
		}, []string{"kind", "verb"}),
		objects: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "portolan_objects_total",
			Help: "Objects compared with what they should be, by kind and outcome: created, updated, deleted, skipped, conflict.",
		}, []string{"kind", "outcome"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "portolan_write_errors_total",
			Help: "Write requests that the API server refused or did not answer, by kind of object and reason.",
		}, []string{"kind", "reason"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "portolan_events_total",
			Help: "Events handed to the recorder, by reason.",
		}, []string{"reason"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "portolan_reconcile_panics_total",
			Help: "Panics caught while an object was decided or written; each is shown on the objects that it concerns.",
		}),
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.requests, m.objects, m.errors, m.events, m.panics} {
		errs = append(errs, registry.Register(c))
	}
	return m, errors.Join(errs...)
}

// sent counts a write request and, when it failed, why.
func (m *metrics) sent(kind, verb string, err error) {
	m.requests.WithLabelValues(kind, verb).Inc()
	if err != nil {
		m.errors.WithLabelValues(kind, reasonOf(err)).Inc()
	}
}

func (m *metrics) object(kind, outcome string) { m.objects.WithLabelValues(kind, outcome).Inc() }

// reasonOf returns a bounded word for an error of the API server.
func reasonOf(err error) string {
	switch reason := apierrors.ReasonForError(err); {
	case reason != metav1.StatusReasonUnknown:
		return string(reason)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "Canceled"
	default:
		return "Unknown"
	}
}

// doubtful counts the objects that do not decode now, when it is scraped.
type doubtful struct{ world World }

func (d doubtful) desc() *prometheus.Desc {
	return prometheus.NewDesc("portolan_unreadable_objects",
		"Objects that people wrote and that do not decode, by kind; the status names them and the field that is wrong.", []string{"kind"}, nil)
}

// Describe implements prometheus.Collector.
func (d doubtful) Describe(out chan<- *prometheus.Desc) { out <- d.desc() }

// Collect implements prometheus.Collector.
func (d doubtful) Collect(out chan<- prometheus.Metric) {
	counts := map[string]float64{v2beta1.KindClientIntents: 0, v2beta1.KindProtectedService: 0, v2beta1.KindKafkaServerConfig: 0}
	for _, u := range d.world.Unreadable() {
		counts[u.Kind]++
	}
	for kind, count := range counts {
		out <- prometheus.MustNewConstMetric(d.desc(), prometheus.GaugeValue, count, kind)
	}
}
