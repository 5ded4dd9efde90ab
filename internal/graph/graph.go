package graph

import (
	"hash/maphash"
	"math"
	"slices"
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
	edges   atomic.Int64  // in the map
	past    atomic.Int64  // that left it
	horizon atomic.Int64  // what was last seen before it is not in the map
	refused refusals
	shards  [shardCount]shard
	borders [shardCount]borders
}

// New returns an empty graph.
func New(limits Limits) *Graph {
	g := &Graph{limits: limits.withDefaults(), seed: maphash.MakeSeed()}
	g.horizon.Store(math.MinInt64)
	for i := range g.shards {
		g.shards[i].clear()
	}
	return g
}

// Merge adds an observation and returns Kept, or the bound that refused it. A refusal is counted in Refused and, where
// it concerns one edge or one workload, in their overflow. A known edge and use costs no allocation.
func (g *Graph) Merge(o Observation) Bound { return g.take(&o, observed) }

func (g *Graph) take(o *Observation, how manner) Bound {
	bound := g.merge(o, how)
	if bound != Kept {
		g.refused[bound].Add(1)
	}
	return bound
}

func (g *Graph) merge(o *Observation, how manner) Bound {
	key := pair{client: o.Client, server: o.Server}
	if !key.shaped() {
		return Shapeless
	}
	horizon := g.horizon.Load()
	s, hash := g.place(&key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.find(hash, &key)
	if e == nil {
		if !o.fits() {
			return TooLong
		}
		past := beforeBoth(o, horizon)
		if bound := g.enter(&key, past); bound != Kept {
			return bound
		}
		e = s.insert(hash, &key, o.Use)
		e.past = past
	}
	e.changed = g.changes.Add(1)
	bound := g.put(e, o, how, horizon)
	if bound == Kept && how == observed {
		e.note(g.seed, o)
	}
	return bound
}

// put adds an observation to an edge, which comes back into the map if it had left it and the observation is of now.
func (g *Graph) put(e *entry, o *Observation, how manner, horizon int64) Bound {
	if e.past && !beforeBoth(o, horizon) {
		return g.wake(e, o, how, horizon)
	}
	return e.merge(o, how, &g.limits, horizon)
}

// beforeBoth reports whether all of the observation is before that moment.
func beforeBoth(o *Observation, horizon int64) bool {
	return horizon != math.MinInt64 && nanoseconds(o.Last) < horizon && nanoseconds(o.First) < horizon
}

// enter makes room for a new edge, in the map or in the past.
func (g *Graph) enter(key *pair, past bool) Bound {
	if !past {
		return g.admit(key)
	}
	g.past.Add(1)
	return Kept
}

// wake brings an edge back into the map.
func (g *Graph) wake(e *entry, o *Observation, how manner, horizon int64) Bound {
	if bound := g.admit(&e.key); bound != Kept {
		return bound
	}
	if bound := e.merge(o, how, &g.limits, horizon); bound != Kept {
		g.leave(e)
		return bound
	}
	e.past = false
	g.past.Add(-1)
	return Kept
}

// admit makes room for a new edge, or says which bound has none.
func (g *Graph) admit(key *pair) Bound {
	bound := FullEdges
	if g.edges.Add(1) <= int64(g.limits.Edges) {
		bound = g.admitAcross(key)
	}
	if bound != Kept {
		g.edges.Add(-1)
	}
	return bound
}

func (g *Graph) admitAcross(key *pair) Bound {
	if !key.crosses() {
		return Kept
	}
	return g.border(key).admit(key, &g.limits)
}

// forget gives back what an edge takes beside its place among those of its client.
func (g *Graph) forget(e *entry) {
	s, hash := g.place(&e.key)
	s.unchain(hash, e)
	if e.past {
		g.past.Add(-1)
	} else {
		g.leave(e)
	}
}

// leave gives back what admit took.
func (g *Graph) leave(e *entry) {
	if e.key.crosses() {
		g.border(&e.key).release(&e.key, &g.limits)
	}
	g.edges.Add(-1)
}

// border returns the counts that an edge across the border belongs to.
func (g *Graph) border(key *pair) *borders {
	return g.borderOf(key.home())
}

func (g *Graph) borderOf(who identity.Workload) *borders {
	return &g.borders[g.hash(&Peer{Workload: who})%shardCount]
}

// MaxEdges returns how many edges the map holds at most.
func (g *Graph) MaxEdges() int { return g.limits.Edges }

// Len returns how many edges are in the map.
func (g *Graph) Len() int { return int(g.edges.Load()) }

// Past returns how many edges left the map and are history.
func (g *Graph) Past() int { return int(g.past.Load()) }

// Refused returns how many observations were refused for that bound since the graph was made.
func (g *Graph) Refused(b Bound) uint64 {
	if b >= bounds {
		return 0
	}
	return g.refused[b].Load()
}

// Overflow says that a workload had too many peers on the other side of the cluster's border.
type Overflow struct {
	Workload identity.Workload
	Count    uint64 // observations of further ones, which were refused
}

// Overflows returns the workloads that had too many peers outside, sorted. Each is told for as long as it has any.
func (g *Graph) Overflows() []Overflow {
	var all []Overflow
	for i := range g.borders {
		all = g.borders[i].overflows(all)
	}
	slices.SortFunc(all, func(a, b Overflow) int { return identity.Compare(a.Workload, b.Workload) })
	return all
}
