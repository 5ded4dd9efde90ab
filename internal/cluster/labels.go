package cluster

import (
	"cmp"
	"slices"
)

// labelIndex finds pods and pod templates by their labels without reading all of them.
type labelIndex struct {
	running   map[label][]*Pod
	templates map[label][]*Controller
}

type label struct{ key, value string }

func newLabelIndex(pods []*Pod, controllers []*Controller) labelIndex {
	index := labelIndex{running: make(map[label][]*Pod), templates: make(map[label][]*Controller)}
	for _, p := range pods {
		if p.Finished {
			continue
		}
		for k, v := range p.Labels {
			index.running[label{k, v}] = append(index.running[label{k, v}], p)
		}
	}
	for _, c := range controllers {
		for k, v := range c.TemplateLabels {
			index.templates[label{k, v}] = append(index.templates[label{k, v}], c)
		}
	}
	return index
}

// pods returns the unfinished pods that have all the wanted labels, sorted by name; none for an empty selector.
func (x labelIndex) pods(wanted map[string]string) []*Pod {
	found := fewest(x.running, wanted, func(p *Pod) map[string]string { return p.Labels })
	slices.SortFunc(found, func(a, b *Pod) int { return cmp.Compare(a.Name, b.Name) })
	return found
}

// exact returns the labels of the workload's one controller if they select its pods and nothing else: every pod of the
// workload, no other pod, and no pod template of another workload, so that a neighbour scaled to zero counts too.
func (x labelIndex) exact(w *Workload, owners owners) map[string]string {
	if len(w.Controllers) != 1 {
		return nil
	}
	own := ownLabels(w.Controllers[0])
	if len(own) == 0 {
		return nil
	}
	if !slices.Equal(x.pods(own), w.Pods) {
		return nil
	}
	for _, c := range fewest(x.templates, own, func(c *Controller) map[string]string { return c.TemplateLabels }) {
		if _, who := owners.ofController(c); who != w.ID {
			return nil
		}
	}
	return own
}

// ownLabels returns the labels by which a controller knows its pods.
func ownLabels(c *Controller) map[string]string {
	switch c.Kind {
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController":
		return c.MatchLabels
	case "Job":
		return map[string]string{"batch.kubernetes.io/job-name": c.Name}
	case "CronJob":
		return c.TemplateLabels
	default:
		return nil
	}
}

// fewest returns the entries of the index that have all the wanted labels. It reads only those of the rarest label.
func fewest[T any](index map[label][]T, wanted map[string]string, labels func(T) map[string]string) []T {
	var rarest []T
	first := true
	for k, v := range wanted {
		if list := index[label{k, v}]; first || len(list) < len(rarest) {
			rarest, first = list, false
		}
	}
	var found []T
	for _, candidate := range rarest {
		if hasAll(labels(candidate), wanted) {
			found = append(found, candidate)
		}
	}
	return found
}

func hasAll(have, wanted map[string]string) bool {
	for k, v := range wanted {
		if got, present := have[k]; !present || got != v {
			return false
		}
	}
	return true
}
