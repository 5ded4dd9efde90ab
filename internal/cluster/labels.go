package cluster

import (
	"iter"
	"maps"
	"slices"
)

// labelIndex finds things by their labels without reading all of them. Things with equal labels, as the pods of one
// template have, are kept together.
type labelIndex[T any] struct {
	labels func(T) map[string]string
	byAll  map[uint64][]*kin[T] // by hash of all labels; nil when the index is complete
	byPair map[pair][]*kin[T]
}

// kin is all things that have exactly these labels.
type kin[T any] struct {
	labels map[string]string
	things []T
}

type pair struct{ key, value string }

func newLabelIndex[T any](labels func(T) map[string]string) labelIndex[T] {
	return labelIndex[T]{labels: labels, byAll: make(map[uint64][]*kin[T]), byPair: make(map[pair][]*kin[T])}
}

func (x labelIndex[T]) add(thing T) {
	k := x.kin(x.labels(thing))
	k.things = append(k.things, thing)
}

// complete returns the index for reading only; it takes less memory.
func (x labelIndex[T]) complete() labelIndex[T] {
	for _, list := range x.byAll {
		for _, k := range list {
			k.things = slices.Clone(k.things)
		}
	}
	x.byAll = nil
	return x
}

// kin returns the one entry for these labels.
func (x labelIndex[T]) kin(labels map[string]string) *kin[T] {
	hash := hashOf(labels)
	for _, k := range x.byAll[hash] {
		if maps.Equal(k.labels, labels) {
			return k
		}
	}
	k := &kin[T]{labels: labels}
	x.byAll[hash] = append(x.byAll[hash], k)
	for key, value := range labels {
		x.byPair[pair{key, value}] = append(x.byPair[pair{key, value}], k)
	}
	return k
}

// matching yields everything that has all the wanted labels, in no order; nothing for an empty selector. It looks only at
// what has the rarest of them.
func (x labelIndex[T]) matching(wanted map[string]string) iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, k := range x.rarest(wanted) {
			if !hasAll(k.labels, wanted) {
				continue
			}
			for _, thing := range k.things {
				if !yield(thing) {
					return
				}
			}
		}
	}
}

func (x labelIndex[T]) rarest(wanted map[string]string) []*kin[T] {
	var rarest []*kin[T]
	first := true
	for key, value := range wanted {
		if list := x.byPair[pair{key, value}]; first || len(list) < len(rarest) {
			rarest, first = list, false
		}
	}
	return rarest
}

// hashOf returns a hash of the labels that does not depend on their order.
func hashOf(labels map[string]string) uint64 {
	var sum uint64
	for key, value := range labels {
		sum += fnv(fnv(fnv(fnvOffset, key), "="), value)
	}
	return sum
}

const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

func fnv(hash uint64, text string) uint64 {
	for i := range len(text) {
		hash = (hash ^ uint64(text[i])) * fnvPrime
	}
	return hash
}

func hasAll(have, wanted map[string]string) bool {
	for k, v := range wanted {
		if got, present := have[k]; !present || got != v {
			return false
		}
	}
	return true
}

// selectedPods returns the pods that have all the wanted labels, sorted by name.
func selectedPods(pods labelIndex[*Pod], wanted map[string]string) []*Pod {
	return slices.SortedFunc(pods.matching(wanted), byPodName)
}

// exactLabels returns the labels of the workload's one controller if they select its pods and nothing else: every pod of
// the workload, no other pod, and no pod template of another controller, so that a neighbour scaled to zero counts too.
func exactLabels(w *Workload, pods labelIndex[*Pod], templates labelIndex[template]) map[string]string {
	if len(w.Controllers) != 1 {
		return nil
	}
	own := ownLabels(w.Controllers[0])
	if len(own) == 0 {
		return nil
	}
	for _, p := range w.Pods {
		if !hasAll(p.Labels, own) {
			return nil
		}
	}
	others := -len(w.Pods)
	for range pods.matching(own) {
		if others++; others > 0 {
			return nil
		}
	}
	for t := range templates.matching(own) {
		if t.top != w.Controllers[0] {
			return nil
		}
	}
	return own
}

// ownLabels returns the labels by which a controller knows its pods. ReplicaSets and Jobs that something unknown made
// have none: they come and go, and their labels name a revision or a run of the workload, not the workload.
func ownLabels(c *Controller) map[string]string {
	made := c.Owner != (Owner{})
	switch c.Kind {
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicationController":
		return c.MatchLabels
	case "ReplicaSet":
		if !made {
			return c.MatchLabels
		}
	case "Job":
		if !made {
			return map[string]string{"batch.kubernetes.io/job-name": c.Name}
		}
	case "CronJob":
		return c.TemplateLabels
	}
	return nil
}
