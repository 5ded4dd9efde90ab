package intents

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

// randomEdges draws a map of few, colliding names, a part of them such as no object may hold.
func randomEdges() *rapid.Generator[[]graph.Edge] { return rapid.SliceOfN(randomEdge(), 0, 60) }

func randomEdge() *rapid.Generator[graph.Edge] {
	return rapid.Custom(func(t *rapid.T) graph.Edge {
		return graph.Edge{
			Client: randomPeer().Draw(t, "client"), Server: randomPeer().Draw(t, "server"),
			Services: rapid.SliceOfN(rapid.SampledFrom([]string{"cart", "cart-headless", "", "A.b"}), 0, 2).Draw(t, "services"),
			Uses:     rapid.SliceOfN(randomUse(), 0, 5).Draw(t, "uses"),
		}
	})
}

func randomUse() *rapid.Generator[graph.Seen] {
	return rapid.Custom(func(t *rapid.T) graph.Seen {
		return graph.Seen{Use: graph.Use{
			Act: traffic.Connect, Port: rapid.Uint16().Draw(t, "port"),
			Protocol: rapid.SampledFrom([]traffic.Protocol{traffic.TCP, traffic.TCP, traffic.UDP}).Draw(t, "protocol"),
		}}
	})
}

func randomPeer() *rapid.Generator[graph.Peer] {
	name := rapid.OneOf(
		rapid.SampledFrom([]string{
			"cart", "Cart", "cart.store", "cart_store", "cart-statefulset", "on", "123", "~", "a..b", "-x-", "ä", strings.Repeat("long.", 50),
			strings.Repeat("x", 254), "a/b", "a:\n b", "#", "*",
		}),
		rapid.StringN(1, 20, -1),
	)
	inside := rapid.Custom(func(t *rapid.T) graph.Peer {
		return graph.Peer{Workload: identity.Workload{
			Namespace: rapid.SampledFrom([]string{"shop", "shop", "shop", "pay", "pay", "Shop", "a.b"}).Draw(t, "namespace"),
			Kind:      rapid.SampledFrom([]string{"Deployment", "Deployment", "StatefulSet", "Pod", "", "Service", "AB", "Ab", "odd-Kind"}).Draw(t, "kind"),
			Name:      name.Draw(t, "name"),
		}}
	})
	outside := rapid.Custom(func(t *rapid.T) graph.Peer {
		if rapid.Bool().Draw(t, "named") {
			return graph.Peer{Name: rapid.OneOf(name, rapid.SampledFrom([]string{"api.example.com", "*.example.com", "a.example."})).Draw(t, "name")}
		}
		return graph.Peer{Addr: rapid.SampledFrom([]netip.Addr{
			{},
			netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("::ffff:203.0.113.7"), netip.MustParseAddr("2001:db8::1"),
			netip.MustParseAddr("fe80::1%eth0"), netip.MustParseAddr("::"),
		}).Draw(t, "address")}
	})
	return rapid.OneOf(inside, inside, outside)
}

func randomOptions() *rapid.Generator[Options] {
	return rapid.Custom(func(t *rapid.T) Options {
		return Options{AsServices: rapid.Bool().Draw(t, "services"), WithInternet: rapid.Bool().Draw(t, "internet")}
	})
}

func TestEqualEdgesInAnyOrderGiveEqualBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		edges, o := randomEdges().Draw(t, "edges"), randomOptions().Draw(t, "options")
		shuffled := rapid.Permutation(edges).Draw(t, "shuffled")
		if got, want := bytesOf(t, shuffled, o), bytesOf(t, edges, o); got != want {
			t.Fatalf("another order gives\n%s\nwant\n%s", got, want)
		}
	})
}

func TestNamesAreDifferent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		objects, _ := Declare(randomEdges().Draw(t, "edges"), randomOptions().Draw(t, "options"))
		names := make(map[string]bool)
		for _, o := range objects {
			name := o.Namespace + "/" + o.Name
			if names[name] || len(o.Name) > 253 || !isSubdomain(o.Name) {
				t.Fatalf("name %q is not valid or is there twice", name)
			}
			names[name] = true
		}
		files := FileNames(objects)
		slices.Sort(files)
		if distinct := len(slices.Compact(slices.Clone(files))); distinct != len(objects) {
			t.Fatalf("%d objects have %d different files: %q", len(objects), distinct, files)
		}
		for _, file := range files {
			if len(file) > 240 || strings.ContainsAny(file, "/\\: \n") || strings.HasPrefix(file, ".") || strings.HasPrefix(file, "-") {
				t.Fatalf("file name %q can be taken for something else", file)
			}
		}
	})
}

// Every pair that may be declared is, or is told: nothing is lost without a word.
func TestNothingIsLostWithoutAWord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		edges := randomEdges().Draw(t, "edges")
		objects, left := Declare(edges, Options{WithInternet: true})
		known := make(map[string]bool)
		for _, o := range objects {
			client := identity.Workload{Namespace: o.Namespace, Kind: o.Spec.Workload.Kind, Name: o.Spec.Workload.Name}
			for _, target := range o.Spec.Targets {
				for _, peer := range peers(target, o.Namespace) {
					known[fmt.Sprint(client, " ", peer)] = true
				}
			}
		}
		for _, l := range left {
			known[fmt.Sprint(l.Client, " ", l.Server)] = true
		}
		for _, e := range edges {
			if !e.Client.Inside() || e.Client.Workload == identity.APIServer() {
				continue
			}
			server := graph.Peer{Workload: written(e.Server.Workload), Name: e.Server.Name, Addr: e.Server.Addr.Unmap()}
			if pair := fmt.Sprint(written(e.Client.Workload), " ", server); !known[pair] && !known[fmt.Sprint(written(e.Client.Workload), " ", e.Server)] {
				t.Fatalf("%q is neither declared nor told", pair)
			}
		}
	})
}
