package policy

import (
	"cmp"
	"iter"
	"slices"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

// RuleDNS is the Because.Rule of the permission to ask for names, which every restricted client has.
const RuleDNS = "G6"

// out returns whom the subject may call, in the order of the rules G1 to G6, and why that cannot be computed now.
func (m matter) out() (allowed []Permission, unready string) {
	if !m.set.Egress {
		return nil, ""
	}
	intents := intentsFor(m.snap, m.who)
	if len(intents) == 0 {
		return nil, ""
	}
	for _, rule := range []func(matter, []*v2beta1.ClientIntents) []Permission{
		toWorkloads, // G1: kubernetes and kafka targets, and servers that name the client by annotation
		toServices,  // G2: Service targets, on the ports of the Service
		toAPIServer, // G3: the API server by its addresses
		toAddresses, // G4: internet targets
		toDNS,       // G6: names, always
	} {
		allowed = append(allowed, rule(m, intents)...)
	}
	if m.callsAPIServer(intents) && len(APIServerAddresses(m.snap, *m.set)) == 0 {
		unready = "no address of the API server is known: Service default/kubernetes or its EndpointSlices are missing"
	}
	return allowed, unready
}

// targets yields every target of the ClientIntents that has a meaning, in the order written.
func targets(all []*v2beta1.ClientIntents) iter.Seq2[Because, meaning] {
	return func(yield func(Because, meaning) bool) {
		for _, intents := range all {
			for i := range intents.Spec.Targets {
				meant, ok := mean(&intents.Spec.Targets[i], intents.Namespace)
				if ok && !yield(becauseOf(intents, i), meant) {
					return
				}
			}
		}
	}
}

func toWorkloads(m matter, intents []*v2beta1.ClientIntents) []Permission {
	var found []Permission
	declared := make(map[identity.Workload]struct{})
	for because, meant := range targets(intents) {
		if meant.isService() {
			continue
		}
		for _, server := range meant.servers(m.snap) {
			declared[server] = struct{}{}
			found = append(found, Permission{Client: m.who, Server: server, Because: because})
		}
	}
	for _, server := range annotatedServers(m.snap, m.who) {
		if _, already := declared[server]; !already {
			found = append(found, Permission{Client: m.who, Server: server, Because: becauseCalledBy(server)})
		}
	}
	slices.SortFunc(found, comparePermissions)
	return found
}

func toServices(m matter, intents []*v2beta1.ClientIntents) []Permission {
	var found []Permission
	for because, meant := range targets(intents) {
		if !meant.isService() {
			continue
		}
		for _, server := range meant.servers(m.snap) {
			if unusableService(m.snap, server) != "" {
				continue
			}
			service, _ := m.snap.Service(server.Namespace, server.Name)
			found = append(found, Permission{Client: m.who, Server: server, Ports: dialledPorts(service.Ports), Because: because})
		}
	}
	slices.SortFunc(found, comparePermissions)
	return found
}

func toAPIServer(m matter, intents []*v2beta1.ClientIntents) []Permission {
	var found []Permission
	ports := apiServerPorts(m.snap)
	for because, meant := range targets(intents) {
		if meant.APIServer && len(ports) > 0 {
			found = append(found, Permission{Client: m.who, Server: identity.APIServer(), Ports: ports, Because: because})
		}
	}
	return found
}

func (m matter) callsAPIServer(intents []*v2beta1.ClientIntents) bool {
	for _, meant := range targets(intents) {
		if meant.APIServer {
			return true
		}
	}
	return false
}

// apiServerPorts returns the ports of the Service default/kubernetes and of its ready endpoints, each once, ascending.
func apiServerPorts(snap *cluster.Snapshot) []Port {
	service, behind, known := snap.APIServer()
	if !known {
		return nil
	}
	var ports []Port
	for _, p := range service.Ports {
		ports = addPort(ports, Port{Protocol: p.Protocol, Number: p.Port})
	}
	for _, slice := range behind {
		for _, p := range slice.Ports {
			if p.Port > 0 {
				ports = addPort(ports, Port{Protocol: p.Protocol, Number: p.Port})
			}
		}
	}
	slices.SortFunc(ports, func(a, b Port) int {
		return cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(a.Protocol, b.Protocol))
	})
	return ports
}

func toAddresses(m matter, intents []*v2beta1.ClientIntents) []Permission {
	var found []Permission
	for because, meant := range targets(intents) {
		if meant.Type != v2beta1.TargetTypeInternet {
			continue
		}
		declaring := intents[slices.IndexFunc(intents, func(i *v2beta1.ClientIntents) bool { return i.Name == because.Name })]
		target := declaring.Spec.Targets[because.Target].Internet
		if allowed := m.internet(declaring, target); len(allowed.Prefixes) > 0 && allowed.Wrong == "" {
			found = append(found, Permission{
				Client: m.who, Internet: allowed.Prefixes, Ports: internetPorts(target.Ports), Because: because,
			})
		}
	}
	return found
}

// internetPorts returns the ports of an internet target, ascending, each once.
func internetPorts(numbers []int32) []Port {
	var ports []Port
	for _, n := range slices.Sorted(slices.Values(numbers)) {
		ports = addPort(ports, Port{Protocol: traffic.TCP, Number: n})
	}
	return ports
}

func toDNS(m matter, _ []*v2beta1.ClientIntents) []Permission {
	because := Because{Rule: RuleDNS, Kind: m.who.Kind, Namespace: m.who.Namespace, Name: m.who.Name, Target: noTarget}
	return []Permission{{Client: m.who, Ports: m.dnsPorts(), Because: because}}
}

// serversCalled yields every subject that a declaration of the subject's own intents or an annotation lets it call.
func (m matter) serversCalled() iter.Seq[identity.Workload] {
	return func(yield func(identity.Workload) bool) {
		for _, meant := range targets(intentsFor(m.snap, m.who)) {
			for _, server := range meant.servers(m.snap) {
				if !yield(server) {
					return
				}
			}
		}
		for _, server := range annotatedServers(m.snap, m.who) {
			if !yield(server) {
				return
			}
		}
	}
}
