package command

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

// anEdge draws an edge of few names, so that edges meet. One side at least is inside.
func anEdge() *rapid.Generator[graph.Edge] {
	return rapid.Custom(func(t *rapid.T) graph.Edge {
		e := graph.Edge{Client: aPeer(t, "client"), Server: aPeer(t, "server")}
		if !e.Client.Inside() && !e.Server.Inside() {
			e.Server = graph.Peer{Workload: identity.Workload{Namespace: "shop", Kind: "Deployment", Name: "web"}}
		}
		if e.Server.Inside() {
			e.Services = rapid.SampledFrom([][]string{nil, nil, {"web"}, {"db", "web"}}).Draw(t, "services")
		}
		e.First = at(rapid.IntRange(0, 5).Draw(t, "first"))
		e.Last = e.First.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "lasting")) * time.Hour)
		e.Uses = []graph.Seen{{
			Use:      graph.Use{Act: traffic.Connect, Protocol: traffic.TCP, Port: uint16(rapid.IntRange(80, 82).Draw(t, "port"))},
			Evidence: []graph.Evidence{{Source: traffic.SYN, First: e.First, Last: e.Last, Count: 1}},
		}}
		return e
	})
}

func at(hour int) time.Time { return time.Date(2026, 11, 20, hour, 0, 0, 0, time.UTC) }

func aPeer(t *rapid.T, label string) graph.Peer {
	if rapid.IntRange(0, 4).Draw(t, label+" outside") == 0 {
		return graph.Peer{Name: "api.example"}
	}
	return graph.Peer{Workload: identity.Workload{
		Namespace: rapid.SampledFrom([]string{"shop", "pay"}).Draw(t, label+" namespace"), Kind: "Deployment",
		Name: rapid.SampledFrom([]string{"web", "db", "a_b"}).Draw(t, label+" name"),
	}}
}

func someEdges() *rapid.Generator[[]graph.Edge] {
	return rapid.SliceOfNDistinct(anEdge(), 0, 25, func(e graph.Edge) string { return fmt.Sprint(e.Client, e.Server) })
}

func aFilter() *rapid.Generator[graph.Filter] {
	return rapid.Custom(func(t *rapid.T) graph.Filter {
		return graph.Filter{
			Namespaces: rapid.SampledFrom([][]string{nil, {"shop"}, {"pay", "shop"}, {"other"}}).Draw(t, "namespaces"),
			InsideOnly: rapid.Bool().Draw(t, "inside"),
			Since:      rapid.SampledFrom([]time.Time{{}, at(2), at(4)}).Draw(t, "since"),
			Until:      rapid.SampledFrom([]time.Time{{}, at(3), at(7)}).Draw(t, "until"),
			Server:     rapid.SampledFrom([]graph.Server{{}, {}, {Namespace: "shop", Name: "web"}, {Namespace: "pay", Name: "a.b"}}).Draw(t, "server"),
		}
	})
}

func same(t rapid.TB, got, want []graph.Edge) {
	t.Helper()
	if diff := cmp.Diff(got, want, cmpopts.EquateComparable(graph.Peer{}), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("edges (-got +want):\n%s", diff)
	}
}

func TestAFileIsFilteredAsTheOperatorFilters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, filter := graphOf(someEdges().Draw(t, "edges")), aFilter().Draw(t, "filter")
		same(t, pick(g.View(graph.Filter{}), filter), g.View(filter))
	})
}

func TestNamingServicesLosesNoUse(t *testing.T) {
	count := func(edges []graph.Edge, each func(graph.Edge) int) (total int) {
		for _, e := range edges {
			total += each(e)
		}
		return total
	}
	rapid.Check(t, func(t *rapid.T) {
		edges := graphOf(someEdges().Draw(t, "edges")).View(graph.Filter{})
		named := byService(edges)
		seen := func(e graph.Edge) (sum int) {
			for _, use := range e.Uses {
				sum += int(use.Evidence[0].Count)
			}
			return sum
		}
		want := count(edges, func(e graph.Edge) int { return seen(e) * max(1, len(e.Services)) })
		if got := count(named, seen); got != want {
			t.Fatalf("%d uses are left of %d", got, want)
		}
		same(t, byService(named), named)
		pairs := make(map[string]bool)
		for _, e := range named {
			if pair := fmt.Sprint(e.Client, " ", e.Server); pairs[pair] {
				t.Fatalf("%s is there twice", pair)
			} else {
				pairs[pair] = true
			}
		}
	})
}
