package policy

import (
	"cmp"
	"slices"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
)

// kindService is what Because calls a Service.
const kindService = identity.KindService

// workload returns the subject when it is a workload that exists.
func (m matter) workload() (*cluster.Workload, bool) {
	if m.who.Kind == identity.KindService {
		return nil, false
	}
	return m.snap.Workload(m.who)
}

// service returns the subject when it is a Service that exists.
func (m matter) service() (*cluster.Service, bool) {
	if m.who.Kind != identity.KindService {
		return nil, false
	}
	return m.snap.Service(m.who.Namespace, m.who.Name)
}

// pods returns the unfinished pods of the subject.
func (m matter) pods() []*cluster.Pod {
	if w, known := m.workload(); known {
		return w.Pods
	}
	if service, known := m.service(); known {
		space, _ := m.snap.Space(m.who.Namespace)
		return space.Selected(selectorOf(service))
	}
	return nil
}

// selectorOf returns the labels by which a Service selects pods; none for one that stands for an outside name, of which
// the API ignores them.
func selectorOf(service *cluster.Service) map[string]string {
	if service.Type == cluster.ExternalName {
		return nil
	}
	return service.Selector
}

// unusableService says why a Service has no pods that a policy could select; empty when it could have.
func unusableService(snap *cluster.Snapshot, id identity.Workload) v2beta1.TargetReason {
	service, known := snap.Service(id.Namespace, id.Name)
	switch {
	case !known:
		return v2beta1.TargetReasonServiceNotFound
	case service.Type == cluster.ExternalName:
		return v2beta1.TargetReasonExternalNameService
	case len(service.Selector) == 0:
		return v2beta1.TargetReasonServiceHasNoSelector
	default:
		return ""
	}
}

// fronting returns the Services that select a pod of the subject, or a pod template that makes them, by name.
func (m matter) fronting() []*cluster.Service {
	if m.near != nil && m.near.known {
		return m.near.fronts
	}
	space, known := m.snap.Space(m.who.Namespace)
	if !known {
		return nil
	}
	fronts := selecting(space, newLooks(m.podLabels()))
	if m.near != nil {
		*m.near = near{known: true, fronts: fronts}
	}
	return fronts
}

// near is what was found out about the Services around a subject, so that it is found out once.
type near struct {
	known  bool
	fronts []*cluster.Service
}

// selecting returns the Services of a namespace that select at least one of the label sets, by name.
func selecting(space *cluster.Space, these looks) []*cluster.Service {
	var found []*cluster.Service
	for _, service := range space.Services() {
		if these.selectedBy(selectorOf(service)) {
			found = append(found, service)
		}
	}
	return found
}

// FrontSelectors returns the selectors of the Services that select exactly the pods of a workload, by name of the Service.
// It is empty for a workload without pods. The caller must not change them.
func FrontSelectors(snap *cluster.Snapshot, w *cluster.Workload) []map[string]string {
	space, known := snap.Space(w.ID.Namespace)
	if !known || len(w.Pods) == 0 {
		return nil
	}
	var found []map[string]string
	for _, service := range space.Services() {
		selector := selectorOf(service)
		if selects(selector, w.Pods[0].Labels) && slices.Equal(space.Selected(selector), w.Pods) {
			found = append(found, selector)
		}
	}
	return found
}

// sharing returns the other subjects that may share a pod with this one, sorted: the Services in front of a workload, or
// the workloads behind a Service and their other Services.
func (m matter) sharing() []identity.Workload {
	pods := m.pods()
	space, known := m.snap.Space(m.who.Namespace)
	if !known || len(pods) == 0 {
		return nil
	}
	var found []identity.Workload
	running := newLooks(labelsOfPods(pods))
	for _, service := range m.fronting() {
		if running.selectedBy(selectorOf(service)) {
			found = append(found, identity.Workload{Namespace: service.Namespace, Kind: kindService, Name: service.Name})
		}
	}
	if m.who.Kind == identity.KindService {
		for _, p := range pods {
			who, _ := space.WorkloadOf(p.Name)
			found = append(found, who)
		}
	}
	slices.SortFunc(found, identity.Compare)
	found = slices.Compact(found)
	return slices.DeleteFunc(found, func(id identity.Workload) bool { return id == m.who })
}

// targetPorts returns the ports at the pods for the ports of a Service, in the Service's order, each once.
func targetPorts(ports []cluster.ServicePort) []Port {
	found := make([]Port, 0, len(ports))
	for _, p := range ports {
		found = addPort(found, targetPort(p))
	}
	return found
}

// dialledPorts returns, for each port of a Service, the port at the pods and then the port of the Service itself, each
// once: some networks look at the address before it is translated.
func dialledPorts(ports []cluster.ServicePort) []Port {
	found := make([]Port, 0, 2*len(ports))
	for _, p := range ports {
		found = addPort(found, targetPort(p))
		found = addPort(found, Port{Protocol: p.Protocol, Number: p.Port})
	}
	return found
}

func targetPort(p cluster.ServicePort) Port {
	if p.TargetName != "" {
		return Port{Protocol: p.Protocol, Name: p.TargetName}
	}
	return Port{Protocol: p.Protocol, Number: cmp.Or(p.TargetPort, p.Port)}
}

func addPort(ports []Port, p Port) []Port {
	if slices.Contains(ports, p) {
		return ports
	}
	return append(ports, p)
}
