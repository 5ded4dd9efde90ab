package query

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/query/querypb"
	"github.com/portolan-io/portolan/internal/traffic"
)

func instants() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		return time.Unix(rapid.Int64Range(-1<<31, 1<<33).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC()
	})
}

func texts() *rapid.Generator[string] { return rapid.StringN(1, 12, -1) }

func peerValues() *rapid.Generator[graph.Peer] {
	return rapid.OneOf(
		rapid.Custom(func(t *rapid.T) graph.Peer {
			return graph.Peer{Workload: identity.Workload{
				Namespace: texts().Draw(t, "namespace"), Name: texts().Draw(t, "name"), Kind: rapid.StringN(0, 9, -1).Draw(t, "kind"),
			}}
		}),
		rapid.Map(texts(), func(name string) graph.Peer { return graph.Peer{Name: name} }),
		rapid.SampledFrom([]graph.Peer{{Addr: addr("203.0.113.7")}, {Addr: addr("2001:db8::7")}, {Addr: addr("::")}, {Addr: addr("0.0.0.0")}}),
	)
}

func edgeValues() *rapid.Generator[graph.Edge] {
	return rapid.Custom(func(t *rapid.T) graph.Edge {
		return graph.Edge{
			Client: peerValues().Draw(t, "client"), Server: peerValues().Draw(t, "server"),
			Services:    rapid.SliceOfN(texts(), 0, 3).Draw(t, "services"),
			HostNetwork: rapid.Bool().Draw(t, "hostNetwork"), Private: rapid.Bool().Draw(t, "private"),
			First: instants().Draw(t, "first"), Last: instants().Draw(t, "last"), Overflow: rapid.Uint64().Draw(t, "overflow"),
			Activity: graph.Activity{Current: rapid.IntRange(0, 9).Draw(t, "current"), Saturated: rapid.Bool().Draw(t, "saturated")},
			Uses:     rapid.SliceOfN(useValues(), 0, 3).Draw(t, "uses"),
		}
	})
}

func useValues() *rapid.Generator[graph.Seen] {
	return rapid.Custom(func(t *rapid.T) graph.Seen {
		return graph.Seen{
			Use: graph.Use{
				Act: traffic.Act(texts().Draw(t, "act")), Protocol: traffic.Protocol(texts().Draw(t, "protocol")),
				Port: rapid.Uint16().Draw(t, "port"), Name: texts().Draw(t, "name"),
			},
			TargetPort: rapid.Uint16().Draw(t, "target port"),
			Evidence: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) graph.Evidence {
				return graph.Evidence{
					Source: traffic.Source(texts().Draw(t, "source")), First: instants().Draw(t, "first"),
					Last: instants().Draw(t, "last"), Count: rapid.Uint64().Draw(t, "count"),
				}
			}), 0, 3).Draw(t, "evidence"),
		}
	})
}

func TestAnEdgeCrossesTheWireUnchanged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := edgeValues().Draw(t, "edge")
		sent := new(querypb.Edge)
		carry(t, fromEdge(want), sent)
		got, err := toEdge(sent)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, want, cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("edge (-got +want):\n%s", diff)
		}
	})
}

// carry sends a message over the wire.
func carry(t *rapid.T, from, to proto.Message) {
	t.Helper()
	text, err := proto.Marshal(from)
	if err == nil {
		err = proto.Unmarshal(text, to)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestAFilterCrossesTheWireUnchanged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := graph.Filter{
			Namespaces: rapid.SliceOfN(texts(), 0, 3).Draw(t, "namespaces"), InsideOnly: rapid.Bool().Draw(t, "inside"),
		}
		if rapid.Bool().Draw(t, "bounded") {
			want.Since, want.Until = instants().Draw(t, "since"), instants().Draw(t, "until")
			want.Server = graph.Server{Namespace: texts().Draw(t, "namespace"), Name: texts().Draw(t, "name")}
		}
		sent := new(querypb.EdgesRequest)
		carry(t, fromFilter(want), sent)
		if diff := cmp.Diff(toFilter(sent), want, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("filter (-got +want):\n%s", diff)
		}
	})
}

func TestAStatusCrossesTheWireUnchanged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Status{
			Version: texts().Draw(t, "version"), Started: instants().Draw(t, "started"), Now: instants().Draw(t, "now"),
			Edges: rapid.IntRange(0, 1<<30).Draw(t, "edges"), Synced: rapid.Bool().Draw(t, "synced"), Leading: rapid.Bool().Draw(t, "leading"),
			WithoutMap: rapid.Bool().Draw(t, "without map"), Joined: rapid.MapOfN(texts(), instants(), 0, 3).Draw(t, "joined"),
			Nodes: rapid.SliceOfN(texts(), 0, 3).Draw(t, "nodes"), Notes: rapid.SliceOfN(texts(), 0, 3).Draw(t, "notes"),
			Intents: rapid.IntRange(0, 1<<20).Draw(t, "intents"), Failing: rapid.IntRange(0, 1<<20).Draw(t, "failing"),
			Agents: []Agent{{
				Node: texts().Draw(t, "node"), Pod: texts().Draw(t, "pod"), Version: texts().Draw(t, "agent version"),
				LastSeen: instants().Draw(t, "seen"), Acknowledged: rapid.Uint64().Draw(t, "acknowledged"),
				Dropped: rapid.Uint64().Draw(t, "dropped"), Degraded: rapid.SliceOfN(texts(), 0, 2).Draw(t, "degraded"),
				Blind: rapid.Bool().Draw(t, "blind"), Notes: rapid.SliceOfN(texts(), 0, 2).Draw(t, "agent notes"),
				Skew: time.Duration(rapid.Int64Range(-1<<30, 1<<30).Draw(t, "skew")) * time.Millisecond,
			}},
			Refusals: []Refusal{{
				Reason: texts().Draw(t, "reason"), Source: texts().Draw(t, "source"), Count: rapid.Uint64().Draw(t, "count"),
				Example: texts().Draw(t, "example"), Meaning: texts().Draw(t, "meaning"),
			}},
			Store: Store{
				Kind: texts().Draw(t, "kind"), Target: texts().Draw(t, "target"), Problem: texts().Draw(t, "problem"),
				Since: instants().Draw(t, "since"), Began: instants().Draw(t, "began"), Contact: instants().Draw(t, "contact"),
				Notes: rapid.SliceOfN(texts(), 0, 2).Draw(t, "store notes"), Waiting: rapid.IntRange(0, 1<<20).Draw(t, "waiting"),
			},
		}
		sent := new(querypb.StatusResponse)
		carry(t, fromStatus(want), sent)
		if diff := cmp.Diff(toStatus(sent), want, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("status (-got +want):\n%s", diff)
		}
	})
}

func TestAnEdgeThatMakesNoSenseIsRefused(t *testing.T) {
	fine := &querypb.Peer{Name: "a.example"}
	for name, tc := range map[string]struct {
		edge *querypb.Edge
		want string
	}{
		"no client":              {&querypb.Edge{Server: fine}, "client: a peer has neither workload nor name, and an address of 0 bytes"},
		"an address of 5 bytes":  {&querypb.Edge{Client: fine, Server: &querypb.Peer{Address: []byte("12345")}}, "server: a peer has neither workload nor name, and an address of 5 bytes"},
		"a namespace alone":      {&querypb.Edge{Client: fine, Server: &querypb.Peer{Namespace: "shop"}}, "server: a peer has neither workload nor name, and an address of 0 bytes"},
		"a port beyond all":      {&querypb.Edge{Client: fine, Server: fine, Uses: []*querypb.Seen{{Port: 65_536}}}, "port 65536 or 0 is above 65535"},
		"a target port likewise": {&querypb.Edge{Client: fine, Server: fine, Uses: []*querypb.Seen{{TargetPort: 1 << 20}}}, "port 0 or 1048576 is above 65535"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := toEdge(tc.edge); err == nil || err.Error() != tc.want {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}

// FuzzToEdge checks that no bytes make the client panic, and that an edge that was read can be sent on unchanged. It does
// not check what an edge means.
func FuzzToEdge(f *testing.F) {
	seed, err := proto.Marshal(fromEdge(newOperator(1).graph.View(graph.Filter{})[0]))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte("\x0a\x06\x22\x04\x01\x02\x03\x04\x12\x03\x1a\x01a"))
	f.Fuzz(func(t *testing.T, text []byte) {
		read := new(querypb.Edge)
		if proto.Unmarshal(text, read) != nil {
			return
		}
		edge, err := toEdge(read)
		if err != nil {
			return
		}
		again, err := toEdge(fromEdge(edge))
		if diff := cmp.Diff(again, edge, cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Fatalf("sent on (%v, -got +want):\n%s", err, diff)
		}
	})
}
