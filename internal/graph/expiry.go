package graph

import (
	"slices"
	"time"
)

// Expire forgets every use whose latest sighting is before that moment, and every edge without a use. It returns how
// many edges went.
func (g *Graph) Expire(before time.Time) int {
	end, gone := nanoseconds(before), 0
	for i := range g.shards {
		s := &g.shards[i]
		s.mu.Lock()
		for k, e := range s.edges {
			have := len(e.uses)
			e.uses = slices.DeleteFunc(e.uses, func(u use) bool { return u.last() < end })
			switch {
			case len(e.uses) == 0:
				g.remove(s, k)
				gone++
			case len(e.uses) < have:
				e.changed = g.changes.Add(1)
			}
		}
		s.mu.Unlock()
	}
	return gone
}

// Reset forgets the edges of those namespaces: of the client's, or of the server's when the client is outside. Without
// a namespace it forgets all. It returns how many edges went.
func (g *Graph) Reset(namespaces ...string) int {
	gone := 0
	for i := range g.shards {
		s := &g.shards[i]
		s.mu.Lock()
		gone += g.resetShard(s, namespaces)
		s.mu.Unlock()
	}
	return gone
}

func (g *Graph) resetShard(s *shard, namespaces []string) int {
	before := len(s.edges)
	if len(namespaces) == 0 {
		g.edges.Add(-int64(before))
		s.clear()
		return before
	}
	for k := range s.edges {
		if home, _ := k.home(); slices.Contains(namespaces, home.Namespace) {
			g.remove(s, k)
		}
	}
	return before - len(s.edges)
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
