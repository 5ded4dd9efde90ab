package policy

import (
	"net/netip"
	"slices"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
)

// intents reaches the client and the servers of a ClientIntents, and those of the others of that client: they may be
// used now, or have been until now.
func (t *touch) intents(changed *v2beta1.ClientIntents) {
	t.declared(changed)
	for _, snap := range t.snaps {
		space, known := snap.Space(changed.Namespace)
		if !known {
			continue
		}
		for _, other := range space.IntentsOf(changed.Spec.Workload.Name) {
			if other != changed {
				t.declared(other)
			}
		}
	}
}

func (t *touch) declared(intents *v2beta1.ClientIntents) {
	for _, snap := range t.snaps {
		for _, client := range clientsOf(snap, intents) {
			t.found[client] = struct{}{}
			t.annotations(client)
		}
		for _, meant := range targets([]*v2beta1.ClientIntents{intents}) {
			for _, server := range meant.servers(snap) {
				t.server(server)
			}
		}
	}
}

func (t *touch) protected(p *v2beta1.ProtectedService) {
	for _, snap := range t.snaps {
		if space, known := snap.Space(p.Namespace); known {
			for _, who := range space.Named(p.Spec.Name, p.Spec.Kind) {
				t.server(who)
			}
		}
	}
	t.server(identity.Workload{Namespace: p.Namespace, Kind: identity.KindService, Name: p.Spec.Name})
}

// server reaches a server, the subjects that share pods with it and so repeat its rules, and the callers of any of them
// that need a label when a policy mentions them.
func (t *touch) server(who identity.Workload) {
	if _, already := t.found[who]; already && t.served[who] {
		return
	}
	t.served[who] = true
	t.found[who] = struct{}{}
	for _, snap := range t.snaps {
		m := matter{snap: snap, who: who, near: &near{}}
		t.labelledCallers(m)
		for _, other := range around(m) {
			t.found[other] = struct{}{}
			t.labelledCallers(m.about(other))
		}
	}
}

// around returns the other subjects that share a pod or a pod template with one: the Services in front of it and, for a
// Service, the workloads behind it.
func around(m matter) []identity.Workload {
	var found []identity.Workload
	for _, service := range m.fronting() {
		found = append(found, identity.Workload{Namespace: service.Namespace, Kind: kindService, Name: service.Name})
	}
	if service, isService := m.service(); isService {
		found = append(found, behind(m.snap, service)...)
	}
	return found
}

// labelledCallers reaches the clients of a server whose own labels do not select exactly their pods.
func (t *touch) labelledCallers(m matter) {
	for client := range t.clientsOf(m) {
		if chosen, exists := Select(m.snap, client); exists && chosen.Labelled {
			t.found[client] = struct{}{}
		}
	}
}

// clientsOf yields the workloads that may call a server by declaration or annotation.
func (t *touch) clientsOf(m matter) func(yield func(identity.Workload) bool) {
	return func(yield func(identity.Workload) bool) {
		for intents := range declarations(m.snap, m.who) {
			for _, client := range clientsOf(m.snap, intents) {
				if !yield(client) {
					return
				}
			}
		}
		for _, client := range m.annotatedCallers() {
			if !yield(client) {
				return
			}
		}
	}
}

// clients reaches every client of a server, whose egress mentions it.
func (t *touch) clients(who identity.Workload) {
	for _, snap := range t.snaps {
		for client := range t.clientsOf(matter{snap: snap, who: who}) {
			t.found[client] = struct{}{}
		}
	}
}

// workload reaches a workload that is selected in another way than before, and everyone who mentions it: the servers that
// it calls, the clients that call it, and the Services in front of it.
func (t *touch) workload(who identity.Workload) {
	t.server(who)
	t.clients(who)
	t.annotations(who)
	for i, snap := range t.snaps {
		m := matter{snap: snap, who: who, near: &near{}}
		for _, meant := range targets(intentsFor(snap, who)) {
			for _, server := range meant.servers(snap) {
				t.server(server)
			}
		}
		for _, service := range m.fronting() {
			t.fronted(i, service)
		}
	}
}

// annotations reaches the servers whose called-by annotations name a client.
func (t *touch) annotations(client identity.Workload) {
	for _, annotated := range t.annotated {
		for _, w := range annotated {
			if slices.ContainsFunc(calledByOf(w), func(ref identity.Workload) bool { return refersTo(ref, client) }) {
				t.server(w.ID)
			}
		}
	}
}

// front is a Service in one of the snapshots.
type front struct {
	service *cluster.Service
	of      int
}

// fronted reaches a Service, the workloads behind it in one of the snapshots, and the clients of all of them.
func (t *touch) fronted(of int, service *cluster.Service) {
	id := identity.Workload{Namespace: service.Namespace, Kind: kindService, Name: service.Name}
	if t.fronts[front{service, of}] {
		return
	}
	t.fronts[front{service, of}] = true
	t.server(id)
	t.clients(id)
	for _, w := range behind(t.snaps[of], service) {
		t.server(w)
		t.clients(w)
	}
	if servesDNS(service) {
		t.everyone()
	}
}

// behind returns the workloads of which a Service selects a pod or a pod template.
func behind(snap *cluster.Snapshot, service *cluster.Service) []identity.Workload {
	space, known := snap.Space(service.Namespace)
	if !known {
		return nil
	}
	var found []identity.Workload
	for _, p := range space.Selected(selectorOf(service)) {
		who, _ := space.WorkloadOf(p.Name)
		found = append(found, who)
	}
	for _, who := range templates(space, selectorOf(service)) {
		found = append(found, who)
	}
	slices.SortFunc(found, identity.Compare)
	return slices.Compact(found)
}

func servesDNS(service *cluster.Service) bool {
	return slices.ContainsFunc(service.Ports, func(p cluster.ServicePort) bool { return p.Port == dnsPort })
}

// service reaches what a Service that changed fronts in either snapshot.
func (t *touch) service(changed *cluster.Service) {
	for of := range t.snaps {
		t.fronted(of, changed)
	}
}

// everyone reaches every subject: the ports of cluster DNS are in the policy of each restricted client.
func (t *touch) everyone() {
	for _, snap := range t.snaps {
		include(t.found, Subjects(snap))
	}
}

// apiServer reaches the clients that call the API server.
func (t *touch) apiServer() {
	api := identity.APIServer()
	for _, snap := range t.snaps {
		for _, namespace := range snap.Namespaces() {
			space, _ := snap.Space(namespace)
			for _, intents := range space.IntentsNaming(cluster.Ref{Namespace: api.Namespace, Name: api.Name}) {
				include(t.found, clientsOf(snap, intents))
				t.judge(intents)
			}
		}
	}
}

// addresses reaches the clients with a resolved address that became one of a pod or Service, or stopped to be one. Only
// such clients depend on the addresses of others.
func (t *touch) addresses(before, after *cluster.Space) {
	resolved := t.resolved()
	if len(resolved) == 0 {
		return
	}
	old, now := ownAddresses(before), ownAddresses(after)
	for addr, all := range resolved {
		if old[addr] == now[addr] {
			continue
		}
		for _, intents := range all {
			t.judge(intents)
			for _, snap := range t.snaps {
				include(t.found, clientsOf(snap, intents))
			}
		}
	}
}

// resolved returns the ClientIntents by the addresses that their domains resolve to.
func (t *touch) resolved() map[netip.Addr][]*v2beta1.ClientIntents {
	found := make(map[netip.Addr][]*v2beta1.ClientIntents)
	for _, snap := range t.snaps {
		for _, namespace := range snap.Namespaces() {
			space, _ := snap.Space(namespace)
			for _, intents := range space.Intents() {
				if len(intents.Status.ResolvedIPs) == 0 {
					continue
				}
				for _, known := range normalAnswers(intents.Status.ResolvedIPs) {
					for _, a := range known.addrs {
						found[a] = append(found[a], intents)
					}
				}
			}
		}
	}
	return found
}

// ownAddresses returns the addresses of a namespace's pods and Services.
func ownAddresses(space *cluster.Space) map[netip.Addr]bool {
	found := make(map[netip.Addr]bool)
	for _, id := range space.Workloads() {
		w, _ := space.Workload(id)
		for _, p := range w.Pods {
			for _, a := range p.IPs {
				found[a] = found[a] || !p.HostNetwork
			}
		}
	}
	for _, s := range space.Services() {
		for _, a := range s.ClusterIPs {
			found[a] = true
		}
	}
	return found
}
