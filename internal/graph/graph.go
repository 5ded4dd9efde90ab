package graph

import (
	"hash/maphash"
	"sync/atomic"

	"github.com/portolan-io/portolan/internal/identity"
)

// Graph holds the edges. It is safe for concurrent use by any number of writers and readers. A reader holds a lock only
// while it copies a small part, so it never keeps writers waiting for long.
//
// Below the limits these laws hold for everything but counts, whatever the order in which observations come:
//
//	a then b     = b then a          commutative
//	(a, b) then c = a then (b, c)    associative
//	a then a     = a                 idempotent
//
// Counts add up; whoever delivers a batch twice must notice it.
type Graph struct {
	limits  Limits
	seed    maphash.Seed
	changes atomic.Uint64 // number of the latest change
	edges   atomic.Int64
	refused refusals
	shards  [shardCount]shard
}

// New returns an empty graph.
func New(limits Limits) *Graph {
	g := &Graph{limits: limits.withDefaults(), seed: maphash.MakeSeed()}
	for i := range g.shards {
		g.shards[i].clear()
	}
	return g
}

// Merge adds an observation and returns Kept, or the bound that refused it. A refusal is counted in Refused and, where
// it concerns one edge or one workload, in their overflow. A known edge and use costs no allocation.
func (g *Graph) Merge(o Observation) Bound {
	bound := g.merge(&o)
	if bound != Kept {
		g.refused[bound].Add(1)
	}
	return bound
}

func (g *Graph) merge(o *Observation) Bound {
	key := pair{client: o.Client, server: o.Server}
	if _, shaped := key.home(); !shaped {
		return Shapeless
	}
	s, hash := g.place(&key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.find(hash, &key)
	if e == nil {
		if !o.fits() {
			return TooLong
		}
		if bound := g.admit(s, &key); bound != Kept {
			return bound
		}
		e = newEntry(key)
		s.insert(hash, e)
	}
	e.changed = g.changes.Add(1)
	return e.merge(o, &g.limits)
}

// admit makes room for a new edge, or says which bound has none.
func (g *Graph) admit(s *shard, key *pair) Bound {
	bound := FullEdges
	if g.edges.Add(1) <= int64(g.limits.Edges) {
		bound = s.admit(key, &g.limits)
	}
	if bound != Kept {
		g.edges.Add(-1)
	}
	return bound
}

// Len returns how many edges there are.
func (g *Graph) Len() int { return int(g.edges.Load()) }

// Refused returns how many observations were refused for that bound since the graph was made.
func (g *Graph) Refused(b Bound) uint64 {
	if b >= bounds {
		return 0
	}
	return g.refused[b].Load()
}

// Overflow returns how many edges across the border of the cluster were refused because that workload had too many.
func (g *Graph) Overflow(who identity.Workload) uint64 {
	s := &g.shards[g.hash(&Peer{Workload: who})%shardCount]
	s.mu.Lock()
	defer s.mu.Unlock()
	if b, known := s.borders[who]; known {
		return b.overflow
	}
	return 0
}
