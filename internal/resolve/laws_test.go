package resolve

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/trim"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/testkit/golden"
	"github.com/portolan-io/portolan/internal/traffic"
)

func pod(name, ip string) *cluster.Pod {
	return &cluster.Pod{Namespace: "shop", Name: name, UID: "uid-" + name, IPs: []netip.Addr{netip.MustParseAddr(ip)}, Created: t0}
}

// lines returns the sightings of every case in testdata whose name fits.
func lines(t testing.TB, pattern string) []string {
	t.Helper()
	var all []string
	for _, c := range golden.Cases(t, "testdata/"+pattern) {
		for line := range strings.Lines(c.Part("sightings.txt")) {
			all = append(all, strings.TrimSpace(line))
		}
	}
	return all
}

// TestOneMapFromAnyOrder is X17: the sightings of X10 and X15 in random order, some twice, split over three graphs that
// are then merged, give one and the same view of facts.
func TestOneMapFromAnyOrder(t *testing.T) {
	snapshot := snapshotOf(t, included(t, golden.Cases(t, "testdata/x10-*.txtar")[0]), trim.Options{})
	var sightings []traffic.Sighting
	for _, line := range append(lines(t, "x10-*.txtar"), lines(t, "x15-*.txtar")...) {
		sightings = append(sightings, sightingOf(t, line))
	}
	want := factsOf(t, snapshot, sightings)
	rapid.Check(t, func(t *rapid.T) {
		shuffled := rapid.Permutation(sightings).Draw(t, "order")
		shuffled = append(shuffled, shuffled[:rapid.IntRange(0, len(shuffled)).Draw(t, "twice")]...)
		cuts := [3][]traffic.Sighting{}
		for _, s := range shuffled {
			i := rapid.IntRange(0, 2).Draw(t, "graph")
			cuts[i] = append(cuts[i], s)
		}
		if diff := cmp.Diff(factsOf(t, snapshot, cuts[:]...), want, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Fatalf("another order gives another map:\n%s", diff)
		}
	})
}

type fataler interface{ Fatalf(string, ...any) }

// factsOf resolves each part into a graph of its own, merges the graphs and returns the facts.
func factsOf(t fataler, snapshot *cluster.Snapshot, parts ...[]traffic.Sighting) []graph.Edge {
	whole := graph.New(graph.Limits{})
	for _, part := range parts {
		intake := NewIntake(Options{External: true}, graph.New(graph.Limits{}))
		for _, s := range part {
			intake.Take(snapshot, s, arrival)
		}
		if refused := intake.Ledger.Counts(); len(refused) != 0 {
			t.Fatalf("refused %+v", refused)
		}
		for _, e := range intake.Graph.View(graph.Filter{}) {
			whole.Restore(e)
		}
	}
	edges := whole.View(graph.Filter{})
	for _, e := range edges {
		for _, seen := range e.Uses {
			for i := range seen.Evidence {
				seen.Evidence[i].Count = 0
			}
		}
	}
	return edges
}

// FuzzResolve resolves sightings of any shape. It checks that nothing panics, that each sighting has either observations
// or a reason, and that every observation has a shape that the graph takes. Who is meant is left to the cases in testdata.
func FuzzResolve(f *testing.F) {
	snapshot := fuzzedCluster(f)
	f.Add([]byte{1, 0, 0, 1}, []byte{10, 0, 0, 16}, "svc-service2.shop.svc.cluster.local", "alias.example", uint16(80), int64(60), uint8(0))
	f.Add([]byte{1, 1, 1, 1}, []byte{203, 0, 113, 5}, "", "", uint16(443), int64(60), uint8(1))
	f.Add([]byte{192, 168, 1, 5}, []byte{1, 1, 1, 4}, "kubernetes.default.svc.cluster.local", "", uint16(6443), int64(-60), uint8(2))
	f.Add([]byte{}, []byte{}, "10-0-0-1.shop.pod.cluster.local", "  ", uint16(0), int64(1<<62), uint8(7))
	f.Add([]byte{1, 1, 1, 1}, []byte{192, 168, 1, 10}, "web", "exporter", uint16(30007), int64(60), uint8(2))
	f.Add([]byte{203, 0, 113, 9}, []byte{198, 51, 100, 7}, "", "", uint16(443), int64(60), uint8(4))
	resolver := New(Options{External: true})
	f.Fuzz(func(t *testing.T, from, to []byte, name, aliases string, port uint16, at int64, flags uint8) {
		s := traffic.Sighting{Source: traffic.SYN, Count: 1, First: t0.Add(time.Duration(at)), Last: t0.Add(time.Duration(at))}
		s.From.Addr, _ = netip.AddrFromSlice(from)
		s.To = traffic.Party{Port: port, Name: name}
		s.To.Addr, _ = netip.AddrFromSlice(to)
		s.What = traffic.What{Act: traffic.Connect, Protocol: traffic.TCP, Aliases: aliases}
		if flags&1 != 0 {
			s.What = traffic.What{Act: traffic.Lookup, Aliases: aliases}
		}
		if flags&2 != 0 {
			s.From.PodUID, s.From.Pod, s.To.PodUID = name, aliases, aliases
		}
		if flags&4 != 0 {
			s.What.Translated = netip.AddrPortFrom(s.From.Addr, port)
		}
		found, reason := resolver.Resolve(snapshot, NewMemory(4), Delivery{Sighting: s, Node: aliases})
		if known := reason == Resolved || reason == Awaiting; known != (len(found) > 0) {
			t.Fatalf("%d observations with reason %q", len(found), reason)
		}
		g := graph.New(graph.Limits{})
		for _, o := range found {
			if bound := g.Merge(o); bound != graph.Kept && bound != graph.TooLong {
				t.Fatalf("the graph refuses %+v: %s", o, bound)
			}
		}
	})
}

func fuzzedCluster(t testing.TB) *cluster.Snapshot {
	t.Helper()
	var objects strings.Builder
	for _, name := range []string{"three-services.yaml", "pod4.yaml", "node.yaml"} {
		objects.WriteString(sharedFile(t, name) + "\n---\n")
	}
	return snapshotOf(t, objects.String(), trim.Options{}).WithSpace(cluster.NewSpace(published()), t0)
}

// published is a namespace that is reached in every way: by load balancer, node port, host port and on the host network.
func published() cluster.Facts {
	web := pod("web", "1.1.5.1")
	web.Namespace, web.Node = "edge", "node-1"
	web.Ports = []cluster.ContainerPort{{Port: 8443, HostPort: 9443, Protocol: traffic.TCP}}
	exporter := &cluster.Pod{
		Namespace: "edge", Name: "exporter", UID: "exporter", HostNetwork: true, Node: "node-1", Created: t0,
		Ports: []cluster.ContainerPort{{Port: 9100, Protocol: traffic.TCP}},
	}
	return cluster.Facts{
		Namespace: "edge", Pods: []*cluster.Pod{web, exporter},
		Services: []*cluster.Service{{
			Namespace: "edge", Name: "web", Type: cluster.LoadBalancer, ExternalIPs: []netip.Addr{netip.MustParseAddr("198.51.100.7")},
			Ports: []cluster.ServicePort{{Port: 443, TargetPort: 8443, NodePort: 30007, Protocol: traffic.TCP}},
		}},
		Slices: []*cluster.EndpointSlice{{
			Namespace: "edge", Name: "web-1", Service: "web", Endpoints: []cluster.Endpoint{{Pod: "web"}, {Pod: "exporter"}},
		}},
	}
}
