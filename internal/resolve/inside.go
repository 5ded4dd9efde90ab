package resolve

import (
	"net/netip"
	"slices"

	"github.com/portolan-io/portolan/internal/cluster"
)

// inside reports whether an address that nobody holds now belongs to the cluster all the same.
func (l *look) inside(addr netip.Addr) bool {
	return l.snapshot.Knows(addr) || l.isAPIServer(addr, allEndpoints) || l.resolver.networks.Contains(addr)
}

// readiness says which endpoints of the API server count: a client must be one that is ready.
type readiness bool

const (
	allEndpoints readiness = false
	onlyReady    readiness = true
)

// isAPIServer reports whether addr is an address of the API server's endpoints or of the Service default/kubernetes.
func (l *look) isAPIServer(addr netip.Addr, which readiness) bool {
	service, endpoints, known := l.snapshot.APIServer()
	if !known {
		return false
	}
	return slices.Contains(service.ClusterIPs, addr) || anyEndpoint(endpoints, func(e *cluster.Endpoint) bool {
		return (e.Ready || which == allEndpoints) && slices.Contains(e.Addresses, addr)
	})
}

// isAPIServerPort reports whether addr and port are those of an endpoint of the API server.
func (l *look) isAPIServerPort(addr netip.Addr, port uint16) bool {
	_, endpoints, known := l.snapshot.APIServer()
	if !known {
		return false
	}
	for i, slice := range endpoints {
		has := slices.ContainsFunc(slice.Ports, func(p cluster.ServicePort) bool { return p.Port == int32(port) })
		if has && anyEndpoint(endpoints[i:i+1], func(e *cluster.Endpoint) bool { return slices.Contains(e.Addresses, addr) }) {
			return true
		}
	}
	return false
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
	return anyEndpoint(endpoints, func(e *cluster.Endpoint) bool {
		return slices.ContainsFunc(e.Addresses, func(a netip.Addr) bool {
			network, err := a.Prefix(bits)
			return err == nil && network.Contains(addr)
		})
	})
}

func anyEndpoint(list []*cluster.EndpointSlice, is func(*cluster.Endpoint) bool) bool {
	for _, slice := range list {
		for i := range slice.Endpoints {
			if is(&slice.Endpoints[i]) {
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
