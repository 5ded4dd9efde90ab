// Package cluster is the picture of the cluster that every decision is taken from: an immutable, indexed Snapshot of
// namespaces (Space), nodes and address leases.
//
// It is pure. It must not know client-go, read a clock, or hold a rule about traffic or policies; cluster/live feeds it.
package cluster

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/identity"
)

// Space is one namespace, indexed. It is immutable and safe for concurrent use; callers must not change what it returns.
// Every slice that it returns is sorted by name unless stated otherwise.
type Space struct {
	Name   string
	Labels map[string]string

	pods      map[string]*Pod
	workloads map[identity.Workload]*Workload
	byPod     map[string]identity.Workload // pod name → its workload
	byName    map[string][]identity.Workload
	services  map[string]*Service
	slices    map[string][]*EndpointSlice // Service name → its slices
	behind    map[string][]identity.Workload
	byLabel   labelIndex

	intents   []*v2beta1.ClientIntents
	byClient  map[string][]*v2beta1.ClientIntents
	naming    map[Ref][]*v2beta1.ClientIntents
	protected []*v2beta1.ProtectedService
	brokers   []*v2beta1.KafkaServerConfig
}

// Workload is who runs: the pods of one identity and the controllers that make them.
type Workload struct {
	ID          identity.Workload
	Pods        []*Pod        // not finished; terminating ones are in
	Controllers []*Controller // the top controllers, by kind and name; none for bare pods
	// OwnLabels selects exactly the pods of this workload and no other pod or pod template of the namespace. It is nil
	// when the workload has no labels that do.
	OwnLabels map[string]string
}

// Ref is how a target names a server: '.' in the name is written '_'.
type Ref struct{ Namespace, Name string }

// NewSpace indexes the facts of one namespace. Equal facts in any order give equal spaces.
func NewSpace(f Facts) *Space {
	s := &Space{
		Name: f.Namespace, Labels: f.Labels,
		pods:      make(map[string]*Pod, len(f.Pods)),
		workloads: make(map[identity.Workload]*Workload, len(f.Controllers)),
		byPod:     make(map[string]identity.Workload, len(f.Pods)),
		byName:    make(map[string][]identity.Workload),
		services:  make(map[string]*Service, len(f.Services)),
		slices:    make(map[string][]*EndpointSlice, len(f.Services)),
		behind:    make(map[string][]identity.Workload, len(f.Services)),
		protected: sortedByName(f.Protected), brokers: sortedByName(f.Brokers),
	}
	s.addWorkloads(f)
	s.addServices(f)
	s.addIntents(f.Intents)
	return s
}

func (s *Space) addWorkloads(f Facts) {
	owners := newOwners(f.Controllers)
	for _, c := range f.Controllers {
		if top, who := owners.ofController(c); top == c {
			w := s.workload(who)
			w.Controllers = append(w.Controllers, c)
		}
	}
	for _, p := range f.Pods {
		s.pods[p.Name] = p
		who := owners.ofPod(p)
		s.byPod[p.Name] = who
		if !p.Finished {
			w := s.workload(who)
			w.Pods = append(w.Pods, p)
		}
	}
	s.byLabel = newLabelIndex(f.Pods, f.Controllers)
	for id, w := range s.workloads {
		slices.SortFunc(w.Pods, func(a, b *Pod) int { return cmp.Compare(a.Name, b.Name) })
		slices.SortFunc(w.Controllers, func(a, b *Controller) int {
			return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
		})
		w.OwnLabels = s.byLabel.exact(w, owners)
		name := apiName(id.Name)
		s.byName[name] = append(s.byName[name], id)
	}
	for _, ids := range s.byName {
		slices.SortFunc(ids, identity.Compare)
	}
}

func (s *Space) workload(who identity.Workload) *Workload {
	w, known := s.workloads[who]
	if !known {
		w = &Workload{ID: who}
		s.workloads[who] = w
	}
	return w
}

func (s *Space) addServices(f Facts) {
	for _, e := range f.Slices {
		s.slices[e.Service] = append(s.slices[e.Service], e)
	}
	for _, service := range f.Services {
		s.services[service.Name] = service
		s.behind[service.Name] = s.backing(service)
	}
	for _, list := range s.slices {
		slices.SortFunc(list, func(a, b *EndpointSlice) int { return cmp.Compare(a.Name, b.Name) })
	}
}

// backing returns the workloads behind a Service: those of the pods that its slices name, ready or not, and those that
// its selector selects where it has no slice.
func (s *Space) backing(service *Service) []identity.Workload {
	found := make(map[identity.Workload]struct{})
	for _, slice := range s.slices[service.Name] {
		for _, e := range slice.Endpoints {
			if who, known := s.byPod[e.Pod]; known {
				found[who] = struct{}{}
			}
		}
	}
	if len(s.slices[service.Name]) == 0 {
		for _, p := range s.Selected(service.Selector) {
			found[s.byPod[p.Name]] = struct{}{}
		}
	}
	return slices.SortedFunc(maps.Keys(found), identity.Compare)
}

func (s *Space) addIntents(all []*v2beta1.ClientIntents) {
	s.intents = sortedByAge(all)
	s.byClient = make(map[string][]*v2beta1.ClientIntents)
	s.naming = make(map[Ref][]*v2beta1.ClientIntents)
	for _, intents := range s.intents {
		client := apiName(intents.Spec.Workload.Name)
		s.byClient[client] = append(s.byClient[client], intents)
		for ref := range targetRefs(intents) {
			s.naming[ref] = append(s.naming[ref], intents)
		}
	}
}

// Workload returns the workload of that identity.
func (s *Space) Workload(id identity.Workload) (*Workload, bool) {
	w, known := s.workloads[id]
	return w, known
}

// Workloads returns every identity of the namespace, sorted.
func (s *Space) Workloads() []identity.Workload {
	return slices.SortedFunc(maps.Keys(s.workloads), identity.Compare)
}

// Named returns the workloads that a field of the API means by name and kind: of any kind when kind is empty. A '_' in
// name also matches a '.'.
func (s *Space) Named(name, kind string) []identity.Workload {
	all := s.byName[apiName(name)]
	if kind == "" {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(id identity.Workload) bool { return id.Kind != kind })
}

// Pod returns the pod of that name.
func (s *Space) Pod(name string) (*Pod, bool) {
	p, known := s.pods[name]
	return p, known
}

// WorkloadOf returns the workload that the pod of that name belongs to, also when the pod has finished.
func (s *Space) WorkloadOf(pod string) (identity.Workload, bool) {
	who, known := s.byPod[pod]
	return who, known
}

// Service returns the Service of that name; a '_' stands for itself only, since Service names have no dots.
func (s *Space) Service(name string) (*Service, bool) {
	service, known := s.services[name]
	return service, known
}

// Services returns every Service of the namespace.
func (s *Space) Services() []*Service {
	return slices.SortedFunc(maps.Values(s.services), func(a, b *Service) int { return cmp.Compare(a.Name, b.Name) })
}

// Slices returns the EndpointSlices of a Service.
func (s *Space) Slices(service string) []*EndpointSlice { return s.slices[service] }

// Behind returns the workloads behind a Service, sorted.
func (s *Space) Behind(service string) []identity.Workload { return s.behind[service] }

// Selected returns the unfinished pods that have all the labels of selector. An empty selector selects nothing.
func (s *Space) Selected(selector map[string]string) []*Pod { return s.byLabel.pods(selector) }

// Intents returns every ClientIntents of the namespace, the oldest first, then by name.
func (s *Space) Intents() []*v2beta1.ClientIntents { return s.intents }

// IntentsOf returns the ClientIntents whose workload has that name ('_' also matches '.'), the oldest first; their kinds
// are still to be compared.
func (s *Space) IntentsOf(name string) []*v2beta1.ClientIntents { return s.byClient[apiName(name)] }

// IntentsNaming returns the ClientIntents of this namespace with a target of that name, the oldest first.
func (s *Space) IntentsNaming(server Ref) []*v2beta1.ClientIntents {
	return s.naming[Ref{Namespace: server.Namespace, Name: apiName(server.Name)}]
}

// Protected returns every ProtectedService of the namespace.
func (s *Space) Protected() []*v2beta1.ProtectedService { return s.protected }

// Brokers returns every KafkaServerConfig of the namespace.
func (s *Space) Brokers() []*v2beta1.KafkaServerConfig { return s.brokers }

// apiName is the form in which names are compared: '_' and '.' are the same.
func apiName(name string) string { return strings.ReplaceAll(name, ".", "_") }
