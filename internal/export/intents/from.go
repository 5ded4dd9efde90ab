// Package intents turns what was seen into what can be declared: edges of the map into ClientIntents.
//
// It is pure. It must not write to the cluster or to a file, and it must not decide which edges are legitimate: it
// declares every edge that it is given.
package intents

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
)

// Options says how edges become targets.
type Options struct {
	// AsServices names the Service that the client addressed instead of the workload behind it.
	AsServices bool
	// WithInternet also declares the names and addresses outside of the cluster.
	WithInternet bool
	// DNS holds the servers of the cluster's DNS, which every workload may call without saying so.
	DNS map[identity.Workload]bool
}

// From returns one ClientIntents per client workload, sorted by namespace and name, with the targets sorted. Equal edges
// in any order give equal objects. Edges from outside, edges to cluster DNS and, without WithInternet, edges to the
// outside declare nothing; a client without any target has no object.
func From(edges []graph.Edge, o Options) []*v2beta1.ClientIntents {
	clients := make(map[identity.Workload]*targets)
	for _, e := range edges {
		if !e.Client.Inside() || o.DNS[e.Server.Workload] {
			continue
		}
		client := e.Client.Workload
		if clients[client] == nil {
			clients[client] = newTargets(client.Namespace)
		}
		clients[client].add(e, o)
	}
	maps.DeleteFunc(clients, func(_ identity.Workload, t *targets) bool { return t.empty() })
	return objects(clients)
}

func objects(clients map[identity.Workload]*targets) []*v2beta1.ClientIntents {
	names := objectNames(slices.SortedFunc(maps.Keys(clients), identity.Compare))
	all := make([]*v2beta1.ClientIntents, 0, len(clients))
	for client, declared := range clients {
		all = append(all, &v2beta1.ClientIntents{
			TypeMeta:   metav1.TypeMeta{APIVersion: v2beta1.GroupVersion().String(), Kind: "ClientIntents"},
			ObjectMeta: metav1.ObjectMeta{Namespace: client.Namespace, Name: names[client]},
			Spec: v2beta1.ClientIntentsSpec{
				Workload: v2beta1.WorkloadReference{Name: apiName(client.Name), Kind: client.Kind},
				Targets:  declared.sorted(),
			},
		})
	}
	slices.SortFunc(all, func(a, b *v2beta1.ClientIntents) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// targets collects what one client calls, once each.
type targets struct {
	namespace string
	inside    map[server]struct{}
	outside   map[graph.Peer]map[int32]struct{} // peer → its TCP ports
}

// server is an in-cluster target. It is a Service when kind is Service.
type server struct{ namespace, name, kind string }

func newTargets(namespace string) *targets {
	return &targets{
		namespace: namespace,
		inside:    make(map[server]struct{}),
		outside:   make(map[graph.Peer]map[int32]struct{}),
	}
}

func (t *targets) empty() bool { return len(t.inside)+len(t.outside) == 0 }

func (t *targets) add(e graph.Edge, o Options) {
	switch {
	case !e.Server.Inside():
		if o.WithInternet {
			t.addOutside(e)
		}
	case o.AsServices && len(e.Services) > 0:
		for _, service := range e.Services {
			t.inside[server{e.Server.Workload.Namespace, service, identity.KindService}] = struct{}{}
		}
	default:
		t.inside[inCluster(e.Server.Workload)] = struct{}{}
	}
}

func inCluster(who identity.Workload) server {
	if who == identity.APIServer() {
		return server{who.Namespace, who.Name, identity.KindService}
	}
	return server{who.Namespace, apiName(who.Name), who.Kind}
}

func (t *targets) addOutside(e graph.Edge) {
	ports := t.outside[e.Server]
	if ports == nil {
		ports = make(map[int32]struct{})
		t.outside[e.Server] = ports
	}
	for _, seen := range e.Uses {
		if seen.Use.Port != 0 {
			ports[int32(seen.Use.Port)] = struct{}{}
		}
	}
}

// sorted returns the targets inside the cluster by name, namespace and kind, and then those outside.
func (t *targets) sorted() []v2beta1.Target {
	all := make([]v2beta1.Target, 0, len(t.inside)+len(t.outside))
	for _, s := range slices.SortedFunc(maps.Keys(t.inside), compareServers) {
		all = append(all, t.insideTarget(s))
	}
	for _, peer := range slices.SortedFunc(maps.Keys(t.outside), graph.ComparePeers) {
		all = append(all, outsideTarget(peer, slices.Sorted(maps.Keys(t.outside[peer]))))
	}
	return all
}

func compareServers(a, b server) int {
	return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.kind, b.kind))
}

func (t *targets) insideTarget(s server) v2beta1.Target {
	name := s.name
	if s.namespace != t.namespace {
		name += "." + s.namespace
	}
	if s.kind == identity.KindService {
		return v2beta1.Target{Service: &v2beta1.ServiceTarget{Name: name}}
	}
	return v2beta1.Target{Kubernetes: &v2beta1.KubernetesTarget{Name: name, Kind: s.kind}}
}

func outsideTarget(peer graph.Peer, ports []int32) v2beta1.Target {
	internet := &v2beta1.InternetTarget{Ports: ports}
	if peer.Name != "" {
		internet.Domains = []string{peer.Name}
	} else {
		internet.IPs = []string{peer.Addr.String()}
	}
	return v2beta1.Target{Internet: internet}
}

// apiName writes '_' for every '.', as names in the API must be written.
func apiName(name string) string { return strings.ReplaceAll(name, ".", "_") }
