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
	to, target := &l.sighting.To, l.sighting.What.Translated
	if !target.IsValid() {
		return l.addressed(client, to)
	}
	if one, reason := l.translated(to); reason != NoHolder {
		if reason == Resolved && l.mayBeService(to, target) {
			reason = Awaiting
		}
		return []server{one}, reason
	}
	servers, reason := l.addressed(client, to) // perhaps more than were meant
	if reason == Resolved && !l.isHost(target.Addr().Unmap()) {
		reason = Awaiting
	}
	return servers, reason
}

// mayBeService reports whether a connection was translated from an address of which nothing is known: perhaps a Service so
// new that it is not known yet.
func (l *look) mayBeService(to *traffic.Party, target netip.AddrPort) bool {
	return to.Addr.IsValid() && to.Addr != target.Addr().Unmap() && l.serviceBefore(to) == nil && !l.isHost(to.Addr)
}

// addressed returns the servers that a client addressed: by their claims, by name or by address.
func (l *look) addressed(client end, to *traffic.Party) ([]server, Reason) {
	switch {
	case !client.peer.Inside() && (to.Port == 0 || !to.Addr.IsValid()):
		return nil, NoTarget
	case !to.Addr.IsValid() && to.Name != "":
		return l.byName(client, to.Name, maxHops)
	case !to.Addr.IsValid() || to.PodUID != "":
		one, reason := l.named(to)
		return []server{one}, reason
	default:
		return l.byAddress(client, to)
	}
}

// named returns the server that a party claims to be. The Service before it is its alias.
func (l *look) named(to *traffic.Party) (server, Reason) {
	found, reason := l.claimed(to)
	if reason != Resolved {
		return server{}, reason
	}
	one := server{end: found}
	if tenant, known := l.snapshot.Tenant(found.pod); known {
		one.host = tenant.Pod.HostNetwork
	}
	if front := l.serviceBefore(to); to.Addr.IsValid() && front != nil {
		one.service = aliasFor(front, found)
	} else {
		one.target = to.Port
	}
	return one, Resolved
}

// translated returns the pod, or the API server, that a connection was translated to; NoHolder if that is not known.
func (l *look) translated(to *traffic.Party) (server, Reason) {
	target := l.sighting.What.Translated
	addr, port := target.Addr().Unmap(), target.Port()
	front := l.serviceBefore(to)
	lease, reason := l.holder(l.snapshot.Leases(addr), "")
	switch {
	case reason == Resolved:
		found, mismatch := confirmed(to, lease.Tenant)
		return server{end: found, target: port, service: aliasFor(front, found)}, mismatch
	case reason == Ambiguous:
		return server{}, Ambiguous
	case l.isAPIServerPort(addr, port):
		found := insideEnd(identity.APIServer())
		return server{end: found, target: port, service: aliasFor(front, found)}, Resolved
	}
	one, reason := l.podOnHost(addr, port)
	if reason != Resolved {
		return server{}, NoHolder // the address before translation may say more
	}
	one.service = aliasFor(front, one.end)
	return one, Resolved
}

// aliasFor returns the name of a Service if it is in the server's namespace, where names of Services belong.
func aliasFor(service *cluster.Service, found end) string {
	if service == nil || service.Namespace != found.peer.Workload.Namespace {
		return ""
	}
	return service.Name
}

// serviceBefore returns the Service that a client addressed; nil when it is none, or not clear.
func (l *look) serviceBefore(to *traffic.Party) *cluster.Service {
	if front := l.clusterIP(to.Addr); front != nil {
		return front.Service
	}
	if front, matches := l.border(to); matches == 1 {
		return front.Service
	}
	if on := l.snapshot.OnNodePort(l.nodePort(to)); len(on) == 1 && l.isHost(to.Addr) {
		return on[0]
	}
	return nil
}

// notThisWay is the answer of a way that the next one may know better.
const notThisWay Reason = "not this way"

// byAddress returns the servers behind an address. The ways are tried in order.
func (l *look) byAddress(client end, to *traffic.Party) ([]server, Reason) {
	servers, reason := l.toClusterIP(client, to) // a Service, by its ClusterIP
	if reason == notThisWay {
		servers, reason = l.toPod(to) // the pod that held the address
	}
	if reason == notThisWay {
		servers, reason = l.toBorder(client, to) // a Service, by the address and port of its load balancer
	}
	if reason == notThisWay {
		servers, reason = l.toAPIServer(client, to) // the API server, by an endpoint and its port
	}
	if reason == notThisWay {
		servers, reason = l.toNode(client, to) // whoever has that port of a node
	}
	switch {
	case reason != notThisWay:
		return servers, reason
	case l.inside(to.Addr):
		return nil, NoHolder
	case isLocal(to.Addr):
		return nil, LocalAddress
	default:
		return l.outside(client, to.Addr)
	}
}

func (l *look) toClusterIP(client end, to *traffic.Party) ([]server, Reason) {
	front := l.clusterIP(to.Addr)
	if front == nil {
		return nil, notThisWay
	}
	return l.behindFront(client, front)
}

func (l *look) toPod(to *traffic.Party) ([]server, Reason) {
	lease, reason := l.holder(l.snapshot.Leases(to.Addr), "")
	switch reason {
	case Resolved:
		found, mismatch := confirmed(to, lease.Tenant)
		return []server{{end: found, target: to.Port}}, mismatch
	case NoHolder:
		return nil, notThisWay
	default:
		return nil, reason
	}
}

// toBorder is for addresses at the border. A load balancer may live at the address of a node, whose other ports are then
// still the node's.
func (l *look) toBorder(client end, to *traffic.Party) ([]server, Reason) {
	front, matches := l.border(to)
	switch {
	case matches == 1:
		return l.behindFront(client, front)
	case matches > 1:
		return nil, Ambiguous
	case front == nil || l.isHost(to.Addr) || l.isAPIServer(to.Addr, allEndpoints):
		return nil, notThisWay
	default:
		return nil, NoTarget
	}
}

func (l *look) toAPIServer(client end, to *traffic.Party) ([]server, Reason) {
	switch {
	case !l.isAPIServerPort(to.Addr, to.Port):
		return nil, notThisWay
	case !client.peer.Inside(): // people and machines outside are no part of the map
		return nil, NoTarget
	default:
		return []server{{end: insideEnd(identity.APIServer()), target: to.Port}}, Resolved
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
