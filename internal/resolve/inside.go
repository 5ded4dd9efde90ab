package resolve

import (
	"net/netip"
	"slices"

	"github.com/portolan-io/portolan/internal/cluster"
)

// terrain is what a snapshot says about address ranges. It is computed once per snapshot.
type terrain struct {
	snapshot *cluster.Snapshot
	networks []netip.Prefix // of pods, and configured; sorted by address
}

// terrainOf returns the terrain of a snapshot, the kept one if it is of that snapshot.
func (r *Resolver) terrainOf(s *cluster.Snapshot) *terrain {
	if kept := r.terrain.Load(); kept != nil && kept.snapshot == s {
		return kept
	}
	t := &terrain{snapshot: s, networks: slices.Clone(r.options.ClusterNetworks)}
	for _, node := range s.Nodes() {
		t.networks = append(t.networks, node.PodCIDRs...)
	}
	slices.SortFunc(t.networks, netip.Prefix.Compare)
	t.networks = disjoint(t.networks)
	r.terrain.Store(t)
	return t
}

// disjoint leaves out every prefix that lies in the one before it, so that one search answers for all.
func disjoint(sorted []netip.Prefix) []netip.Prefix {
	kept := sorted[:0]
	for _, p := range sorted {
		if p = p.Masked(); !p.IsValid() {
			continue
		}
		if n := len(kept); n == 0 || !kept[n-1].Overlaps(p) {
			kept = append(kept, p)
		}
	}
	return kept
}

func (t *terrain) contains(addr netip.Addr) bool {
	at, exact := slices.BinarySearchFunc(t.networks, addr, func(p netip.Prefix, a netip.Addr) int { return p.Addr().Compare(a) })
	return exact || at > 0 && t.networks[at-1].Contains(addr)
}

// inside reports whether an address that nobody holds now belongs to the cluster all the same.
func (l *look) inside(addr netip.Addr) bool {
	if len(l.snapshot.Leases(addr)) > 0 || l.snapshot.IsHost(addr) || l.isAPIServer(addr) {
		return true
	}
	if _, front := l.snapshot.ServiceAt(addr); front {
		return true
	}
	return l.resolver.terrainOf(l.snapshot).contains(addr)
}

// isAPIServer reports whether addr is an address of the API server's endpoints or of the Service default/kubernetes.
func (l *look) isAPIServer(addr netip.Addr) bool {
	service, endpoints, known := l.snapshot.APIServer()
	if !known {
		return false
	}
	if slices.Contains(service.ClusterIPs, addr) {
		return true
	}
	return anyEndpoint(endpoints, func(a netip.Addr) bool { return a == addr })
}

// isControlPlane reports whether addr shares the configured prefix with an endpoint of the API server.
func (l *look) isControlPlane(addr netip.Addr) bool {
	_, endpoints, known := l.snapshot.APIServer()
	if !known {
		return false
	}
	bits := l.resolver.options.ControlPlaneBits6
	if addr.Is4() {
		bits = l.resolver.options.ControlPlaneBits4
	}
	return anyEndpoint(endpoints, func(a netip.Addr) bool {
		network, err := a.Prefix(bits)
		return err == nil && network.Contains(addr)
	})
}

func anyEndpoint(list []*cluster.EndpointSlice, is func(netip.Addr) bool) bool {
	for _, slice := range list {
		for i := range slice.Endpoints {
			if slices.ContainsFunc(slice.Endpoints[i].Addresses, is) {
				return true
			}
		}
	}
	return false
}

// isLocal reports whether addr means nobody beyond its own link or group.
func isLocal(addr netip.Addr) bool {
	return addr.IsLoopback() || addr.IsLinkLocalUnicast() || addr.IsMulticast() || addr.IsUnspecified() || addr == broadcast()
}

func broadcast() netip.Addr { return netip.AddrFrom4([4]byte{255, 255, 255, 255}) }

// isPrivate reports whether an address outside is in a private network. Source: RFC 1918, RFC 6598, RFC 4193.
func (r *Resolver) isPrivate(addr netip.Addr) bool {
	if addr.IsPrivate() || netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10).Contains(addr) {
		return true
	}
	return slices.ContainsFunc(r.options.PrivateNetworks, func(p netip.Prefix) bool { return p.Contains(addr) })
}
