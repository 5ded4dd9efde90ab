package graph

import (
	"math"
	"slices"
)

// copier makes deep copies of edges in few, large allocations. Every slice that it hands out has no spare capacity, so
// that appending to one never writes into another.
type copier struct {
	edges    []Edge
	seen     []Seen
	evidence []Evidence
	services []string
	spells   []Spell
	whole    bool   // also what left the map, and spells
	after    uint64 // only uses that changed after that
}

// chunk is how many values one allocation holds.
const chunk = 512

// carve returns n fresh values and what is left of the chunk.
func carve[T any](rest []T, n int) (cut, left []T) {
	if n == 0 {
		return nil, rest
	}
	if n > len(rest) {
		rest = make([]T, max(n, chunk))
	}
	return rest[:n:n], rest[n:]
}

func (c *copier) add(e *entry) {
	c.edges = slices.Grow(c.edges, 1)[:len(c.edges)+1] // what is behind the end was never used, and is zero
	edge := &c.edges[len(c.edges)-1]
	edge.Client, edge.Server = e.key.client, e.key.server
	edge.HostNetwork, edge.Private, edge.Overflow = e.hostNetwork, e.private, e.overflow
	edge.Services, c.services = carve(c.services, len(e.services))
	copy(edge.Services, e.services)
	edge.Uses, c.seen = carve(c.seen, c.shown(e))
	first, last, n := int64(math.MaxInt64), int64(math.MinInt64), 0
	for i := range e.uses {
		if !c.shows(&e.uses[i]) {
			continue
		}
		c.use(&edge.Uses[n], &e.uses[i])
		n++
		for _, v := range e.uses[i].evidence {
			first, last = min(first, v.first), max(last, v.last)
		}
	}
	edge.First, edge.Last = instant(first), instant(last)
	if e.activity != nil && !c.whole {
		edge.Activity = e.activity.shown
	}
	if c.whole {
		spells := e.spells()
		edge.Spells, c.spells = carve(c.spells, len(spells))
		for i, s := range spells {
			edge.Spells[i] = Spell{First: instant(s.first), Last: instant(s.last)}
		}
	}
}

// shown returns how many uses of the edge are copied.
func (c *copier) shown(e *entry) int {
	n := 0
	for i := range e.uses {
		if c.shows(&e.uses[i]) {
			n++
		}
	}
	return n
}

func (c *copier) shows(u *use) bool { return (c.whole || !u.over) && u.changed > c.after }

func (c *copier) use(to *Seen, u *use) {
	to.Use, to.TargetPort = u.key, u.target
	to.Evidence, c.evidence = carve(c.evidence, len(u.evidence))
	for i := range u.evidence {
		v := &u.evidence[i]
		to.Evidence[i] = Evidence{Source: v.source, First: instant(v.first), Last: instant(v.last), Count: sum(v.count, v.fresh)}
	}
}
