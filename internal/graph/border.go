package graph

import (
	"sync"

	"github.com/portolan-io/portolan/internal/identity"
)

// borders counts what some workloads have on the other side of the cluster's border, under one lock. It is taken below the
// lock of a shard, never the other way round.
type borders struct {
	mu sync.Mutex
	of map[identity.Workload]*border
}

// border counts what one workload has on the other side.
type border struct {
	names, addrs, sources int
	overflow              uint64
}

// admit makes room for an edge across the border, or says which bound has none.
func (b *borders) admit(key *pair, l *Limits) Bound {
	home := key.home()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.of == nil {
		b.of = make(map[identity.Workload]*border)
	}
	its, known := b.of[home]
	if !known {
		its = &border{}
		b.of[home] = its
	}
	count, most, bound := its.count(key, l)
	if *count >= most {
		its.overflow++
		return bound
	}
	*count++
	return Kept
}

// release gives back what admit took. A workload that has nothing left on the other side is forgotten, with its overflow.
func (b *borders) release(key *pair, l *Limits) {
	home := key.home()
	b.mu.Lock()
	defer b.mu.Unlock()
	its := b.of[home]
	count, _, _ := its.count(key, l)
	if *count--; its.names+its.addrs+its.sources == 0 {
		delete(b.of, home)
	}
}

// overflows appends the workloads of which edges were refused, in no order.
func (b *borders) overflows(all []Overflow) []Overflow {
	b.mu.Lock()
	defer b.mu.Unlock()
	for who, its := range b.of {
		if its.overflow > 0 {
			all = append(all, Overflow{Workload: who, Count: its.overflow})
		}
	}
	return all
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
