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

func (c *copier) add(e *entry) {
	edge := Edge{
		Client: e.key.client, Server: e.key.server, HostNetwork: e.hostNetwork, Private: e.private, Overflow: e.overflow,
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

// place is where an edge belongs: the rank of its client in the upper half, that of its server in the lower one.
type place struct {
	rank uint64
	from int // where the edge is now
}

// sorted returns the copies by client and then by server. Peers repeat, and comparing them costs more than anything else
// here, so each is ranked once and edges are sorted by the ranks.
func (c *copier) sorted() []Edge {
	ranks := make(map[Peer]*uint32)
	ends := make([]struct{ client, server *uint32 }, len(c.edges))
	for i := range c.edges {
		ends[i].client, ends[i].server = cell(ranks, &c.edges[i].Client), cell(ranks, &c.edges[i].Server)
	}
	for i, p := range slices.SortedFunc(maps.Keys(ranks), ComparePeers) {
		*ranks[p] = uint32(i)
	}
	order := make([]place, len(c.edges))
	for i, end := range ends {
		order[i] = place{rank: uint64(*end.client)<<32 | uint64(*end.server), from: i}
	}
	slices.SortFunc(order, func(a, b place) int { return cmp.Compare(a.rank, b.rank) })
	permute(c.edges, order)
	return c.edges
}

// cell returns where the rank of a peer is kept.
func cell(ranks map[Peer]*uint32, p *Peer) *uint32 {
	found, known := ranks[*p]
	if !known {
		found = new(uint32)
		ranks[*p] = found
	}
	return found
}

// permute brings edges into that order without a second array: it follows each cycle of moves once. It uses up order.
func permute(edges []Edge, order []place) {
	const done = -1
	for start := range order {
		if order[start].from == done {
			continue
		}
		first, at := edges[start], start
		for order[at].from != start {
			next := order[at].from
			edges[at], order[at].from = edges[next], done
			at = next
		}
		edges[at], order[at].from = first, done
	}
}
