package graph

import (
	"slices"
	"time"
)

// Retire takes every use whose latest sighting is before that moment out of the map, and every edge without another use.
// They stay in the history until Expire forgets them, and come back with all that is known of them when they are seen
// again. Moments only rise. It returns how many edges left the map.
func (g *Graph) Retire(before time.Time) int {
	horizon := max(nanoseconds(before), g.horizon.Load())
	g.horizon.Store(horizon)
	gone := 0
	for i := range g.shards {
		s := &g.shards[i]
		s.mu.Lock()
		for _, from := range s.clients {
			for _, e := range from.edges {
				if !e.past && g.retire(e, horizon) {
					gone++
				}
			}
		}
		s.mu.Unlock()
	}
	g.boundPast()
	return gone
}

// retire marks the uses that are over, and reports whether the edge left the map with the last of them.
func (g *Graph) retire(e *entry, horizon int64) bool {
	over, changed := true, false
	for i := range e.uses {
		u := &e.uses[i]
		if !u.over && u.last() < horizon {
			u.over, changed = true, true
		}
		over = over && u.over
	}
	if changed {
		e.changed = g.changes.Add(1)
	}
	if over {
		e.past = true
		g.leave(e)
		g.past.Add(1)
	}
	return over
}

// boundPast forgets the oldest of what left the map when there is too much of it.
func (g *Graph) boundPast() {
	if g.Past() <= g.limits.Past {
		return
	}
	var lasts []int64
	for i := range g.shards {
		s := &g.shards[i]
		s.mu.Lock()
		for _, from := range s.clients {
			for _, e := range from.edges {
				if e.past {
					lasts = append(lasts, e.last())
				}
			}
		}
		s.mu.Unlock()
	}
	if len(lasts) <= g.limits.Past {
		return
	}
	slices.Sort(lasts)
	youngest := lasts[len(lasts)-g.limits.Past-1]
	g.drop(func(e *entry) bool { return e.past && e.last() <= youngest })
}

// Expire forgets what was last seen before that moment: evidence, uses without evidence, spells, and edges without a use.
// It returns how many edges went.
func (g *Graph) Expire(before time.Time) int {
	end := nanoseconds(before)
	return g.drop(func(e *entry) bool {
		have, left := 0, 0
		for i := range e.uses {
			u := &e.uses[i]
			have += len(u.evidence)
			u.evidence = slices.DeleteFunc(u.evidence, func(v evidence) bool { return v.last < end })
			left += len(u.evidence)
		}
		if left < have {
			e.uses = slices.DeleteFunc(e.uses, func(u use) bool { return len(u.evidence) == 0 })
			e.changed = g.changes.Add(1)
		}
		if len(e.earlier) > 0 && e.earlier[0].last < end {
			e.keep(slices.DeleteFunc(e.spells(), func(s spell) bool { return s.last < end }))
		}
		return len(e.uses) == 0
	})
}

// Reset forgets the edges of those namespaces and their history: of the client's, or of the server's when the client is
// outside. Without a namespace it forgets all. It returns how many edges went.
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
