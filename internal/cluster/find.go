package cluster

import (
	"net/netip"
	"slices"
	"time"

	"github.com/portolan-io/portolan/internal/identity"
)

// This file is how others find who is behind an address, a port or a UID.

// Leases returns who held addr and from when to when, in the order in which the pods were made. The caller must not
// change them. A pod on the host network holds no address.
func (s *Snapshot) Leases(addr netip.Addr) []Lease {
	list, _ := s.tenants.leases.at(addr)
	return list
}

// Holder returns the lease that holds addr at that moment, and how many do: with 0 nobody does, and with more than 1 the
// address says nothing about who it was. It does not allocate.
func (s *Snapshot) Holder(addr netip.Addr, at time.Time) (lease Lease, holders int) {
	list := s.Leases(addr)
	for i := range list {
		if list[i].Held(at) {
			lease = list[i]
			holders++
		}
	}
	return lease, holders
}

// Tenant returns the pod of that UID, on the host network too, and also when it is gone for no longer than
// LeaseRetention. A mirror pod is found by the UID of its static pod as well, which is the one that its node knows.
func (s *Snapshot) Tenant(uid string) (Tenant, bool) {
	if t, exists := s.tenants.byUID.at(uid); exists {
		return t, true
	}
	f, existed := s.tenants.former.at(uid)
	return f.Tenant, existed
}

// OnHost returns the pods on the host network whose node has that address, by namespace and name. The caller must not
// change them.
func (s *Snapshot) OnHost(addr netip.Addr) []Tenant {
	list, _ := s.tenants.onHosts.at(addr)
	return list
}

// OnHostPort returns the pods that ask for a port of their node, by namespace and name: by a hostPort, or by declaring it
// on the host network. The caller must not change them.
func (s *Snapshot) OnHostPort(port HostPort) []Tenant {
	list, _ := s.tenants.hostPorts.at(port)
	return list
}

// Fronts returns the Services that had addr and from when to when, the earliest first. The caller must not change them.
func (s *Snapshot) Fronts(addr netip.Addr) []Front {
	list, _ := s.fronts.addresses.at(addr)
	return list
}

// ServiceAt returns the Service whose ClusterIP is addr.
func (s *Snapshot) ServiceAt(addr netip.Addr) (*Service, bool) {
	list := s.Fronts(addr)
	for i := range list {
		if !list[i].Border && list[i].To.IsZero() {
			return list[i].Service, true
		}
	}
	return nil, false
}

// OnNodePort returns the Services with that port on every node, sorted; in a healthy cluster there is at most one.
func (s *Snapshot) OnNodePort(key NodePortKey) []*Service {
	list, _ := s.fronts.nodePorts.at(key)
	return list
}

// Former reports whether the Service of a front is gone, and who was behind it in the end. The caller must not change the
// workloads.
func (s *Snapshot) Former(f *Front) (behind []identity.Workload, gone bool) {
	if f.To.IsZero() {
		return nil, false
	}
	if now, known := s.Service(f.Service.Namespace, f.Service.Name); known && now.Is(f.Service) {
		return nil, false
	}
	return f.behind, true
}

// Hosts returns the nodes that had addr and from when to when, the earliest first. The caller must not change them.
func (s *Snapshot) Hosts(addr netip.Addr) []Host {
	list, _ := s.hosts.at(addr)
	return list
}

// IsHost reports whether addr is an address of a node now.
func (s *Snapshot) IsHost(addr netip.Addr) bool {
	return slices.ContainsFunc(s.Hosts(addr), func(h Host) bool { return h.To.IsZero() })
}

// Knows reports whether addr is, or was within LeaseRetention, an address of a pod, a node or a Service, or lies in a
// range that belongs to pods or Services.
func (s *Snapshot) Knows(addr netip.Addr) bool {
	if len(s.Leases(addr)) > 0 || len(s.Fronts(addr)) > 0 || len(s.Hosts(addr)) > 0 {
		return true
	}
	if _, guests := s.tenants.onHosts.at(addr); guests {
		return true
	}
	return s.ranges.Contains(addr)
}

// allRanges returns the ranges of pods and Services.
func (s *Snapshot) allRanges() Ranges {
	all := slices.Clone(s.services)
	for _, n := range s.nodes {
		all = append(all, n.PodCIDRs...)
	}
	return NewRanges(all...)
}
