package graph

import (
	"hash/maphash"
	"math/bits"
	"slices"
	"sync"

	"github.com/portolan-io/portolan/internal/identity"
)

const shardCount = 64

// shard holds the edges of some clients, under one lock.
//
// Writers find an edge by a hash of its two ends that leaves the kinds out; the few that share one are chained. That takes
// half the time of a map with the whole pair as its key. Readers walk the edges of one client after the other, which are
// kept in order, so that a view sorts clients alone.
type shard struct {
	mu      sync.Mutex
	edges   map[uint64]*entry
	clients map[Peer]*client
}

// client is a peer with the edges that lead from it.
type client struct {
	peer  Peer
	shard *shard   // whose lock the edges need
	edges []*entry // sorted by server
}

// pair is the key of an edge.
type pair struct{ client, server Peer }

func (s *shard) clear() {
	s.edges, s.clients = make(map[uint64]*entry), make(map[Peer]*client)
}

func (s *shard) find(hash uint64, key *pair) *entry {
	for e := s.edges[hash]; e != nil; e = e.next {
		if e.key == *key {
			return e
		}
	}
	return nil
}

// insert makes an edge that is not there, for its first use.
func (s *shard) insert(hash uint64, key *pair, first Use) *entry {
	of, known := s.clients[key.client]
	if !known {
		of = &client{peer: key.client, shard: s}
		s.clients[key.client] = of
	}
	e := newEntry(key, first)
	at, _ := of.find(&e.key.server)
	of.edges = slices.Insert(of.edges, at, e)
	e.next = s.edges[hash]
	s.edges[hash] = e
	return e
}

// find returns the place of the edge to a server, and whether it is there.
func (c *client) find(server *Peer) (int, bool) {
	return slices.BinarySearchFunc(c.edges, server, func(e *entry, server *Peer) int { return comparePeers(&e.key.server, server) })
}

// drop forgets the edges that are over, and calls forgotten for each.
func (s *shard) drop(over func(*entry) bool, forgotten func(*entry)) {
	for peer, of := range s.clients {
		of.edges = slices.DeleteFunc(of.edges, func(e *entry) bool {
			if !over(e) {
				return false
			}
			forgotten(e)
			return true
		})
		if len(of.edges) == 0 {
			delete(s.clients, peer)
		}
	}
}

// unchain takes an edge from those with its hash.
func (s *shard) unchain(hash uint64, e *entry) {
	first := s.edges[hash]
	switch {
	case first != e:
		for first.next != e {
			first = first.next
		}
		first.next = e.next
	case e.next != nil:
		s.edges[hash] = e.next
	default:
		delete(s.edges, hash)
	}
}

// shaped reports whether one end is inside the cluster and the other is anybody.
func (k *pair) shaped() bool {
	return k.client.Inside() && k.server != (Peer{}) || k.server.Inside() && k.client != (Peer{})
}

func (k *pair) crosses() bool { return !k.client.Inside() || !k.server.Inside() }

// home returns the workload that the edge belongs to: the client, or the server when the client is outside.
func (k *pair) home() identity.Workload {
	if k.client.Inside() {
		return k.client.Workload
	}
	return k.server.Workload
}

// place returns the shard of an edge, which is that of its client, and the hash of its pair.
func (g *Graph) place(key *pair) (*shard, uint64) {
	client := g.hash(&key.client)
	return &g.shards[client%shardCount], bits.RotateLeft64(client, 1) ^ g.hash(&key.server)
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
