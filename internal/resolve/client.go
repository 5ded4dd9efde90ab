package resolve

import (
	"slices"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

// client returns who sent. In this order: whom the UID names, the API server, who held the address, and what kind of
// address it is otherwise.
func (l *look) client() (end, Reason) {
	from := &l.sighting.From
	if from.PodUID != "" || !from.Addr.IsValid() {
		return l.claimed(from)
	}
	if l.isAPIServer(from.Addr, onlyReady) {
		if l.isHost(from.Addr) {
			return l.onHost(from)
		}
		return insideEnd(identity.APIServer()), Resolved
	}
	lease, reason := l.holder(l.snapshot.Leases(from.Addr), "")
	switch reason {
	case Resolved:
		return confirmed(from, lease.Tenant)
	case NoHolder:
		return l.unheld(from)
	default:
		return end{}, reason
	}
}

// unheld returns the client behind an address that no pod held.
func (l *look) unheld(from *traffic.Party) (end, Reason) {
	switch {
	case l.isHost(from.Addr):
		return l.onHost(from)
	case l.isControlPlane(from.Addr):
		return insideEnd(identity.APIServer()), Resolved
	case l.inside(from.Addr):
		return end{}, NoHolder
	case isLocal(from.Addr):
		return end{}, LocalAddress
	case l.sighting.What.Act != traffic.Connect && l.resolver.isPrivate(from.Addr):
		return end{}, NoHolder // perhaps a pod so new that its address is not known yet
	case l.sighting.What.Act != traffic.Connect:
		return end{}, NoTarget
	case !l.resolver.options.External:
		return end{}, ExternalDisabled
	default:
		return end{peer: graph.Peer{Addr: from.Addr}}, Resolved
	}
}

// onHost returns the workload that the party claims to be; without a claim, the address says too little.
func (l *look) onHost(from *traffic.Party) (end, Reason) {
	if from.Workload.IsZero() {
		return end{}, HostNetwork
	}
	return l.claimed(from)
}

// confirmed returns the pod that held the address unless another claim of the party contradicts.
func confirmed(p *traffic.Party, t cluster.Tenant) (end, Reason) {
	found, reason := tenantEnd(t)
	if reason == Resolved && !agrees(p, t) {
		return end{}, ClaimMismatch
	}
	return found, reason
}

// agrees reports whether everything that the party claims fits that pod.
func agrees(p *traffic.Party, t cluster.Tenant) bool {
	return (p.PodUID == "" || t.Pod.HasUID(p.PodUID)) && (p.Pod == "" || t.Pod.IsCalled(p.Pod)) &&
		(p.Workload.IsZero() || p.Workload == t.Workload())
}

// claimed returns whom a party claims to be: the pod of that UID, else the workload.
func (l *look) claimed(p *traffic.Party) (end, Reason) {
	if p.PodUID != "" {
		return l.byUID(p)
	}
	if p.Workload.IsZero() {
		return end{}, NoHolder
	}
	workload, known := l.snapshot.Workload(p.Workload)
	switch {
	case !known:
		return end{}, UnknownWorkload
	case workload.Unresolved:
		return end{}, OwnerUnresolved
	default:
		return insideEnd(p.Workload), Resolved
	}
}

// byUID returns the pod of the UID that the party claims. Its address may be one that the API server does not know of, on
// a second interface, but not that of another pod.
func (l *look) byUID(p *traffic.Party) (end, Reason) {
	tenant, known := l.snapshot.Tenant(p.PodUID)
	if !known {
		return end{}, NoHolder
	}
	found, reason := tenantEnd(tenant)
	if reason != Resolved {
		return end{}, reason
	}
	if !agrees(p, tenant) {
		return end{}, ClaimMismatch
	}
	leases := l.snapshot.Leases(p.Addr)
	if _, own := l.holder(leases, tenant.Pod.UID); own == Resolved {
		return found, Resolved
	}
	if _, others := l.holder(leases, ""); others != NoHolder {
		return end{}, ClaimMismatch
	}
	return found, Resolved
}

// isDNSServer reports whether the client answers the cluster's lookups, and so asks others for them.
func (l *look) isDNSServer(client end) bool {
	for _, dns := range l.resolver.options.DNSServices {
		space, known := l.snapshot.Space(dns.Namespace)
		if !known || client.peer.Workload.Namespace != dns.Namespace {
			continue
		}
		who := client.peer.Workload
		if slices.Contains(space.Behind(dns.Name), who) || slices.Contains(space.NameServers(), who) {
			return true
		}
	}
	return false
}
