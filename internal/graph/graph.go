package graph

import (
	"hash/maphash"
	"sync"
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

const shardCount = 64

// shard holds the edges of some peers inside the cluster, under one lock. An edge lives with its home: the client, or
// the server when the client is outside. So everything that bounds one peer is in one shard.
type shard struct {
	mu      sync.Mutex
	edges   map[pair]*entry
	borders map[identity.Workload]*border
}

type pair struct{ client, server Peer }

// border counts what one workload has on the other side of the cluster's border.
type border struct {
	names, addrs, sources int
	overflow              uint64
}

// New returns an empty graph.
func New(limits Limits) *Graph {
	g := &Graph{limits: limits.withDefaults(), seed: maphash.MakeSeed()}
	for i := range g.shards {
		g.shards[i].clear()
	}
	return g
}

func (s *shard) clear() {
	s.edges, s.borders = make(map[pair]*entry), make(map[identity.Workload]*border)
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
	home, shaped := key.home()
	if !shaped {
		return Shapeless
	}
	s := g.shardOf(home)
	s.mu.Lock()
	defer s.mu.Unlock()
	e, known := s.edges[key]
	if !known {
		if !o.fits() {
			return TooLong
		}
		if bound := g.admit(s, key, home); bound != Kept {
			return bound
		}
		e = newEntry()
		s.edges[key] = e
	}
	e.changed = g.changes.Add(1)
	return e.merge(o, &g.limits)
}

// admit makes room for a new edge, or says why there is none.
func (g *Graph) admit(s *shard, key pair, home identity.Workload) Bound {
	if g.edges.Add(1) > int64(g.limits.Edges) {
		g.edges.Add(-1)
		return FullEdges
	}
	if key.client.Inside() && key.server.Inside() {
		return Kept
	}
	b, known := s.borders[home]
	if !known {
		b = &border{}
		s.borders[home] = b
	}
	if bound := b.admit(key, &g.limits); bound != Kept {
		b.overflow++
		g.edges.Add(-1)
		return bound
	}
	return Kept
}

func (b *border) admit(key pair, l *Limits) Bound {
	count, most, bound := b.count(key, l)
	if *count >= most {
		return bound
	}
	*count++
	return Kept
}

// count returns the counter that an edge across the border belongs to, its limit, and the bound beyond it.
func (b *border) count(key pair, l *Limits) (*int, int, Bound) {
	switch {
	case !key.client.Inside():
		return &b.sources, l.SourcesPerServer, FullSources
	case key.server.Name != "":
		return &b.names, l.NamesPerClient, FullNames
	default:
		return &b.addrs, l.AddressesPerClient, FullAddrs
	}
}

// remove forgets an edge. The shard is locked.
func (g *Graph) remove(s *shard, key pair) {
	delete(s.edges, key)
	g.edges.Add(-1)
	if home, _ := key.home(); !key.client.Inside() || !key.server.Inside() {
		count, _, _ := s.borders[home].count(key, &g.limits)
		*count--
	}
}

// home returns the workload that the edge lives with. It is false when neither side is inside or one is empty.
func (k pair) home() (identity.Workload, bool) {
	if k.client == (Peer{}) || k.server == (Peer{}) {
		return identity.Workload{}, false
	}
	if k.client.Inside() {
		return k.client.Workload, true
	}
	return k.server.Workload, k.server.Inside()
}

func (g *Graph) shardOf(home identity.Workload) *shard {
	hash := maphash.String(g.seed, home.Name) ^ maphash.String(g.seed, home.Namespace)*3
	return &g.shards[hash%shardCount]
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
	s := g.shardOf(who)
	s.mu.Lock()
	defer s.mu.Unlock()
	if b, known := s.borders[who]; known {
		return b.overflow
	}
	return 0
}
