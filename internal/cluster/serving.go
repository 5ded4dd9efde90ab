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
}

func newServing(services []*Service, endpointSlices []*EndpointSlice, running *running) *serving {
	s := &serving{
		services: make(map[string]*Service, len(services)),
		slices:   make(map[string][]*EndpointSlice, len(services)),
	}
	for _, service := range services {
		s.services[service.Name] = service
	}
	for _, e := range endpointSlices {
		s.slices[e.Service] = append(s.slices[e.Service], e)
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
				found[*m.of] = struct{}{}
			}
		}
	}
	if len(endpointSlices) == 0 {
		for p := range running.pods.matching(service.Selector) {
			found[*running.members[p.Name].of] = struct{}{}
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

// moveFronts brings the ClusterIPs of before to those of after. Either may be nil. A Service that is the same value in
// both costs nothing.
func moveFronts(fronts *editor[*Service], before, after *serving) {
	if before == after {
		return
	}
	for name, was := range before.all() {
		if after.all()[name] != was {
			for _, addr := range was.ClusterIPs {
				fronts.set(addr, without(fronts.at(addr), was))
			}
		}
	}
	for name, is := range after.all() {
		if before.all()[name] != is {
			for _, addr := range is.ClusterIPs {
				fronts.set(addr, with(fronts.at(addr), is))
			}
		}
	}
}

func without(list []*Service, service *Service) []*Service {
	return slices.DeleteFunc(slices.Clone(list), func(s *Service) bool { return sameName(s, service) })
}

func with(list []*Service, service *Service) []*Service {
	list = append(without(list, service), service)
	slices.SortFunc(list, func(a, b *Service) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return list
}

func sameName(a, b *Service) bool { return a.Namespace == b.Namespace && a.Name == b.Name }
