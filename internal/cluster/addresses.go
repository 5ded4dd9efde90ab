package cluster

import (
	"iter"
	"maps"
	"net/netip"
)

// addresses maps addresses to lists. It is immutable: an edit shares with the map before it every shard in which nothing
// changed, so that its cost does not grow with the cluster.
type addresses[V any] struct {
	shards *[addressShards]map[netip.Addr][]V
}

const addressShards = 256

func (a addresses[V]) at(addr netip.Addr) []V {
	if a.shards == nil {
		return nil
	}
	return a.shards[shard(addr)][addr]
}

// all yields every address with its list, in no order.
func (a addresses[V]) all() iter.Seq2[netip.Addr, []V] {
	return func(yield func(netip.Addr, []V) bool) {
		if a.shards == nil {
			return
		}
		for _, shard := range a.shards {
			for addr, list := range shard {
				if !yield(addr, list) {
					return
				}
			}
		}
	}
}

// edit returns an editor for the next version of a.
func (a addresses[V]) edit() *editor[V] { return &editor[V]{before: a} }

// editor makes a new version of addresses. It belongs to one goroutine.
type editor[V any] struct {
	before addresses[V]
	next   *[addressShards]map[netip.Addr][]V // nil while nothing changed
	copied [addressShards]bool
}

// done returns the new version. The editor must not be used any more.
func (e *editor[V]) done() addresses[V] {
	if e.next == nil {
		return e.before
	}
	return addresses[V]{shards: e.next}
}

func (e *editor[V]) at(addr netip.Addr) []V {
	if e.next == nil {
		return e.before.at(addr)
	}
	return e.next[shard(addr)][addr]
}

// set replaces the list at addr; an empty list forgets the address.
func (e *editor[V]) set(addr netip.Addr, list []V) {
	if e.next == nil {
		e.next = new([addressShards]map[netip.Addr][]V)
		if e.before.shards != nil {
			*e.next = *e.before.shards
		}
	}
	i := shard(addr)
	if !e.copied[i] {
		e.copied[i] = true
		e.next[i] = maps.Clone(e.next[i])
	}
	if len(list) == 0 {
		delete(e.next[i], addr)
		return
	}
	if e.next[i] == nil {
		e.next[i] = make(map[netip.Addr][]V)
	}
	e.next[i][addr] = list
}

// shard spreads addresses evenly, also those that differ in the last byte alone.
func shard(addr netip.Addr) uint8 {
	hash := uint32(2166136261) // FNV-1a
	for _, b := range addr.As16() {
		hash = (hash ^ uint32(b)) * 16777619
	}
	return uint8(hash>>24 ^ hash>>16 ^ hash>>8 ^ hash)
}
