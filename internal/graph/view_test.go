package graph

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

// shop is a small map:
//
//	shop/frontend -> shop/cart -> data/redis
//	shop/frontend -> api.example            192.0.2.7 -> shop/frontend
//	ops/report    -> data/redis
func shop(t *testing.T) *Graph {
	t.Helper()
	g := New(Limits{})
	redis := connected(inside("shop", "cart"), inside("data", "redis"), 6379, 2*time.Second)
	redis.Service = "cache"
	mergeAll(t, g,
		connected(inside("shop", "frontend"), inside("shop", "cart"), 80, time.Second),
		redis,
		lookedUp(inside("shop", "frontend"), named("api.example"), "api.example", 3*time.Second),
		connected(address("192.0.2.7"), inside("shop", "frontend"), 443, 4*time.Second),
		connected(inside("ops", "report"), inside("data", "redis"), 6379, 5*time.Second),
	)
	return g
}

func TestViewFilters(t *testing.T) {
	const (
		report   = "ops/Deployment/report -> data/Deployment/redis"
		redis    = "shop/Deployment/cart -> data/Deployment/redis"
		cart     = "shop/Deployment/frontend -> shop/Deployment/cart"
		internet = "shop/Deployment/frontend -> api.example"
		incoming = "192.0.2.7 -> shop/Deployment/frontend"
	)
	for name, tc := range map[string]struct {
		filter Filter
		want   []string
	}{
		"no filter keeps all, workloads before addresses": {Filter{}, []string{report, redis, cart, internet, incoming}},
		"a namespace is that of the client":               {Filter{Namespaces: []string{"ops"}}, []string{report}},
		"a caller outside belongs to its server":          {Filter{Namespaces: []string{"shop"}}, []string{redis, cart, internet, incoming}},
		"an unknown namespace keeps nothing":              {Filter{Namespaces: []string{"elsewhere"}}, nil},
		"inside only drops the border":                    {Filter{InsideOnly: true}, []string{report, redis, cart}},
		"a server keeps all edges of its callers":         {Filter{Server: Server{"shop", "cart"}}, []string{cart, internet}},
		"a server may be named by its Service":            {Filter{Server: Server{"data", "cache"}}, []string{redis}},
		"a server nobody calls keeps nothing":             {Filter{Server: Server{"shop", "report"}}, nil},
		"since and until are inclusive": {
			Filter{Since: start.Add(2 * time.Second), Until: start.Add(3 * time.Second)}, []string{redis, internet},
		},
		"a workload that is left out goes with all its edges": {
			Filter{Without: map[identity.Workload]bool{inside("shop", "cart").Workload: true}}, []string{report, internet, incoming},
		},
		"since alone has no end": {Filter{Since: start.Add(4 * time.Second)}, []string{report, incoming}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(pairs(shop(t).View(tc.filter)), tc.want); diff != "" {
				t.Errorf("edges (-got +want):\n%s", diff)
			}
		})
	}
}

func TestViewIsADeepCopy(t *testing.T) {
	g := shop(t)
	want := g.View(Filter{})
	for _, e := range g.View(Filter{}) {
		for i := range e.Services {
			e.Services[i] = "changed"
		}
		for i := range e.Uses {
			e.Uses[i].Use.Port = 1
			e.Uses[i].Evidence[0].Count = 99
			_ = append(e.Uses[i].Evidence, Evidence{})
		}
		_ = append(e.Uses, Seen{})
	}
	if diff := cmp.Diff(g.View(Filter{}), want, equateEdges()); diff != "" {
		t.Errorf("the view after a reader's changes (-got +want):\n%s", diff)
	}
}

func TestSinceReturnsWhatChanged(t *testing.T) {
	g := shop(t)
	all, cursor := g.Since(0)
	if len(all) != 5 {
		t.Fatalf("Since(0) returned %d edges, want all 5", len(all))
	}
	if none, _ := g.Since(cursor); len(none) != 0 {
		t.Errorf("nothing changed, and Since returned %v", pairs(none))
	}
	g.Merge(connected(inside("ops", "report"), inside("data", "redis"), 6380, time.Minute))
	changed, cursor := g.Since(cursor)
	if diff := cmp.Diff(pairs(changed), []string{"ops/Deployment/report -> data/Deployment/redis"}); diff != "" {
		t.Errorf("changed edges (-got +want):\n%s", diff)
	}
	if none, _ := g.Since(cursor); len(none) != 0 {
		t.Errorf("nothing changed again, and Since returned %v", pairs(none))
	}
}

func TestAClientOfVeryManyServersIsCopiedInParts(t *testing.T) {
	const servers = 3*copiedAtOnce + 1
	g := New(Limits{})
	for i := range servers {
		mergeAll(t, g, connected(inside("shop", "scraper"), inside("shop", fmt.Sprintf("target-%05d", i)), 80, 0))
	}
	view := g.View(Filter{})
	if len(view) != servers || !slices.IsSortedFunc(view, compareEdges) {
		t.Errorf("%d edges, want all %d in order", len(view), servers)
	}
	var copied copier
	of := g.clients(func(*client) bool { return true }, func(*entry) bool { return true })[0]
	calls := 0
	copied.addFrom(of, func(e *entry) bool {
		if calls++; calls == copiedAtOnce { // edges go while the copy is made
			of.edges = slices.Delete(of.edges, copiedAtOnce, copiedAtOnce+1)
		}
		return true
	})
	if len(copied.edges) < servers-1 || !slices.IsSortedFunc(copied.edges, compareEdges) {
		t.Errorf("%d edges, want %d in order", len(copied.edges), servers-1)
	}
}

// TestSinceReturnsTheUsesThatChanged is X25.
func TestSinceReturnsTheUsesThatChanged(t *testing.T) {
	g := New(Limits{})
	client, server := inside("shop", "frontend"), inside("shop", "cart")
	lookup := lookedUp(client, server, "cart.shop.svc", 0)
	mergeAll(t, g, connected(client, server, 80, 0), lookup)
	first, cursor := g.Since(0)
	if len(first) != 1 || len(first[0].Uses) != 2 {
		t.Errorf("%+v, want one edge with both uses", first)
	}
	mergeAll(t, g, lookup)
	changed, _ := g.Since(cursor)
	if len(changed) != 1 || len(changed[0].Uses) != 1 || changed[0].Uses[0].Use != lookup.Use {
		t.Errorf("%+v, want the edge with the lookup alone", changed)
	}
	if touched, _ := g.Touched(cursor); len(touched) != 1 || len(touched[0].Uses) != 2 {
		t.Errorf("%+v, want the edge with both", touched)
	}
}

func TestExpireForgetsWhatIsNotSeen(t *testing.T) {
	g := New(Limits{NamesPerClient: 1})
	client, server := inside("shop", "frontend"), inside("shop", "cart")
	mergeAll(t, g,
		connected(client, server, 80, time.Hour), connected(client, server, 81, 0),
		lookedUp(client, named("old.example"), "old.example", 0),
	)
	if gone := g.Expire(start.Add(time.Second)); gone != 1 {
		t.Errorf("Expire removed %d edges, want 1", gone)
	}
	left := g.View(Filter{})
	if len(left) != 1 || len(left[0].Uses) != 1 || left[0].Uses[0].Use.Port != 80 {
		t.Errorf("left after expiry: %+v, want the edge with port 80 alone", left)
	}
	if bound := g.Merge(lookedUp(client, named("new.example"), "new.example", 0)); bound != Kept {
		t.Errorf("the expired name still uses up the client's room: %s", bound)
	}
	if g.Len() != 2 {
		t.Errorf("Len() = %d, want 2", g.Len())
	}
}

func TestResetForgetsNamespaces(t *testing.T) {
	g := shop(t)
	if gone := g.Reset("shop"); gone != 4 || g.Len() != 1 {
		t.Errorf("Reset(shop) removed %d and left %d, want 4 and 1", gone, g.Len())
	}
	if gone := g.Reset(); gone != 1 || g.Len() != 0 {
		t.Errorf("Reset() removed %d and left %d, want 1 and 0", gone, g.Len())
	}
}

func TestEdgesTravelAsJSON(t *testing.T) {
	want := shop(t).View(Filter{})
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got []Edge
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, want, equateEdges()); diff != "" {
		t.Errorf("after a round trip (-got +want):\n%s", diff)
	}
	peers, _ := json.Marshal([]Peer{inside("shop", "cart"), named("api.example"), address("192.0.2.7")})
	const form = `[{"namespace":"shop","kind":"Deployment","name":"cart"},{"name":"api.example"},{"address":"192.0.2.7"}]`
	if string(peers) != form {
		t.Errorf("peers = %s, want %s", peers, form)
	}
}

// TestKindsAreApart covers edges that share a hash, since the hash leaves the kinds out.
func TestKindsAreApart(t *testing.T) {
	kinds := func(at int) (client, server Peer) {
		client, server = inside("shop", "x"), inside("shop", "y")
		client.Workload.Kind = []string{"", "Deployment", "StatefulSet"}[at]
		return client, server
	}
	g := New(Limits{})
	for i := range 3 {
		client, server := kinds(i)
		mergeAll(t, g, connected(client, server, 80, time.Duration(i)*time.Second))
	}
	want := []string{"shop//x -> shop/Deployment/y", "shop/Deployment/x -> shop/Deployment/y", "shop/StatefulSet/x -> shop/Deployment/y"}
	if diff := cmp.Diff(pairs(g.View(Filter{})), want); diff != "" {
		t.Errorf("edges (-got +want):\n%s", diff)
	}
	g.Expire(start.Add(time.Second))
	if diff := cmp.Diff(pairs(g.View(Filter{})), want[1:]); diff != "" {
		t.Errorf("edges after the first has expired (-got +want):\n%s", diff)
	}
	client, server := kinds(0)
	mergeAll(t, g, connected(client, server, 80, time.Minute))
	if diff := cmp.Diff(pairs(g.View(Filter{})), want); diff != "" {
		t.Errorf("edges after it is back (-got +want):\n%s", diff)
	}
}

func TestWholeCountsWhatSeveralSourcesSawOnce(t *testing.T) {
	at := func(second int) time.Time { return time.Unix(int64(second), 0).UTC() }
	seen := Seen{Evidence: []Evidence{
		{Source: traffic.Flow, First: at(5), Last: at(7), Count: 2}, {Source: traffic.SYN, First: at(3), Last: at(6), Count: 4},
	}}
	if got, want := seen.Whole(), (Evidence{First: at(3), Last: at(7), Count: 4}); got != want {
		t.Errorf("Whole() = %+v, want %+v", got, want)
	}
}
