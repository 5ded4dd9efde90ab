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

// Left is a pair that was seen and that no object declares.
type Left struct {
	Client identity.Workload
	Server graph.Peer
	Why    Reason
}

// Reason says why a pair is left out, in words for people.
type Reason string

// The reasons.
const (
	// Unwritable is a name, kind or address that the API does not accept.
	Unwritable Reason = "a name or kind in it cannot be written in a ClientIntents"
	// Full is a client that calls more than one object can hold.
	Full Reason = "the ClientIntents is full"
)

// From returns one ClientIntents per client workload, sorted by namespace and name, with the targets sorted. Equal edges
// in any order give equal objects. Edges from outside, edges of the API server, edges to cluster DNS and, without
// WithInternet, edges to the outside declare nothing; a client without any target has no object.
//
// What the API cannot hold is not in an object, and one with more than MaxTargets targets is refused by the API server:
// Declare says what is left out, and cuts.
func From(edges []graph.Edge, o Options) []*v2beta1.ClientIntents {
	clients, _ := collect(edges, o)
	return objects(clients)
}

// Declare returns what From returns, cut to what one object can hold, and the pairs that are left out, sorted.
func Declare(edges []graph.Edge, o Options) ([]*v2beta1.ClientIntents, []Left) {
	clients, left := collect(edges, o)
	all := objects(clients)
	for _, object := range all {
		left = append(left, cut(object)...)
	}
	slices.SortFunc(left, func(a, b Left) int {
		return cmp.Or(identity.Compare(a.Client, b.Client), graph.ComparePeers(a.Server, b.Server), cmp.Compare(a.Why, b.Why))
	})
	return all, slices.Compact(left)
}

// Outside returns, by client in the form of the API, how many different peers outside of the cluster are in the edges that
// declare targets only with WithInternet.
func Outside(edges []graph.Edge) map[identity.Workload]int {
	type pair struct {
		client identity.Workload
		server graph.Peer
	}
	known, counts := make(map[pair]bool), make(map[identity.Workload]int)
	for _, e := range edges {
		if !e.Client.Inside() || e.Client.Workload == identity.APIServer() || e.Server.Inside() || !writableServer(e.Server) {
			continue
		}
		called := pair{written(e.Client.Workload), graph.Peer{Name: e.Server.Name, Addr: e.Server.Addr.Unmap()}}
		if !known[called] && writableWorkload(called.client) {
			known[called] = true
			counts[called.client]++
		}
	}
	return counts
}

// collect sorts the edges by client. Names of clients come in the form of the API, so that two spellings of one name are
// one client.
func collect(edges []graph.Edge, o Options) (clients map[identity.Workload]*targets, left []Left) {
	clients = make(map[identity.Workload]*targets)
	for _, e := range edges {
		if !e.Client.Inside() || e.Client.Workload == identity.APIServer() || o.DNS[e.Server.Workload] {
			continue
		}
		client := written(e.Client.Workload)
		switch {
		case !e.Server.Inside() && !o.WithInternet:
			continue
		case !writableWorkload(client) || !writableServer(e.Server):
			left = append(left, Left{client, e.Server, Unwritable})
			continue
		}
		if clients[client] == nil {
			clients[client] = newTargets(client.Namespace)
		}
		clients[client].add(e, o)
	}
	return clients, left
}

// written returns the workload with its name as the API writes it.
func written(who identity.Workload) identity.Workload {
	who.Name = apiName(who.Name)
	return who
}

// apiName writes '_' for every '.', as names in the API must be written.
func apiName(name string) string { return strings.ReplaceAll(name, ".", "_") }

func objects(clients map[identity.Workload]*targets) []*v2beta1.ClientIntents {
	names := objectNames(slices.SortedFunc(maps.Keys(clients), identity.Compare))
	all := make([]*v2beta1.ClientIntents, 0, len(clients))
	for client, declared := range clients {
		all = append(all, &v2beta1.ClientIntents{
			TypeMeta:   metav1.TypeMeta{APIVersion: v2beta1.GroupVersion().String(), Kind: v2beta1.KindClientIntents},
			ObjectMeta: metav1.ObjectMeta{Namespace: client.Namespace, Name: names[client]},
			Spec: v2beta1.ClientIntentsSpec{
				Workload: v2beta1.WorkloadReference{Name: client.Name, Kind: client.Kind},
				Targets:  declared.fitted(),
			},
		})
	}
	slices.SortFunc(all, func(a, b *v2beta1.ClientIntents) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return all
}
