package store

import (
	"context"
	"fmt"
	"log"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/testkit/postgres"
	"github.com/portolan-io/portolan/internal/traffic"
)

// shared is the PostgreSQL server of the tests that do not stop it; used says that there is one.
var (
	used   atomic.Bool
	shared = sync.OnceValues(func() (*postgres.Server, error) { used.Store(true); return postgres.Launch() })
)

func TestMain(m *testing.M) {
	if path := os.Getenv(writerPath); path != "" {
		log.Fatal(writeUntilKilled(path))
	}
	code := m.Run()
	if used.Load() {
		if server, err := shared(); err == nil {
			if err := server.End(); err != nil {
				log.Fatal(err)
			}
		}
	}
	os.Exit(code)
}

func t0() time.Time { return time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC) }

func workload(namespace, name string) graph.Peer {
	return graph.Peer{Workload: identity.Workload{Namespace: namespace, Kind: "Deployment", Name: name}}
}

// call is a connection between two workloads of the shop, seen once.
func call(client, server string, at time.Duration) graph.Observation {
	return graph.Observation{
		Client: workload("shop", client), Server: workload("shop", server), Service: server, TargetPort: 8080,
		Use:    graph.Use{Act: traffic.Connect, Protocol: traffic.TCP, Port: 80},
		Source: traffic.SYN, First: t0().Add(at), Last: t0().Add(at), Count: 1,
	}
}

// various is one observation of each kind of peer and use.
func various() []graph.Observation {
	out := call("frontend", "", 0)
	out.Server, out.Service, out.TargetPort = graph.Peer{Name: "api.bank.example"}, "", 0
	out.Use = graph.Use{Act: traffic.Lookup, Name: "api.bank.example"}
	bare := call("frontend", "", time.Hour)
	bare.Server, bare.Service, bare.Private = graph.Peer{Addr: netip.MustParseAddr("192.168.7.1")}, "", true
	in := call("", "frontend", 2*time.Hour)
	in.Client = graph.Peer{Addr: netip.MustParseAddr("2001:db8::7")}
	again := call("frontend", "cart", 20*24*time.Hour)
	again.Source, again.HostNetwork, again.Service, again.TargetPort = traffic.Socket, true, "basket", 8081
	kindless := call("frontend", "", 0)
	kindless.Server = graph.Peer{Workload: identity.Workload{Namespace: "default", Name: "kubernetes"}}
	return []graph.Observation{call("frontend", "cart", 0), again, out, bare, in, kindless}
}

func graphOf(all ...graph.Observation) *graph.Graph {
	g := graph.New(graph.Limits{})
	for _, o := range all {
		g.Merge(o)
	}
	return g
}

func batchOf(node string, seq uint64, all ...graph.Observation) Batch {
	return Batch{
		Reports: []Report{{Node: node, Pod: "agent-" + node, Epoch: 1<<63 + 7, Seq: seq, Seen: t0()}},
		Edges:   graphOf(all...).History(graph.Filter{}),
	}
}

func open(t testing.TB, target string) *Store {
	t.Helper()
	s, err := Open(t.Context(), parse(t, target))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func parse(t testing.TB, text string) Target {
	t.Helper()
	target, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func commit(t testing.TB, s *Store, batches ...Batch) []bool {
	t.Helper()
	duplicate, _, err := s.Commit(t.Context(), Group{Batches: batches})
	if err != nil {
		t.Fatal(err)
	}
	return duplicate
}

// contents returns what a graph knows that loads the store.
func contents(t testing.TB, s *Store) []graph.Edge {
	t.Helper()
	news, err := s.Changes(context.WithoutCancel(t.Context()), 0)
	if err != nil {
		t.Fatal(err)
	}
	g := graph.New(graph.Limits{})
	for _, e := range news.Edges {
		if bound := g.Adopt(*e); bound != graph.Kept {
			t.Fatalf("Adopt = %s, want kept", bound)
		}
	}
	return g.History(graph.Filter{})
}

func diffEdges(got, want []graph.Edge) string {
	return cmp.Diff(got, want, cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty())
}

// onEach runs a test on an empty store of each kind.
func onEach(t *testing.T, test func(t *testing.T, newTarget func(testing.TB) string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		test(t, func(t testing.TB) string { return filepath.Join(t.TempDir(), "map.db") })
	})
	t.Run("postgres", func(t *testing.T) {
		server, err := shared()
		if err != nil {
			t.Fatal(err)
		}
		test(t, server.NewDatabase)
	})
}

func TestAStoreGivesBackWhatItGot(t *testing.T) {
	onEach(t, func(t *testing.T, newTarget func(testing.TB) string) {
		target := newTarget(t)
		s := open(t, target)
		commit(t, s, batchOf("n1", 1, various()...))
		want := graphOf(various()...).History(graph.Filter{})
		if diff := diffEdges(contents(t, s), want); diff != "" {
			t.Errorf("the store has (-got +want):\n%s", diff)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		again := open(t, target)
		if diff := diffEdges(contents(t, again), want); diff != "" {
			t.Errorf("after it was opened again it has (-got +want):\n%s", diff)
		}
		if !again.Began().Equal(s.Began()) {
			t.Errorf("it began at %s, and after it was opened again at %s", s.Began(), again.Began())
		}
	})
}

func TestABatchCountsOnce(t *testing.T) {
	onEach(t, func(t *testing.T, newTarget func(testing.TB) string) {
		s := open(t, newTarget(t))
		first, second := batchOf("n1", 1, call("a", "b", 0)), batchOf("n1", 2, call("a", "b", time.Minute))
		for _, step := range []struct {
			batches []Batch
			want    []bool
		}{
			{[]Batch{first}, []bool{false}},
			{[]Batch{first, second}, []bool{true, false}},
			{[]Batch{second, first, batchOf("n2", 1, call("a", "b", time.Hour))}, []bool{true, true, false}},
		} {
			if diff := cmp.Diff(commit(t, s, step.batches...), step.want); diff != "" {
				t.Errorf("duplicates (-got +want):\n%s", diff)
			}
		}
		want := graphOf(call("a", "b", 0), call("a", "b", time.Minute), call("a", "b", time.Hour)).History(graph.Filter{})
		if diff := diffEdges(contents(t, s), want); diff != "" {
			t.Errorf("the store has (-got +want):\n%s", diff)
		}
		reports, err := s.Reports(t.Context(), t0())
		if err != nil {
			t.Fatal(err)
		}
		if len(reports) != 2 || reports[0].Seq != 2 || reports[0].Epoch != 1<<63+7 || !reports[0].Seen.Equal(t0()) {
			t.Errorf("reports %+v, want batch 2 of n1 and batch 1 of n2", reports)
		}
	})
}

func TestChangesAreReadByNumber(t *testing.T) {
	onEach(t, func(t *testing.T, newTarget func(testing.TB) string) {
		s := open(t, newTarget(t))
		_, at, err := s.Commit(t.Context(), Group{Batches: []Batch{batchOf("n1", 1, call("a", "b", 0), call("a", "c", 0))}})
		if err != nil {
			t.Fatal(err)
		}
		commit(t, s, batchOf("n1", 2, call("a", "c", time.Minute)))
		news, err := s.Changes(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		changed := news.Edges
		if len(changed) != 1 || changed[0].Server != workload("shop", "c") || changed[0].Uses[0].Evidence[0].Count != 2 {
			t.Errorf("changed after %d: %+v, want the edge to c with all its counts", at, changed)
		}
		if none, err := s.Changes(t.Context(), news.Newest); len(none.Edges) != 0 || none.Newest != news.Newest || err != nil {
			t.Errorf("after the newest change there are %d edges, number %d, error %v", len(none.Edges), none.Newest, err)
		}
	})
}

func TestTheStoreForgetsAsTheGraphDoes(t *testing.T) {
	onEach(t, func(t *testing.T, newTarget func(testing.TB) string) {
		s := open(t, newTarget(t))
		all := append(various(), call("a", "b", 0))
		commit(t, s, batchOf("n1", 1, all...))
		before := t0().Add(90 * time.Minute)
		if err := s.Expire(t.Context(), Expiry{History: before, Reports: t0().Add(1)}); err != nil {
			t.Fatal(err)
		}
		g := graphOf(all...)
		g.Expire(before)
		want := g.History(graph.Filter{})
		if diff := diffEdges(contents(t, s), want); diff != "" || len(want) == 0 {
			t.Errorf("the store has (-got +want):\n%s", diff)
		}
		if reports, err := s.Reports(t.Context(), time.Time{}.Add(1<<62)); err != nil || len(reports) != 0 {
			t.Errorf("reports %v of silent runs are left, error %v", reports, err)
		}
	})
}

func TestTheLargestCountStays(t *testing.T) {
	onEach(t, func(t *testing.T, newTarget func(testing.TB) string) {
		s := open(t, newTarget(t))
		huge := call("a", "b", 0)
		huge.Count = 1<<64 - 1
		commit(t, s, batchOf("n1", 1, huge))
		commit(t, s, batchOf("n1", 2, huge))
		if got := contents(t, s)[0].Uses[0].Evidence[0].Count; got != 1<<63-1 {
			t.Errorf("count %d, want the largest that the store holds", got)
		}
	})
}

func TestManyRowsTakeManyStatements(t *testing.T) {
	onEach(t, func(t *testing.T, newTarget func(testing.TB) string) {
		s := open(t, newTarget(t))
		var all []graph.Observation
		for i := range 2*chunkRows + 7 {
			all = append(all, call(fmt.Sprintf("client-%d", i), "cart", 0))
		}
		commit(t, s, batchOf("n1", 1, all...))
		if diff := diffEdges(contents(t, s), graphOf(all...).History(graph.Filter{})); diff != "" {
			t.Errorf("the store has (-got +want):\n%s", diff)
		}
	})
}

func TestAnEdgeHasABoundedNumberOfSpells(t *testing.T) {
	onEach(t, func(t *testing.T, newTarget func(testing.TB) string) {
		s := open(t, newTarget(t))
		g := graph.New(graph.Limits{SpellGap: time.Minute})
		for i := range 3 * graph.MaxSpells {
			g.Merge(call("a", "b", time.Duration(i)*time.Hour))
			commit(t, s, Batch{Reports: []Report{{Node: "n1", Seq: uint64(i + 1), Seen: t0()}}, Edges: g.History(graph.Filter{})})
		}
		var rows int
		if err := s.db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM spells").Scan(&rows); err != nil {
			t.Fatal(err)
		}
		if spells := contents(t, s)[0].Spells; rows > graph.MaxSpells+1 || !spells[0].First.Equal(t0()) {
			t.Errorf("%d rows, the first spell is %+v; want at most one more than %d, the first from the beginning", rows, spells[0], graph.MaxSpells)
		}
	})
}
