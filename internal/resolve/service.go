package resolve

import (
	"slices"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

// maxHops bounds how many ExternalName Services may lead to each other.
const maxHops = 4

// behind returns all workloads behind a Service.
func (l *look) behind(client end, service *cluster.Service, hops int) ([]server, Reason) {
	space, known := l.snapshot.Space(service.Namespace)
	if !known {
		return nil, UnknownService
	}
	switch {
	case service.Namespace == identity.APIServer().Namespace && service.Name == identity.APIServer().Name:
		return []server{{
			end: insideEnd(identity.APIServer()), service: service.Name, target: l.targetPort(space, service, nil),
		}}, Resolved
	case service.Type == cluster.ExternalName:
		if hops == 0 {
			return nil, BadClusterName
		}
		return l.byName(client, service.ExternalName, hops-1)
	}
	workloads := space.Behind(service.Name)
	if len(workloads) == 0 {
		return l.withoutPods(space, service)
	}
	servers := make([]server, len(workloads))
	for i, who := range workloads {
		servers[i] = l.member(space, service, who)
	}
	return servers, Resolved
}

// member is one workload behind a Service.
func (l *look) member(space *cluster.Space, service *cluster.Service, who identity.Workload) server {
	s := server{end: insideEnd(who), service: service.Name}
	workload, known := space.Workload(who)
	if !known {
		return s
	}
	s.target = l.targetPort(space, service, workload.Pods)
	if len(workload.Pods) == 1 {
		s.pod = workload.Pods[0].UID // so that a lone pod that calls its own Service calls itself
	}
	s.host = slices.ContainsFunc(workload.Pods, func(p *cluster.Pod) bool { return p.HostNetwork })
	return s
}

// withoutPods returns the servers of a Service whose slices name no pod: who held the addresses, else the Service.
func (l *look) withoutPods(space *cluster.Space, service *cluster.Service) ([]server, Reason) {
	if len(service.Selector) > 0 {
		return nil, NoBackend
	}
	var servers []server
	itself := end{peer: graph.Peer{Workload: identity.Workload{
		Namespace: service.Namespace, Kind: identity.KindService, Name: service.Name,
	}}}
	target := l.targetPort(space, service, nil)
	for _, slice := range space.Slices(service.Name) {
		for i := range slice.Endpoints {
			for _, addr := range slice.Endpoints[i].Addresses {
				found := itself
				if lease, reason := l.holder(l.snapshot.Leases(addr), ""); reason == Resolved {
					found = insideEnd(lease.Workload)
				}
				if !slices.ContainsFunc(servers, func(s server) bool { return s.end == found }) {
					servers = append(servers, server{end: found, service: service.Name, target: target})
				}
			}
		}
	}
	if len(servers) == 0 {
		return nil, NoBackend
	}
	return servers, Resolved
}

// targetPort returns the pods' port behind the Service's port that was connected to; 0 when that is not known.
func (l *look) targetPort(space *cluster.Space, service *cluster.Service, pods []*cluster.Pod) uint16 {
	s := l.sighting
	if s.What.Act != traffic.Connect {
		return 0
	}
	for i := range service.Ports {
		p := &service.Ports[i]
		if p.Port != int32(s.To.Port) || p.Protocol != s.What.Protocol {
			continue
		}
		if p.TargetName != "" {
			return namedPort(space, service, p, pods)
		}
		if len(pods) == 0 {
			if port := slicePort(space, service, p); port != 0 {
				return port
			}
		}
		return portNumber(p.TargetPort)
	}
	return 0
}

// namedPort returns the number of a named target port: what the first of the pods declares, else what the slices say.
func namedPort(space *cluster.Space, service *cluster.Service, p *cluster.ServicePort, pods []*cluster.Pod) uint16 {
	for _, pod := range pods {
		for i := range pod.Ports {
			if pod.Ports[i].Name == p.TargetName && pod.Ports[i].Protocol == p.Protocol {
				return portNumber(pod.Ports[i].Port)
			}
		}
	}
	return slicePort(space, service, p)
}

// slicePort returns the number that the Service's slices give for a port; 0 when there is none.
func slicePort(space *cluster.Space, service *cluster.Service, p *cluster.ServicePort) uint16 {
	for _, slice := range space.Slices(service.Name) {
		for i := range slice.Ports {
			if slice.Ports[i].Name == p.Name && slice.Ports[i].Protocol == p.Protocol {
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
