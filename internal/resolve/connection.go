package resolve

import (
	"net/netip"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

// connection returns who was connected to. The address after translation comes first, because it names one pod; the
// address before it then names the Service.
func (l *look) connection(client end) ([]server, Reason) {
	to, translated := &l.sighting.To, l.sighting.What.Translated
	if translated.IsValid() {
		lease, reason := l.holder(l.snapshot.Leases(translated.Addr().Unmap()), "")
		if reason == Resolved {
			return []server{l.behindFront(lease, to.Addr, translated.Port())}, Resolved
		}
		if reason == Ambiguous {
			return nil, Ambiguous
		}
	}
	if !to.Addr.IsValid() {
		return l.unaddressed(client, to)
	}
	return l.byAddress(client, to)
}

// behindFront is the pod that a connection to front was translated to.
func (l *look) behindFront(lease cluster.Lease, front netip.Addr, port uint16) server {
	s := server{end: end{peer: graph.Peer{Workload: lease.Workload}, pod: lease.UID}, target: port}
	if service, known := l.snapshot.ServiceAt(front); known && service.Namespace == lease.Namespace {
		s.service = service.Name
	}
	return s
}

// unaddressed returns the servers of a party without an address: by its name, else by its claims.
func (l *look) unaddressed(client end, to *traffic.Party) ([]server, Reason) {
	if to.Name != "" {
		return l.byName(client, to.Name, maxHops)
	}
	found, reason := l.claimed(to)
	return []server{{end: found}}, reason
}

// byAddress returns the servers behind an address, in this order: the Service with that ClusterIP, the pod that held it,
// the API server, and what kind of address it is otherwise.
func (l *look) byAddress(client end, to *traffic.Party) ([]server, Reason) {
	if service, known := l.snapshot.ServiceAt(to.Addr); known {
		return l.behind(client, service, maxHops)
	}
	lease, reason := l.holder(l.snapshot.Leases(to.Addr), "")
	switch {
	case reason == Resolved:
		found, mismatch := confirmed(to, lease)
		return []server{{end: found, target: to.Port}}, mismatch
	case reason == Ambiguous:
		return nil, Ambiguous
	case l.isAPIServerPort(to.Addr, to.Port):
		return []server{{end: insideEnd(identity.APIServer()), target: to.Port}}, Resolved
	case l.snapshot.IsHost(to.Addr):
		return nil, HostNetwork
	case l.inside(to.Addr):
		return nil, NoHolder
	case isLocal(to.Addr):
		return nil, LocalAddress
	default:
		return l.outside(client, to.Addr)
	}
}

// outside returns the server outside the cluster with that address.
func (l *look) outside(client end, addr netip.Addr) ([]server, Reason) {
	if !client.peer.Inside() {
		return nil, NoTarget
	}
	if !l.resolver.options.External {
		return nil, ExternalDisabled
	}
	peer, reason := l.outsidePeer(client, addr)
	return []server{{end: end{peer: peer}, private: l.resolver.isPrivate(addr)}}, reason
}

// outsidePeer is the peer for an address outside: its name, or the address as long as no name is known.
func (l *look) outsidePeer(client end, addr netip.Addr) (graph.Peer, Reason) {
	if name, known := l.names.Name(client.peer.Workload, addr, l.sighting.Last); known {
		return graph.Peer{Name: name}, Resolved
	}
	return graph.Peer{Addr: addr}, Awaiting
}

// isAPIServerPort reports whether addr and port are those of an endpoint of the API server.
func (l *look) isAPIServerPort(addr netip.Addr, port uint16) bool {
	_, endpoints, known := l.snapshot.APIServer()
	if !known {
		return false
	}
	for _, slice := range endpoints {
		if !hasPort(slice.Ports, port) {
			continue
		}
		if anyEndpoint([]*cluster.EndpointSlice{slice}, func(a netip.Addr) bool { return a == addr }) {
			return true
		}
	}
	return false
}

func hasPort(ports []cluster.ServicePort, port uint16) bool {
	for i := range ports {
		if ports[i].Port == int32(port) {
			return true
		}
	}
	return false
}
