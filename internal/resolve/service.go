package resolve

import (
	"iter"
	"net/netip"
	"slices"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

// maxHops bounds how many ExternalName Services may lead to each other.
const maxHops = 4

// clusterIP returns the Service that had an address as its ClusterIP; nil when there was none.
func (l *look) clusterIP(addr netip.Addr) *cluster.Front {
	fronts := l.snapshot.Fronts(addr)
	if len(fronts) == 0 {
		return nil
	}
	for _, m := range l.moments() {
		for i := range fronts {
			if f := &fronts[i]; !f.Border && m.within(f.From, f.To) {
				return f
			}
		}
	}
	return nil
}

// border returns a Service that had the address of a load balancer and the port, and how many had. With 0 the Service is
// one that had the address alone, or nil.
func (l *look) border(to *traffic.Party) (front *cluster.Front, matches int) {
	fronts := l.snapshot.Fronts(to.Addr)
	for i := range fronts {
		f := &fronts[i]
		if !f.Border || !l.during(f.From, f.To) {
			continue
		}
		if l.portOf(f.Service) == nil {
			if front == nil {
				front = f
			}
			continue
		}
		if matches == 0 || !f.Service.Is(front.Service) {
			front = f
			matches++
		}
	}
	return front, matches
}

// portOf returns the port of a Service that was connected to; nil when it has no such port, or in a lookup.
func (l *look) portOf(service *cluster.Service) *cluster.ServicePort {
	s := l.sighting
	if s.What.Act != traffic.Connect {
		return nil
	}
	return portWith(service, func(p *cluster.ServicePort) bool {
		return p.Port == int32(s.To.Port) && p.Protocol == s.What.Protocol
	})
}

func portWith(service *cluster.Service, is func(*cluster.ServicePort) bool) *cluster.ServicePort {
	for i := range service.Ports {
		if is(&service.Ports[i]) {
			return &service.Ports[i]
		}
	}
	return nil
}

// behindFront returns all workloads behind a Service, also of one that is gone by now.
func (l *look) behindFront(client end, f *cluster.Front) ([]server, Reason) {
	port := l.portOf(f.Service)
	former, gone := l.snapshot.Former(f)
	if !gone {
		return l.behind(client, f.Service, port, maxHops)
	}
	if len(former) == 0 {
		return nil, NoBackend
	}
	servers := make([]server, len(former))
	for i, who := range former {
		servers[i] = server{end: insideEnd(who), service: f.Service.Name}
		if port != nil {
			servers[i].target = portNumber(port.TargetPort)
		}
	}
	return servers, Resolved
}

// behind returns all workloads behind a Service, of which port was connected to where it is not nil.
func (l *look) behind(client end, service *cluster.Service, port *cluster.ServicePort, hops int) ([]server, Reason) {
	space, known := l.snapshot.Space(service.Namespace)
	if !known {
		return nil, UnknownService
	}
	o := offer{space: space, service: service, port: port}
	switch {
	case isAPIServer(service.Namespace, service.Name):
		return []server{{end: insideEnd(identity.APIServer()), service: service.Name, target: o.target(nil)}}, Resolved
	case service.Type == cluster.ExternalName:
		if hops == 0 {
			return nil, BadClusterName
		}
		return l.byName(client, service.ExternalName, hops-1)
	}
	workloads := space.Behind(service.Name)
	servers := make([]server, len(workloads))
	for i, who := range workloads {
		one, reason := o.member(who)
		if reason != Resolved {
			return nil, reason
		}
		servers[i] = one
	}
	if len(service.Selector) == 0 {
		servers = l.withAddresses(o, servers)
	}
	switch {
	case len(servers) == 0:
		return nil, NoBackend
	case space.Awaits(service.Name):
		return servers, Awaiting
	default:
		return servers, Resolved
	}
}

func isAPIServer(namespace, service string) bool {
	return namespace == identity.APIServer().Namespace && service == identity.APIServer().Name
}

// offer is a Service and the port of it that was connected to; nil when that is not known.
type offer struct {
	space   *cluster.Space
	service *cluster.Service
	port    *cluster.ServicePort
}

// member is one workload behind a Service.
func (o offer) member(who identity.Workload) (server, Reason) {
	s := server{end: insideEnd(who), service: o.service.Name}
	workload, known := o.space.Workload(who)
	if !known {
		return s, Resolved
	}
	if workload.Unresolved {
		return server{}, OwnerUnresolved
	}
	s.target = o.target(workload.Pods)
	if lone, alone := o.space.Lone(o.service.Name, who); alone {
		s.pod = lone.UID // so that a lone pod that calls its own Service calls itself
	}
	s.host = slices.ContainsFunc(workload.Pods, func(p *cluster.Pod) bool { return p.HostNetwork })
	return s, Resolved
}

// withAddresses adds to the servers of a Service whoever held the addresses behind it that name no pod; where nobody did,
// that is the Service itself.
func (l *look) withAddresses(o offer, servers []server) []server {
	itself := end{peer: graph.Peer{Workload: identity.Workload{
		Namespace: o.service.Namespace, Kind: identity.KindService, Name: o.service.Name,
	}}}
	for addr := range o.addresses() {
		found := itself
		if lease, reason := l.holder(l.snapshot.Leases(addr), ""); reason == Resolved {
			found = insideEnd(lease.Workload())
		}
		if !slices.ContainsFunc(servers, func(s server) bool { return s.peer == found.peer }) {
			servers = append(servers, server{end: found, service: o.service.Name, target: o.target(nil)})
		}
	}
	return servers
}

// addresses yields the addresses behind the Service that name no pod.
func (o offer) addresses() iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		for _, slice := range o.space.Slices(o.service.Name) {
			for i := range slice.Endpoints {
				for _, addr := range slice.Endpoints[i].Addresses {
					if slice.Endpoints[i].Pod == "" && !yield(addr) {
						return
					}
				}
			}
		}
	}
}

// target returns the pods' port behind the port that was connected to; 0 when that is not known.
func (o offer) target(pods []*cluster.Pod) uint16 {
	if o.port == nil {
		return 0
	}
	if o.port.TargetName != "" {
		return o.namedPort(pods)
	}
	if len(pods) == 0 {
		if port := o.slicePort(); port != 0 {
			return port
		}
	}
	return portNumber(o.port.TargetPort)
}

// namedPort returns the number of a named target port: what the first of the pods declares, else what the slices say.
func (o offer) namedPort(pods []*cluster.Pod) uint16 {
	for _, pod := range pods {
		for i := range pod.Ports {
			if pod.Ports[i].Name == o.port.TargetName && pod.Ports[i].Protocol == o.port.Protocol {
				return portNumber(pod.Ports[i].Port)
			}
		}
	}
	return o.slicePort()
}

// slicePort returns the number that the Service's slices give for the port; 0 when there is none.
func (o offer) slicePort() uint16 {
	for _, slice := range o.space.Slices(o.service.Name) {
		for i := range slice.Ports {
			if slice.Ports[i].Name == o.port.Name && slice.Ports[i].Protocol == o.port.Protocol {
				return portNumber(slice.Ports[i].Port)
			}
		}
	}
	return 0
}

func portNumber(p int32) uint16 {
	if p < 0 || p > 65535 {
		return 0
	}
	return uint16(p)
}
