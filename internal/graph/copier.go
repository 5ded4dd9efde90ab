package graph

import (
	"cmp"
	"maps"
	"slices"
)

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

func (c *copier) add(k *pair, e *entry) {
	edge := Edge{
		Client: k.client, Server: k.server, HostNetwork: e.hostNetwork, Private: e.private, Overflow: e.overflow,
	}
	edge.Services, c.services = carve(c.services, len(e.services))
	copy(edge.Services, e.services)
	edge.Uses, c.seen = carve(c.seen, len(e.uses))
	for i := range e.uses {
		edge.Uses[i] = c.use(&e.uses[i])
		edge.span(edge.Uses[i].Evidence)
	}
	c.edges = append(c.edges, edge)
}

func (c *copier) use(u *use) Seen {
	seen := Seen{Use: u.key, TargetPort: u.target}
	seen.Evidence, c.evidence = carve(c.evidence, len(u.evidence))
	for i, v := range u.evidence {
		seen.Evidence[i] = Evidence{Source: v.source, First: instant(v.first), Last: instant(v.last), Count: v.count}
	}
	return seen
}

// span widens the edge's time to that of the evidence.
func (e *Edge) span(all []Evidence) {
	for i := range all {
		if e.First.IsZero() || all[i].First.Before(e.First) {
			e.First = all[i].First
		}
		if all[i].Last.After(e.Last) {
			e.Last = all[i].Last
		}
	}
}

// sorted returns the copies by client and then by server. Peers repeat, and comparing them costs more than anything else
// here, so each is ranked once and edges are sorted by the ranks.
func (c *copier) sorted() []Edge {
	rank := make(map[Peer]uint64)
	for i := range c.edges {
		rank[c.edges[i].Client], rank[c.edges[i].Server] = 0, 0
	}
	for i, p := range slices.SortedFunc(maps.Keys(rank), ComparePeers) {
		rank[p] = uint64(i)
	}
	type place struct {
		rank uint64 // of the client in the upper half, of the server in the lower one
		at   int
	}
	order := make([]place, len(c.edges))
	for i := range c.edges {
		order[i] = place{rank: rank[c.edges[i].Client]<<32 | rank[c.edges[i].Server], at: i}
	}
	slices.SortFunc(order, func(a, b place) int { return cmp.Compare(a.rank, b.rank) })
	edges := make([]Edge, len(order))
	for i, p := range order {
		edges[i] = c.edges[p.at]
	}
	return edges
}
