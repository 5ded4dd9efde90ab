package cluster

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/portolan-io/portolan/internal/identity"
)

// Lease says that a pod held an address from From, inclusive, to To, exclusive. To is zero while it holds it.
type Lease struct {
	Namespace, Pod, UID string
	Node                string
	Workload            identity.Workload
	From, To            time.Time
}

// LeaseRetention is how long an ended lease stays, for sightings that arrive late.
const LeaseRetention = time.Hour

// Held reports whether the lease holds at that moment.
func (l Lease) Held(at time.Time) bool {
	return !at.Before(l.From) && (l.To.IsZero() || at.Before(l.To))
}

// addresses maps addresses to what is known there. It is immutable: an edit copies only the shards that it touches.
type addresses[V any] struct {
	shards *[addressShards]map[netip.Addr][]V
}

const addressShards = 256

// addressEdit replaces what is known at an address; an empty list forgets it.
type addressEdit[V any] func(before []V) []V

func (a addresses[V]) at(addr netip.Addr) []V {
	if a.shards == nil {
		return nil
	}
	return a.shards[shard(addr)][addr]
}

func (a addresses[V]) edit(edits map[netip.Addr]addressEdit[V]) addresses[V] {
	if len(edits) == 0 {
		return a
	}
	next := [addressShards]map[netip.Addr][]V{}
	if a.shards != nil {
		next = *a.shards
	}
	var copied [addressShards]bool
	for addr, change := range edits {
		i := shard(addr)
		if !copied[i] {
			copied[i] = true
			next[i] = maps.Clone(next[i])
		}
		after := change(next[i][addr])
		if len(after) == 0 {
			delete(next[i], addr)
			continue
		}
		if next[i] == nil {
			next[i] = make(map[netip.Addr][]V)
		}
		next[i][addr] = after
	}
	return addresses[V]{shards: &next}
}

func shard(addr netip.Addr) uint8 {
	hash := uint32(2166136261) // FNV-1a
	for _, b := range addr.As16() {
		hash = (hash ^ uint32(b)) * 16777619
	}
	return uint8(hash>>24 ^ hash>>16 ^ hash>>8 ^ hash)
}

// leaseEdits returns what changes about addresses when a namespace goes from before, which may be nil, to after.
func leaseEdits(before, after *Space, now time.Time) map[netip.Addr]addressEdit[Lease] {
	was, is := podLeases(before), podLeases(after)
	edits := make(map[netip.Addr]addressEdit[Lease])
	for addr, held := range was {
		for uid, lease := range held {
			if _, still := is[addr][uid]; !still {
				chain(edits, addr, lease.endedBy(now))
			}
		}
	}
	for addr, held := range is {
		for uid, lease := range held {
			if previous, known := was[addr][uid]; !known || previous != lease {
				chain(edits, addr, lease.entered(now))
			}
		}
	}
	return edits
}

// chain makes last follow what is already to be done at addr.
func chain[V any](edits map[netip.Addr]addressEdit[V], addr netip.Addr, last addressEdit[V]) {
	first := edits[addr]
	if first == nil {
		edits[addr] = last
		return
	}
	edits[addr] = func(before []V) []V { return last(first(before)) }
}

// podLeases returns the leases that the pods of a namespace hold by themselves, by address and pod UID.
func podLeases(space *Space) map[netip.Addr]map[string]Lease {
	held := make(map[netip.Addr]map[string]Lease)
	if space == nil {
		return held
	}
	for _, p := range space.pods {
		if p.HostNetwork {
			continue
		}
		lease := Lease{
			Namespace: p.Namespace, Pod: p.Name, UID: p.UID, Node: p.Node,
			Workload: space.byPod[p.Name], From: p.Created, To: p.Ended,
		}
		for _, addr := range p.IPs {
			if held[addr] == nil {
				held[addr] = make(map[string]Lease, 1)
			}
			held[addr][p.UID] = lease
		}
	}
	return held
}

// endedBy ends the lease at now unless it ended before.
func (l Lease) endedBy(now time.Time) addressEdit[Lease] {
	return func(before []Lease) []Lease {
		after := retained(before, now)
		for i := range after {
			if after[i].UID == l.UID && (after[i].To.IsZero() || after[i].To.After(now)) {
				after[i].To = now
			}
		}
		return after
	}
}

// entered puts the lease in place of the pod's earlier one. A lease never starts before the one before it ends.
func (l Lease) entered(now time.Time) addressEdit[Lease] {
	return func(before []Lease) []Lease {
		after := slices.DeleteFunc(retained(before, now), func(o Lease) bool { return o.UID == l.UID })
		for _, o := range after {
			if !o.To.IsZero() && o.To.After(l.From) && o.From.Before(l.From) {
				l.From = o.To
			}
		}
		after = append(after, l)
		slices.SortFunc(after, func(a, b Lease) int { return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.UID, b.UID)) })
		return after
	}
}

// retained returns a copy of the leases without those that ended longer than LeaseRetention ago.
func retained(leases []Lease, now time.Time) []Lease {
	return slices.DeleteFunc(slices.Clone(leases), func(l Lease) bool {
		return !l.To.IsZero() && now.Sub(l.To) > LeaseRetention
	})
}

// frontEdits returns what changes about ClusterIPs when a namespace goes from before, which may be nil, to after. A
// Service that is the same value in both costs nothing.
func frontEdits(before, after *Space) map[netip.Addr]addressEdit[*Service] {
	edits := make(map[netip.Addr]addressEdit[*Service])
	if before != nil {
		for name, service := range before.services {
			if after.services[name] != service {
				eachClusterIP(edits, service, without(service))
			}
		}
	}
	for name, service := range after.services {
		if before == nil || before.services[name] != service {
			eachClusterIP(edits, service, func(known []*Service) []*Service { return append(without(service)(known), service) })
		}
	}
	return edits
}

func eachClusterIP(edits map[netip.Addr]addressEdit[*Service], service *Service, change addressEdit[*Service]) {
	for _, addr := range service.ClusterIPs {
		chain(edits, addr, change)
	}
}

func without(service *Service) addressEdit[*Service] {
	return func(known []*Service) []*Service {
		return slices.DeleteFunc(slices.Clone(known), func(s *Service) bool {
			return s.Namespace == service.Namespace && s.Name == service.Name
		})
	}
}
