package resolve

import (
	"slices"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

// claimLength is how much of a pod's name fits into a host name.
const claimLength = 63

// client returns who sent. In this order: whom the UID names, the API server, who held the address, and what kind of
// address it is otherwise.
func (l *look) client() (end, Reason) {
	from := &l.sighting.From
	if !from.Addr.IsValid() {
		return l.claimed(from)
	}
	leases := l.snapshot.Leases(from.Addr)
	if from.PodUID != "" {
		if lease, reason := l.holder(leases, from.PodUID); reason == Resolved {
			return confirmed(from, lease)
		}
	}
	if l.isAPIServer(from.Addr) {
		if l.snapshot.IsHost(from.Addr) {
			return l.onHost(from)
		}
		return insideEnd(identity.APIServer()), Resolved
	}
	lease, reason := l.holder(leases, "")
	switch reason {
	case Resolved:
		return confirmed(from, lease)
	case NoHolder:
		return l.unheld(from)
	default:
		return end{}, reason
	}
}

// unheld returns the client behind an address that no pod held.
func (l *look) unheld(from *traffic.Party) (end, Reason) {
	switch {
	case l.snapshot.IsHost(from.Addr):
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

// onHost returns the pod on the host network that the UID names; without one, the address says too little.
func (l *look) onHost(from *traffic.Party) (end, Reason) {
	if from.PodUID == "" {
		return end{}, HostNetwork
	}
	return l.claimed(from)
}

// confirmed returns the holder of the address unless another claim of the party contradicts.
func confirmed(p *traffic.Party, lease cluster.Lease) (end, Reason) {
	if !agrees(p, lease.UID, lease.Pod, lease.Workload) {
		return end{}, ClaimMismatch
	}
	return end{peer: graph.Peer{Workload: lease.Workload}, pod: lease.UID}, Resolved
}

// agrees reports whether everything that the party claims fits that pod. A name may be cut to the length of a host name.
func agrees(p *traffic.Party, uid, pod string, who identity.Workload) bool {
	if p.PodUID != "" && p.PodUID != uid {
		return false
	}
	if p.Pod != "" && p.Pod != pod && p.Pod != pod[:min(len(pod), claimLength)] {
		return false
	}
	return p.Workload.IsZero() || p.Workload == who
}

// claimed returns whom a party means that has no address of its own: the pod of that UID, else the workload.
func (l *look) claimed(p *traffic.Party) (end, Reason) {
	if p.PodUID != "" {
		pod, who, known := l.podByUID(p.PodUID)
		switch {
		case !known:
			return end{}, NoHolder
		case !agrees(p, pod.UID, pod.Name, who):
			return end{}, ClaimMismatch
		default:
			return end{peer: graph.Peer{Workload: who}, pod: pod.UID}, Resolved
		}
	}
	if p.Workload.IsZero() {
		return end{}, NoHolder
	}
	if _, known := l.snapshot.Workload(p.Workload); !known {
		return end{}, UnknownWorkload
	}
	return insideEnd(p.Workload), Resolved
}

// podByUID looks through all pods. Only parties whose address does not tell the pod need it.
func (l *look) podByUID(uid string) (*cluster.Pod, identity.Workload, bool) {
	for _, namespace := range l.snapshot.Namespaces() {
		space, _ := l.snapshot.Space(namespace)
		for _, who := range space.Workloads() {
			workload, _ := space.Workload(who)
			for _, pod := range workload.Pods {
				if pod.UID == uid {
					return pod, who, true
				}
			}
		}
	}
	return nil, identity.Workload{}, false
}

// isDNSServer reports whether the client answers the cluster's lookups, and so asks others for them.
func (l *look) isDNSServer(client end) bool {
	for _, dns := range l.resolver.options.DNSServices {
		space, known := l.snapshot.Space(dns.Namespace)
		if !known || client.peer.Workload.Namespace != dns.Namespace {
			continue
		}
		if slices.Contains(space.Behind(dns.Name), client.peer.Workload) {
			return true
		}
	}
	return false
}
