package graph

import (
	"slices"
	"time"
)

// Expire forgets every use whose latest sighting is before that moment, and every edge without a use. It returns how
// many edges went.
func (g *Graph) Expire(before time.Time) int {
	end := nanoseconds(before)
	return g.drop(func(e *entry) bool {
		have := len(e.uses)
		e.uses = slices.DeleteFunc(e.uses, func(u use) bool { return u.last() < end })
		if len(e.uses) < have {
			e.changed = g.changes.Add(1)
		}
		return len(e.uses) == 0
	})
}

// Reset forgets the edges of those namespaces: of the client's, or of the server's when the client is outside. Without
// a namespace it forgets all. It returns how many edges went.
func (g *Graph) Reset(namespaces ...string) int {
	return g.drop(func(e *entry) bool {
		return len(namespaces) == 0 || slices.Contains(namespaces, e.key.home().Namespace)
	})
}

// drop forgets the edges that are over, one shard locked at a time. A shard that has none left gives its memory back.
func (g *Graph) drop(over func(*entry) bool) int {
	gone := 0
	for i := range g.shards {
		s := &g.shards[i]
		s.mu.Lock()
		before := gone
		s.drop(over, func(e *entry) { g.forget(e); gone++ })
		if gone > before && len(s.edges) == 0 {
			s.clear()
		}
		s.mu.Unlock()
	}
	return gone
}

// Restore merges an edge that a graph gave away before, as a store does at start. Its counts are added. It returns Kept
// or the first bound that refused a part of it.
func (g *Graph) Restore(edge Edge) Bound {
	first := Kept
	for _, o := range edge.observations() {
		if bound := g.Merge(o); bound != Kept && first == Kept {
			first = bound
		}
	}
	return first
}

// observations returns what would rebuild the edge: one for each piece of evidence, and one without a count for each
// further Service.
func (e Edge) observations() []Observation {
	var all []Observation
	for _, seen := range e.Uses {
		for _, v := range seen.Evidence {
			all = append(all, Observation{
				Client: e.Client, Server: e.Server, Use: seen.Use, TargetPort: seen.TargetPort,
				HostNetwork: e.HostNetwork, Private: e.Private,
				Source: v.Source, First: v.First, Last: v.Last, Count: v.Count,
			})
		}
	}
	if len(all) == 0 {
		return nil
	}
	for _, service := range e.Services {
		again := all[0]
		again.Service, again.Count = service, 0
		all = append(all, again)
	}
	return all
}
