package command

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

// pick returns the edges that the filter selects, as the operator would.
func pick(edges []graph.Edge, f graph.Filter) []graph.Edge {
	callers := make(map[graph.Peer]bool)
	for _, e := range edges {
		if isServer(f.Server, e) {
			callers[e.Client] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(edges), func(e graph.Edge) bool {
		return !within(f, e) || f.Server != (graph.Server{}) && !callers[e.Client]
	})
}

// within reports whether an edge alone passes the filter.
func within(f graph.Filter, e graph.Edge) bool {
	if f.InsideOnly && (!e.Client.Inside() || !e.Server.Inside()) {
		return false
	}
	if len(f.Namespaces) > 0 && !slices.Contains(f.Namespaces, e.Home().Namespace) {
		return false
	}
	return (f.Since.IsZero() || !e.Last.Before(f.Since)) && (f.Until.IsZero() || !e.Last.After(f.Until))
}

// isServer reports whether people would call the edge's server by that name; '.' and '_' in it are the same.
func isServer(s graph.Server, e graph.Edge) bool {
	who := e.Server.Workload
	if !e.Server.Inside() || who.Namespace != s.Namespace {
		return false
	}
	same := strings.ReplaceAll(who.Name, ".", "_") == strings.ReplaceAll(s.Name, ".", "_")
	return same || slices.Contains(e.Services, s.Name)
}

// byService names, for each edge whose client addressed Services, these instead of the workloads behind them. Edges that
// become equal by it are merged; an edge to two Services becomes two. The result is sorted.
func byService(edges []graph.Edge) []graph.Edge {
	var merged []graph.Edge
	all := graph.New(graph.Limits{
		Edges: math.MaxInt32, NamesPerClient: math.MaxInt32, AddressesPerClient: math.MaxInt32, SourcesPerServer: math.MaxInt32,
		PortsPerEdge: math.MaxInt32, LookupsPerEdge: math.MaxInt32,
	})
	for _, e := range edges {
		if len(e.Services) == 0 && e.Server.Workload.Kind != identity.KindService {
			merged = append(merged, e)
			continue
		}
		for _, server := range servicesOf(e) {
			observe(all, e, server)
		}
	}
	merged = append(merged, all.View(graph.Filter{})...)
	slices.SortFunc(merged, func(a, b graph.Edge) int {
		return cmp.Or(graph.ComparePeers(a.Client, b.Client), graph.ComparePeers(a.Server, b.Server))
	})
	return merged
}

func servicesOf(e graph.Edge) []graph.Peer {
	if len(e.Services) == 0 {
		return []graph.Peer{e.Server}
	}
	peers := make([]graph.Peer, 0, len(e.Services))
	for _, name := range e.Services {
		peers = append(peers, graph.Peer{
			Workload: identity.Workload{Namespace: e.Server.Workload.Namespace, Kind: identity.KindService, Name: name},
		})
	}
	return peers
}

// observe adds the uses of an edge to a graph, with another server.
func observe(all *graph.Graph, e graph.Edge, server graph.Peer) {
	for _, seen := range e.Uses {
		evidence := seen.Evidence
		if len(evidence) == 0 {
			evidence = []graph.Evidence{{Source: traffic.Offline, First: e.First, Last: e.Last}}
		}
		for _, v := range evidence {
			all.Merge(graph.Observation{
				Client: e.Client, Server: server, Use: seen.Use, TargetPort: seen.TargetPort,
				HostNetwork: e.HostNetwork, Private: e.Private,
				Source: v.Source, First: v.First, Last: v.Last, Count: v.Count,
			})
		}
	}
}
