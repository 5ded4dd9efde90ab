package graph

import (
	"hash/maphash"
	"math/bits"
	"sync"

	"github.com/portolan-io/portolan/internal/identity"
)

const shardCount = 64

// shard holds the edges of some peers inside the cluster, under one lock. An edge lives with its home: the client, or
// the server when the client is outside. So everything that bounds one peer is in one shard.
//
// Edges are found by a hash of their two ends that leaves the kinds out; the few that share one are chained. That takes
// half the time of a map with the whole pair as its key.
type shard struct {
	mu      sync.Mutex
	edges   map[uint64]*entry
	borders map[identity.Workload]*border
}

// pair is the key of an edge.
type pair struct{ client, server Peer }

// border counts what one workload has on the other side of the cluster's border.
type border struct {
	names, addrs, sources int
	overflow              uint64
}

func (s *shard) clear() {
	s.edges, s.borders = make(map[uint64]*entry), make(map[identity.Workload]*border)
}

func (s *shard) find(hash uint64, key *pair) *entry {
	for e := s.edges[hash]; e != nil; e = e.next {
		if e.key == *key {
			return e
		}
	}
	return nil
}

func (s *shard) insert(hash uint64, e *entry) {
	e.next = s.edges[hash]
	s.edges[hash] = e
}

// each calls visit for every edge.
func (s *shard) each(visit func(*entry)) {
	for _, e := range s.edges {
		for ; e != nil; e = e.next {
			visit(e)
		}
	}
}

// drop forgets the edges that are over, and returns how many.
func (s *shard) drop(over func(*entry) bool, l *Limits) int {
	gone := 0
	for hash, e := range s.edges {
		var kept *entry
		for e != nil {
			next := e.next
			if over(e) {
				gone++
				s.release(&e.key, l)
			} else {
				e.next, kept = kept, e
			}
			e = next
		}
		if kept == nil {
			delete(s.edges, hash)
		} else {
			s.edges[hash] = kept
		}
	}
	return gone
}

// admit makes room for an edge across the border, or says which bound has none.
func (s *shard) admit(key *pair, l *Limits) Bound {
	if !key.crosses() {
		return Kept
	}
	home, _ := key.home()
	b, known := s.borders[home]
	if !known {
		b = &border{}
		s.borders[home] = b
	}
	count, most, bound := b.count(key, l)
	if *count >= most {
		b.overflow++
		return bound
	}
	*count++
	return Kept
}

// release gives back what admit took.
func (s *shard) release(key *pair, l *Limits) {
	if key.crosses() {
		home, _ := key.home()
		count, _, _ := s.borders[home].count(key, l)
		*count--
	}
}

// count returns the counter that an edge across the border belongs to, its limit, and the bound beyond it.
func (b *border) count(key *pair, l *Limits) (*int, int, Bound) {
	switch {
	case !key.client.Inside():
		return &b.sources, l.SourcesPerServer, FullSources
	case key.server.Name != "":
		return &b.names, l.NamesPerClient, FullNames
	default:
		return &b.addrs, l.AddressesPerClient, FullAddrs
	}
}

func (k *pair) crosses() bool { return !k.client.Inside() || !k.server.Inside() }

// home returns the workload that the edge lives with. It is false when neither side is inside or one is empty.
func (k *pair) home() (identity.Workload, bool) {
	if k.client == (Peer{}) || k.server == (Peer{}) {
		return identity.Workload{}, false
	}
	if k.client.Inside() {
		return k.client.Workload, true
	}
	return k.server.Workload, k.server.Inside()
}

// place returns the shard of an edge and the hash of its pair.
func (g *Graph) place(key *pair) (*shard, uint64) {
	client, server := g.hash(&key.client), g.hash(&key.server)
	home := client
	if !key.client.Inside() {
		home = server
	}
	return &g.shards[home%shardCount], bits.RotateLeft64(client, 1) ^ server
}

func (g *Graph) hash(p *Peer) uint64 {
	switch {
	case p.Inside():
		return maphash.String(g.seed, p.Workload.Name) ^ bits.RotateLeft64(maphash.String(g.seed, p.Workload.Namespace), 1)
	case p.Name != "":
		return maphash.String(g.seed, p.Name)
	default:
		octets := p.Addr.As16()
		return maphash.Bytes(g.seed, octets[:])
	}
}
