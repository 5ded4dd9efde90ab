package cluster

import (
	"cmp"
	"maps"
	"slices"

	"github.com/portolan-io/portolan/internal/identity"
)

// serving is what a namespace offers: its Services and who is behind them.
type serving struct {
	services map[string]*Service
	slices   map[string][]*EndpointSlice // by name of the Service
	behind   map[string][]identity.Workload
	lone     map[backer]*Pod     // the only pod of a workload behind a Service
	awaited  map[string]bool     // Services with a pod behind them that is not known
	dns      []identity.Workload // who is behind the Services that serve port 53
}

// backer is a workload behind a Service.
type backer struct {
	service string
	who     identity.Workload
}

func newServing(f Facts, running *running) *serving {
	s := &serving{
		services: make(map[string]*Service, len(f.Services)),
		slices:   make(map[string][]*EndpointSlice, len(f.Services)),
	}
	for _, service := range f.Services {
		s.services[service.Name] = service
	}
	for _, e := range f.Slices {
		s.slices[e.Service] = append(s.slices[e.Service], e)
	}
	for _, e := range f.Endpoints {
		if len(s.slices[e.Service]) == 0 {
			s.slices[e.Service] = []*EndpointSlice{e}
		}
	}
	for _, list := range s.slices {
		slices.SortFunc(list, func(a, b *EndpointSlice) int { return cmp.Compare(a.Name, b.Name) })
	}
	return s.over(running)
}

// over returns the same Services with other pods behind them.
func (s *serving) over(running *running) *serving {
	next := &serving{
		services: s.services, slices: s.slices,
		behind: make(map[string][]identity.Workload, len(s.services)), lone: make(map[backer]*Pod), awaited: make(map[string]bool),
	}
	for name, service := range s.services {
		if who := next.backing(service, running); len(who) > 0 {
			next.behind[name] = who
			if service.servesDNS() {
				next.dns = append(next.dns, who...)
			}
		}
	}
	return next
}

func (s *serving) backing(service *Service, running *running) []identity.Workload {
	found := make(map[identity.Workload]*Pod, 1) // the only one, or nil for several
	add := func(m Tenant) {
		other, known := found[m.of.id]
		if found[m.of.id] = m.Pod; known && other != m.Pod {
			found[m.of.id] = nil
		}
	}
	endpointSlices := s.slices[service.Name]
	for _, slice := range endpointSlices {
		for i := range slice.Endpoints {
			name := slice.Endpoints[i].Pod
			if m, known := running.members[name]; known {
				add(m)
			} else if name != "" {
				s.awaited[service.Name] = true
			}
		}
	}
	if len(endpointSlices) == 0 {
		for p := range running.pods.matching(service.Selector) {
			add(running.members[p.Name])
		}
	}
	for who, pod := range found {
		if pod != nil {
			s.lone[backer{service.Name, who}] = pod
		}
	}
	return slices.SortedFunc(maps.Keys(found), identity.Compare)
}

// all returns every Service; a nil s has none.
func (s *serving) all() map[string]*Service {
	if s == nil {
		return nil
	}
	return s.services
}

// servesDNS reports whether lookups go to the Service.
func (s *Service) servesDNS() bool {
	return slices.ContainsFunc(s.Ports, func(p ServicePort) bool { return p.Port == 53 })
}
