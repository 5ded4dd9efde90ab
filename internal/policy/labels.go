package policy

import (
	"iter"
	"maps"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
)

// looks are label sets of pods and templates, indexed so that most selectors are refused after one look.
type looks struct {
	sets  []map[string]string
	pairs map[labelPair]struct{}
}

type labelPair struct{ key, value string }

func newLooks(sets []map[string]string) looks {
	l := looks{sets: sets, pairs: make(map[labelPair]struct{}, 2*len(sets))}
	for _, labels := range sets {
		for k, v := range labels {
			l.pairs[labelPair{k, v}] = struct{}{}
		}
	}
	return l
}

// selectedBy reports whether a selector selects one of the sets; an empty selector selects none.
func (l looks) selectedBy(selector map[string]string) bool {
	for k, v := range selector {
		if _, present := l.pairs[labelPair{k, v}]; !present {
			return false
		}
	}
	for _, labels := range l.sets {
		if selects(selector, labels) {
			return true
		}
	}
	return false
}

// selects reports whether a Service's selector selects pods with these labels; an empty selector selects none.
func selects(selector, labels map[string]string) bool {
	if len(selector) == 0 {
		return false
	}
	for k, v := range selector {
		if got, present := labels[k]; !present || got != v {
			return false
		}
	}
	return true
}

// podLabels returns the label sets of the subject's pods and pod templates. Neighbours that are equal come once.
func (m matter) podLabels() []map[string]string {
	if service, isService := m.service(); isService {
		return servedLabels(m.snap, service)
	}
	w, known := m.workload()
	if !known {
		return nil
	}
	return labelsOf(w)
}

func labelsOf(w *cluster.Workload) []map[string]string {
	sets := labelsOfPods(w.Pods)
	for _, c := range w.Controllers {
		sets = append(sets, c.TemplateLabels)
	}
	return sets
}

// labelsOfPods returns the label sets of pods. Neighbours that are equal, as the pods of one template are, come once.
func labelsOfPods(pods []*cluster.Pod) []map[string]string {
	var sets []map[string]string
	for _, p := range pods {
		if n := len(sets); n == 0 || !maps.Equal(sets[n-1], p.Labels) {
			sets = append(sets, p.Labels)
		}
	}
	return sets
}

// servedLabels returns the label sets of the pods and pod templates that a Service selects.
func servedLabels(snap *cluster.Snapshot, service *cluster.Service) []map[string]string {
	space, known := snap.Space(service.Namespace)
	if !known {
		return nil
	}
	selector := selectorOf(service)
	sets := labelsOfPods(space.Selected(selector))
	for c := range templates(space, selector) {
		sets = append(sets, c.TemplateLabels)
	}
	return sets
}

// templates yields the controllers of a namespace whose pod template a selector selects, and whose pods they make.
func templates(space *cluster.Space, selector map[string]string) iter.Seq2[*cluster.Controller, identity.Workload] {
	return func(yield func(*cluster.Controller, identity.Workload) bool) {
		for _, id := range space.Workloads() {
			w, _ := space.Workload(id)
			for _, c := range w.Controllers {
				if selects(selector, c.TemplateLabels) && !yield(c, id) {
					return
				}
			}
		}
	}
}
