package graph

import "math"

// copier makes deep copies of edges in few, large allocations. Every slice that it hands out has no spare capacity, so
// that appending to one never writes into another.
type copier struct {
	edges    []Edge
	seen     []Seen
	evidence []Evidence
	services []string
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
	c.edges = append(c.edges, Edge{})
	edge := &c.edges[len(c.edges)-1]
	edge.Client, edge.Server = e.key.client, e.key.server
	edge.HostNetwork, edge.Private, edge.Overflow = e.hostNetwork, e.private, e.overflow
	edge.Services, c.services = carve(c.services, len(e.services))
	copy(edge.Services, e.services)
	edge.Uses, c.seen = carve(c.seen, len(e.uses))
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for i := range e.uses {
		c.use(&edge.Uses[i], &e.uses[i])
		for _, v := range e.uses[i].evidence {
			first, last = min(first, v.first), max(last, v.last)
		}
	}
	edge.First, edge.Last = instant(first), instant(last)
}

func (c *copier) use(to *Seen, u *use) {
	to.Use, to.TargetPort = u.key, u.target
	to.Evidence, c.evidence = carve(c.evidence, len(u.evidence))
	for i := range u.evidence {
		v := &u.evidence[i]
		to.Evidence[i] = Evidence{Source: v.source, First: instant(v.first), Last: instant(v.last), Count: v.count}
	}
}
