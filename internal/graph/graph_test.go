package graph

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

var start = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

func inside(namespace, name string) Peer {
	return Peer{Workload: identity.Workload{Namespace: namespace, Kind: "Deployment", Name: name}}
}

func named(name string) Peer { return Peer{Name: name} }

func address(addr string) Peer { return Peer{Addr: netip.MustParseAddr(addr)} }

// connected is a connection seen at one moment.
func connected(client, server Peer, port uint16, at time.Duration) Observation {
	return Observation{
		Client: client, Server: server, Source: traffic.SYN, First: start.Add(at), Last: start.Add(at), Count: 1,
		Use: Use{Act: traffic.Connect, Protocol: traffic.TCP, Port: port},
	}
}

// lookedUp is a lookup seen at one moment.
func lookedUp(client, server Peer, name string, at time.Duration) Observation {
	return Observation{
		Client: client, Server: server, Source: traffic.DNS, First: start.Add(at), Last: start.Add(at), Count: 1,
		Use: Use{Act: traffic.Lookup, Name: name},
	}
}

func mergeAll(t *testing.T, g *Graph, all ...Observation) {
	t.Helper()
	for _, o := range all {
		if bound := g.Merge(o); bound != Kept {
			t.Fatalf("Merge(%s -> %s) = %s, want kept", o.Client, o.Server, bound)
		}
	}
}

func equateEdges() cmp.Option { return cmpopts.EquateComparable(netip.Addr{}) }

// pairs names the edges of a view by their two ends.
func pairs(edges []Edge) []string {
	var names []string
	for _, e := range edges {
		names = append(names, e.Client.String()+" -> "+e.Server.String())
	}
	return names
}

func TestMergeGathersTheEvidenceOfAnEdge(t *testing.T) {
	client, server := inside("shop", "frontend"), inside("shop", "cart")
	g := New(Limits{})
	first, second := connected(client, server, 80, time.Second), connected(client, server, 80, 3*time.Second)
	first.Service, first.TargetPort = "cart", 8080
	second.Service, second.TargetPort = "basket", 8081
	lookup := lookedUp(client, server, "cart.shop.svc.cluster.local", 2*time.Second)
	mergeAll(t, g, second, lookup, first)

	want := []Edge{{
		Client: client, Server: server, Services: []string{"basket", "cart"},
		First: start.Add(time.Second), Last: start.Add(3 * time.Second),
		Uses: []Seen{
			{
				Use:        Use{Act: traffic.Connect, Protocol: traffic.TCP, Port: 80},
				TargetPort: 8080,
				Evidence:   []Evidence{{Source: traffic.SYN, First: start.Add(time.Second), Last: start.Add(3 * time.Second), Count: 2}},
			},
			{
				Use:      Use{Act: traffic.Lookup, Name: "cart.shop.svc.cluster.local"},
				Evidence: []Evidence{{Source: traffic.DNS, First: start.Add(2 * time.Second), Last: start.Add(2 * time.Second), Count: 1}},
			},
		},
	}}
	if diff := cmp.Diff(g.View(Filter{}), want, equateEdges()); diff != "" {
		t.Errorf("view (-got +want):\n%s", diff)
	}
}

func TestMergeRefusesWhatIsBeyondABound(t *testing.T) {
	client, server := inside("shop", "frontend"), inside("shop", "cart")
	small := Limits{Edges: 4, PortsPerEdge: 1, LookupsPerEdge: 1, NamesPerClient: 1, AddressesPerClient: 1, SourcesPerServer: 1}
	for name, tc := range map[string]struct {
		before []Observation
		last   Observation
		want   Bound
	}{
		"a known edge is kept although the graph is full": {
			[]Observation{
				connected(inside("a", "a"), server, 80, 0), connected(inside("a", "b"), server, 80, 0),
				connected(inside("a", "c"), server, 80, 0), connected(client, server, 80, 0),
			},
			connected(client, server, 80, time.Hour), Kept,
		},
		"a new edge is refused when the graph is full": {
			[]Observation{
				connected(inside("a", "a"), server, 80, 0), connected(inside("a", "b"), server, 80, 0),
				connected(inside("a", "c"), server, 80, 0), connected(inside("a", "d"), server, 80, 0),
			},
			connected(client, server, 80, 0), FullEdges,
		},
		"a second port is beyond the edge's bound": {
			[]Observation{connected(client, server, 80, 0)}, connected(client, server, 81, 0), FullPorts,
		},
		"ports do not use up the room for lookups": {
			[]Observation{connected(client, server, 80, 0)}, lookedUp(client, server, "cart.shop.svc", 0), Kept,
		},
		"a second looked-up name is beyond the edge's bound": {
			[]Observation{lookedUp(client, server, "a", 0)}, lookedUp(client, server, "b", 0), FullLookups,
		},
		"a second name outside is beyond the client's bound": {
			[]Observation{lookedUp(client, named("a.example"), "a.example", 0)},
			lookedUp(client, named("b.example"), "b.example", 0), FullNames,
		},
		"a name outside of another client is not": {
			[]Observation{lookedUp(server, named("a.example"), "a.example", 0)},
			lookedUp(client, named("b.example"), "b.example", 0), Kept,
		},
		"a second address outside is beyond the client's bound": {
			[]Observation{connected(client, address("192.0.2.1"), 443, 0)},
			connected(client, address("192.0.2.2"), 443, 0), FullAddrs,
		},
		"a second caller outside is beyond the server's bound": {
			[]Observation{connected(address("192.0.2.1"), server, 443, 0)},
			connected(address("192.0.2.2"), server, 443, 0), FullSources,
		},
		"a name of 254 bytes is too long": {
			nil, lookedUp(client, server, fmt.Sprintf("%0254d", 1), 0), TooLong,
		},
		"a name of 254 bytes is too long on a known edge": {
			[]Observation{connected(client, server, 80, 0)}, lookedUp(client, server, fmt.Sprintf("%0254d", 1), 0), TooLong,
		},
		"two peers outside are no edge of this cluster": {
			nil, connected(address("192.0.2.1"), named("b.example"), 443, 0), Shapeless,
		},
		"an empty peer is no peer": {nil, connected(client, Peer{}, 443, 0), Shapeless},
	} {
		t.Run(name, func(t *testing.T) {
			g := New(small)
			mergeAll(t, g, tc.before...)
			if got := g.Merge(tc.last); got != tc.want {
				t.Fatalf("Merge = %s, want %s", got, tc.want)
			}
			if counted := g.Refused(tc.want); tc.want != Kept && counted != 1 {
				t.Errorf("Refused(%s) = %d, want 1", tc.want, counted)
			}
		})
	}
}

func TestOverflowIsCountedWhereItHappened(t *testing.T) {
	client, server := inside("shop", "frontend"), inside("shop", "cart")
	g := New(Limits{PortsPerEdge: 1, NamesPerClient: 1})
	for port := range uint16(3) {
		g.Merge(connected(client, server, port, 0))
		g.Merge(lookedUp(client, named(fmt.Sprintf("%d.example", port)), "x", 0))
	}
	if got := g.View(Filter{InsideOnly: true})[0].Overflow; got != 2 {
		t.Errorf("overflow of the edge = %d, want 2", got)
	}
	if diff := cmp.Diff(g.Overflows(), []Overflow{{Workload: client.Workload, Count: 2}}); diff != "" {
		t.Errorf("overflows (-got +want):\n%s", diff)
	}
}

func TestTheSmallestServiceNamesStay(t *testing.T) {
	client, server := inside("shop", "frontend"), inside("shop", "cart")
	g := New(Limits{})
	for i := 9; i >= 0; i-- {
		o := connected(client, server, 80, 0)
		o.Service = fmt.Sprintf("cart-%d", i)
		g.Merge(o)
	}
	want := []string{"cart-0", "cart-1", "cart-2", "cart-3", "cart-4", "cart-5", "cart-6", "cart-7"}
	if diff := cmp.Diff(g.View(Filter{})[0].Services, want); diff != "" {
		t.Errorf("services (-got +want):\n%s", diff)
	}
}

func TestTimesAndCountsStayAtTheirEnds(t *testing.T) {
	o := connected(inside("a", "a"), inside("a", "b"), 80, 0)
	o.First, o.Last, o.Count = time.Time{}, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), 1<<64-1
	g := New(Limits{})
	mergeAll(t, g, o, o)
	got := g.View(Filter{})[0].Uses[0].Evidence[0]
	if got.Count != 1<<64-1 || got.First.Year() != 1677 || got.Last.Year() != 2262 {
		t.Errorf("evidence = %+v, want the ends of what the graph can hold", got)
	}
}

// Peers that differ in kind alone share a hash, so that these edges are chained.
func TestKindsAreToldApart(t *testing.T) {
	of := func(kind, name string) Peer {
		return Peer{Workload: identity.Workload{Namespace: "shop", Kind: kind, Name: name}}
	}
	all := []Observation{
		connected(of("CronJob", "report"), of("Deployment", "cart"), 80, time.Minute),
		connected(of("CronJob", "report"), of("StatefulSet", "cart"), 6379, 0),
		connected(of("Deployment", "report"), of("Deployment", "cart"), 80, time.Hour),
	}
	names := []string{
		"shop/CronJob/report -> shop/Deployment/cart",
		"shop/CronJob/report -> shop/StatefulSet/cart",
		"shop/Deployment/report -> shop/Deployment/cart",
	}
	g := New(Limits{})
	mergeAll(t, g, all...)
	mergeAll(t, g, all...)
	if diff := cmp.Diff(pairs(g.View(Filter{})), names); diff != "" {
		t.Errorf("edges (-got +want):\n%s", diff)
	}
	for _, e := range g.View(Filter{}) {
		if len(e.Uses) != 1 || e.Uses[0].Evidence[0].Count != 2 {
			t.Errorf("%s -> %s has %+v, want its own use, seen twice", e.Client, e.Server, e.Uses)
		}
	}
	if gone := g.Expire(start.Add(time.Second)); gone != 1 {
		t.Errorf("Expire removed %d edges, want 1", gone)
	}
	mergeAll(t, g, all[0], all[2])
	if diff := cmp.Diff(pairs(g.View(Filter{})), []string{names[0], names[2]}); diff != "" {
		t.Errorf("edges without the one in the middle of the chain (-got +want):\n%s", diff)
	}
}

func TestWhatIsRefusedTakesNoRoom(t *testing.T) {
	client := inside("shop", "frontend")
	g := New(Limits{Edges: 2, NamesPerClient: 1})
	mergeAll(t, g, lookedUp(client, named("a.example"), "a.example", 0))
	for range 3 {
		if bound := g.Merge(lookedUp(client, named("b.example"), "b.example", 0)); bound != FullNames {
			t.Fatalf("Merge = %s, want %s", bound, FullNames)
		}
	}
	mergeAll(t, g, connected(client, inside("shop", "cart"), 80, time.Minute))
	for range 3 {
		if bound := g.Merge(connected(client, inside("shop", "payments"), 80, 0)); bound != FullEdges {
			t.Fatalf("Merge = %s, want %s", bound, FullEdges)
		}
	}
	if g.Len() != 2 {
		t.Errorf("Len() = %d, want 2", g.Len())
	}
	g.Expire(start.Add(time.Second))
	mergeAll(t, g, lookedUp(client, named("b.example"), "b.example", time.Minute))
}
