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
	dns      []identity.Workload // who is behind the Services that serve port 53
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
	next := &serving{services: s.services, slices: s.slices, behind: make(map[string][]identity.Workload, len(s.services))}
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
	found := make(map[identity.Workload]struct{}, 1)
	endpointSlices := s.slices[service.Name]
	for _, slice := range endpointSlices {
		for i := range slice.Endpoints {
			if m, known := running.members[slice.Endpoints[i].Pod]; known {
				found[m.of.id] = struct{}{}
			}
		}
	}
	if len(endpointSlices) == 0 {
		for p := range running.pods.matching(service.Selector) {
			found[running.members[p.Name].of.id] = struct{}{}
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
