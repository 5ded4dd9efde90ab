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

	running  *running
	serving  *serving
	declared *declared
}

// Workload is who runs: the pods of one identity and the controllers that make them.
type Workload struct {
	ID   identity.Workload
	Pods []*Pod // not finished; terminating ones are in
	// Controllers are the topmost controllers that are known, by kind and name; there are none for bare pods. A controller
	// that a custom resource owns is one of them, while the identity is that of the custom resource.
	Controllers []*Controller
	// OwnLabels selects exactly the pods of this workload and no other pod or pod template of the namespace. It is nil
	// when the workload has no labels that do.
	OwnLabels map[string]string
	// Unresolved says that an owner of the pods cannot be read, so that ID is only the last owner that is known.
	Unresolved bool
}

// Ref is how a target names a server: '.' in the name is written '_'.
type Ref struct{ Namespace, Name string }

// Parts names the parts of a namespace that change for different reasons.
type Parts uint8

// The parts of a namespace. Its name and labels belong to none of them and are always taken from the facts.
const (
	Running  Parts = 1 << iota // pods and controllers
	Serving                    // Services, EndpointSlices and Endpoints
	Declared                   // ClientIntents, ProtectedServices and KafkaServerConfigs

	Everything = Running | Serving | Declared
)

// NewSpace indexes the facts of one namespace. Equal facts in any order give equal spaces.
func NewSpace(f Facts) *Space { return (*Space)(nil).With(f, Everything) }

// With returns the space that NewSpace returns for f. It indexes only the parts that changed and shares the others with
// s, so the facts about parts that did not change are not read and may be left out. A nil s has nothing to share.
func (s *Space) With(f Facts, changed Parts) *Space {
	if s == nil {
		s, changed = &Space{}, Everything
	}
	next := &Space{Name: f.Namespace, Labels: f.Labels, running: s.running, serving: s.serving, declared: s.declared}
	if changed&Running != 0 {
		next.running = newRunning(f, s.running)
	}
	switch {
	case changed&Serving != 0:
		next.serving = newServing(f, next.running)
	case changed&Running != 0:
		next.serving = s.serving.over(next.running)
	}
	if changed&Declared != 0 {
		next.declared = newDeclared(f.Intents, f.Protected, f.Brokers)
	}
	return next
}

// whoRuns returns who runs in s; nobody in a nil s.
func (s *Space) whoRuns() *running {
	if s == nil {
		return nil
	}
	return s.running
}

// whatServes returns what s offers; nothing for a nil s.
func (s *Space) whatServes() *serving {
	if s == nil {
		return nil
	}
	return s.serving
}

// Workload returns the workload of that identity.
func (s *Space) Workload(id identity.Workload) (*Workload, bool) {
	w, known := s.running.workloads[id]
	return w, known
}

// Workloads returns every identity of the namespace, sorted.
func (s *Space) Workloads() []identity.Workload {
	return slices.SortedFunc(maps.Keys(s.running.workloads), identity.Compare)
}

// Named returns the workloads that a field of the API means by name and kind: of any kind when kind is empty. A '_' in
// name also matches a '.'.
func (s *Space) Named(name, kind string) []identity.Workload {
	all := s.running.byName[apiName(name)]
	if kind == "" {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(id identity.Workload) bool { return id.Kind != kind })
}

// Pod returns the pod of that name.
func (s *Space) Pod(name string) (*Pod, bool) {
	m, known := s.running.members[name]
	return m.Pod, known
}

// Pods returns every pod of the namespace, finished ones too.
func (s *Space) Pods() []*Pod {
	pods := make([]*Pod, 0, len(s.running.members))
	for _, m := range s.running.members {
		pods = append(pods, m.Pod)
	}
	slices.SortFunc(pods, byPodName)
	return pods
}

// WorkloadOf returns the workload that the pod of that name belongs to, also when the pod has finished.
func (s *Space) WorkloadOf(pod string) (identity.Workload, bool) {
	if m, known := s.running.members[pod]; known {
		return m.of.id, true
	}
	return identity.Workload{}, false
}

// Service returns the Service of that name; a '_' stands for itself only, since Service names have no dots.
func (s *Space) Service(name string) (*Service, bool) {
	service, known := s.serving.services[name]
	return service, known
}

// Services returns every Service of the namespace.
func (s *Space) Services() []*Service {
	return slices.SortedFunc(maps.Values(s.serving.services), func(a, b *Service) int { return cmp.Compare(a.Name, b.Name) })
}

// Slices returns the EndpointSlices of a Service; where it has none, what its Endpoints object says, in the same form.
func (s *Space) Slices(service string) []*EndpointSlice { return s.serving.slices[service] }

// Behind returns the workloads behind a Service, sorted: those of the pods that its EndpointSlices name, ready or not,
// and, where it has no slice, those of the pods that its selector selects.
func (s *Space) Behind(service string) []identity.Workload { return s.serving.behind[service] }

// Lone returns the pod behind a Service if there is only one of that workload.
func (s *Space) Lone(service string, who identity.Workload) (*Pod, bool) {
	p, alone := s.serving.lone[backer{service, who}]
	return p, alone
}

// Awaits reports whether an EndpointSlice of a Service names a pod that is not known: it may come, or the slice is older
// than its end.
func (s *Space) Awaits(service string) bool { return s.serving.awaited[service] }

// NameServers returns the workloads behind Services that serve port 53, in no order.
func (s *Space) NameServers() []identity.Workload { return s.serving.dns }

// Selected returns the unfinished pods that have all the labels of selector. An empty selector selects nothing.
func (s *Space) Selected(selector map[string]string) []*Pod {
	return selectedPods(s.running.pods, selector)
}

// Intents returns every ClientIntents of the namespace, the oldest first, then by name.
func (s *Space) Intents() []*v2beta1.ClientIntents { return s.declared.intents }

// IntentsOf returns the ClientIntents whose workload has that name ('_' also matches '.'), the oldest first; their kinds
// are still to be compared.
func (s *Space) IntentsOf(name string) []*v2beta1.ClientIntents {
	return s.declared.byClient[apiName(name)]
}

// IntentsNaming returns the ClientIntents of this namespace with a target of that name, the oldest first.
func (s *Space) IntentsNaming(server Ref) []*v2beta1.ClientIntents {
	return s.declared.naming[Ref{Namespace: server.Namespace, Name: apiName(server.Name)}]
}

// Protected returns every ProtectedService of the namespace.
func (s *Space) Protected() []*v2beta1.ProtectedService { return s.declared.protected }

// Brokers returns every KafkaServerConfig of the namespace.
func (s *Space) Brokers() []*v2beta1.KafkaServerConfig { return s.declared.brokers }

// apiName is the form in which names are compared: '_' and '.' are the same.
func apiName(name string) string { return strings.ReplaceAll(name, ".", "_") }
