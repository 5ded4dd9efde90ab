package intents

import (
	"slices"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
)

// DNSServers returns the workloads that the edges show to serve cluster DNS: those behind the Services by which clusters
// offer it. Clients reach DNS by its Service, so that an edge to it names the Service.
func DNSServers(edges []graph.Edge) map[identity.Workload]bool {
	servers := make(map[identity.Workload]bool)
	for _, e := range edges {
		who := e.Server.Workload
		if isDNS(who.Namespace, e.Services) || who.Kind == identity.KindService && isDNS(who.Namespace, []string{who.Name}) {
			servers[who] = true
		}
	}
	return servers
}

// isDNS reports whether one of the Services is known to be cluster DNS.
func isDNS(namespace string, services []string) bool {
	return slices.ContainsFunc(services, func(name string) bool {
		switch namespace {
		case "kube-system":
			return name == "kube-dns" || name == "coredns"
		case "openshift-dns":
			return name == "dns-default"
		default:
			return false
		}
	})
}
