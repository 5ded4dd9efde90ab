package resolve

import (
	"slices"
	"strings"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

// lookup returns who was asked for.
func (l *look) lookup(client end) ([]server, Reason) {
	if l.isDNSServer(client) {
		return nil, DNSRelay
	}
	return l.byName(client, l.sighting.To.Name, maxHops)
}

// byName returns the servers that a DNS name means.
func (l *look) byName(client end, name string, hops int) ([]server, Reason) {
	parsed := parseName(name, l.resolver.options.ClusterDomains)
	switch parsed.form {
	case serviceName:
		return l.byServiceName(client, parsed, hops)
	case podName:
		return l.byPodName(parsed)
	case searchNoise:
		return nil, SearchNoise
	case badName:
		return nil, BadClusterName
	default:
		return l.byOutsideName(client, normalized(name))
	}
}

func (l *look) byServiceName(client end, name dnsName, hops int) ([]server, Reason) {
	service, known := l.snapshot.Service(name.namespace, name.service)
	if !known && isAPIServer(name.namespace, name.service) {
		return []server{{end: insideEnd(identity.APIServer()), service: name.service}}, Resolved
	}
	if !known {
		return l.bySearch(client)
	}
	if one, reason := l.namedPod(service, name); reason != NoHolder {
		return []server{one}, reason
	}
	return l.behind(client, service, l.portOf(service), hops)
}

// bySearch returns the server when a DNS server completed the search for the client: the question has a search suffix
// behind a name that is outside, and the chain of aliases leaves the cluster's domain.
func (l *look) bySearch(client end) ([]server, Reason) {
	if l.sighting.What.Act != traffic.Lookup {
		return nil, UnknownService
	}
	for alias := range strings.FieldsSeq(l.sighting.What.Aliases) {
		if parseName(alias, l.resolver.options.ClusterDomains).form == outsideName {
			return l.byOutsideName(client, normalized(alias))
		}
	}
	return nil, UnknownService
}

// namedPod returns the one pod behind a Service that the name selects, by its name, its host name or its address.
func (l *look) namedPod(service *cluster.Service, name dnsName) (server, Reason) {
	space, known := l.snapshot.Space(service.Namespace)
	if !known || name.host == "" {
		return server{}, NoHolder
	}
	pod, known := space.Pod(name.host)
	if !known {
		pod, known = podCalled(space, service, name.host)
	}
	if !known && name.addr.IsValid() {
		lease, reason := l.holder(l.snapshot.Leases(name.addr), "")
		if reason != Resolved || lease.Pod.Namespace != service.Namespace {
			return server{}, NoHolder
		}
		pod, known = space.Pod(lease.Pod.Name)
	}
	if !known {
		return server{}, NoHolder
	}
	tenant, known := l.snapshot.Tenant(pod.UID)
	if !known || !slices.Contains(space.Behind(service.Name), tenant.Workload()) {
		return server{}, NoHolder
	}
	found, reason := tenantEnd(tenant)
	return server{end: found, service: service.Name, host: pod.HostNetwork}, reason
}

// podCalled returns the pod behind a Service whose spec.hostname is host.
func podCalled(space *cluster.Space, service *cluster.Service, host string) (*cluster.Pod, bool) {
	for _, slice := range space.Slices(service.Name) {
		for i := range slice.Endpoints {
			if pod, known := space.Pod(slice.Endpoints[i].Pod); known && pod.Hostname == host {
				return pod, true
			}
		}
	}
	return nil, false
}

// byPodName returns the pod that held the address that the name spells. No Service is involved.
func (l *look) byPodName(name dnsName) ([]server, Reason) {
	lease, reason := l.holder(l.snapshot.Leases(name.addr), "")
	if reason == NoHolder && l.isHost(name.addr) {
		return nil, HostNetwork
	}
	if reason != Resolved {
		return nil, reason
	}
	found, reason := tenantEnd(lease.Tenant)
	return []server{{end: found}}, reason
}

// byOutsideName returns the peer of a name outside the cluster. The answer to a lookup is remembered, so that connections
// to the address get the name.
func (l *look) byOutsideName(client end, name string) ([]server, Reason) {
	s := l.sighting
	switch {
	case name == "":
		return nil, BadClusterName
	case !client.peer.Inside():
		return nil, NoTarget
	case s.To.Addr.IsValid() && isLocal(s.To.Addr):
		return nil, LocalAddress
	case !l.resolver.options.External:
		return nil, ExternalDisabled
	}
	if s.What.Act == traffic.Lookup && s.To.Addr.IsValid() {
		l.names.Learn(client.peer.Workload, s.To.Addr, name, s.First, s.Last)
	}
	return []server{{
		end: end{peer: graph.Peer{Name: name}}, private: s.To.Addr.IsValid() && l.resolver.isPrivate(s.To.Addr),
	}}, Resolved
}
