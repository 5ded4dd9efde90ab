package store

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/portolan-io/portolan/internal/graph"
)

// mixed is edges of several namespaces, some across the border of the cluster.
func mixed() []graph.Observation {
	all := []graph.Observation{recently("a", "b", time.Hour), recently("c", "d", 40*24*time.Hour)}
	pay := recently("ledger", "", time.Hour)
	pay.Client, pay.Server = workload("pay", "ledger"), workload("shop", "b")
	in, out := recently("", "a", time.Hour), recently("", "", time.Hour)
	in.Client, in.Service = graph.Peer{Addr: netip.MustParseAddr("2001:db8::7")}, ""
	out.Client, out.Server, out.Service = workload("shopping", "a"), graph.Peer{Name: "w/shop/x"}, ""
	return append(all, pay, in, out)
}

// homes returns the namespaces of edges, sorted.
func homes(edges []graph.Edge) []string {
	var all []string
	for _, e := range edges {
		all = append(all, e.Home().Namespace)
	}
	slices.Sort(all)
	return all
}

// reset clears namespaces while the journal does not run.
func (r *replica) reset(t testing.TB, namespaces ...string) (int, error) {
	t.Helper()
	c := &clearing{namespaces: namespaces, done: make(chan struct{})}
	r.clear(t.Context(), c)
	return c.cleared, c.err
}

func TestAResetClearsTheStoreAsTheGraph(t *testing.T) {
	for name, tc := range map[string]struct {
		namespaces []string
		cleared    int
		left       []string
	}{
		"a namespace, its past, and what comes into it": {[]string{"shop"}, 3, []string{"pay", "shopping"}},
		"two namespaces":                        {[]string{"pay", "shopping"}, 2, []string{"shop", "shop", "shop"}},
		"a namespace that nobody is at home in": {[]string{"sho"}, 0, []string{"pay", "shop", "shop", "shop", "shopping"}},
		"a name that means more in SQL":         {[]string{"%", "s_op", "' OR ''='"}, 0, []string{"pay", "shop", "shop", "shop", "shopping"}},
		"all":                                   {nil, 5, nil},
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, newTarget func(testing.TB) string) {
				target := newTarget(t)
				r := newReplica(t, target)
				r.take(t, "n1", 1, mixed()...)
				cleared, err := r.reset(t, tc.namespaces...)
				if err != nil || cleared != tc.cleared {
					t.Errorf("Reset = %d, %v; want %d", cleared, err, tc.cleared)
				}
				for where, edges := range map[string][]graph.Edge{"graph": r.view(), "store": contents(t, r.store)} {
					if got := homes(edges); !slices.Equal(got, tc.left) {
						t.Errorf("the %s has edges of %v, want %v", where, got, tc.left)
					}
				}
				if err := r.Close(); err != nil {
					t.Fatal(err)
				}
				again := newReplica(t, target)
				if got := homes(again.view()); !slices.Equal(got, tc.left) {
					t.Errorf("a restart finds edges of %v, want %v", got, tc.left)
				}
				if began := time.Since(again.State().Began) < time.Minute; !began {
					t.Errorf("the map begins at %s", again.State().Began)
				}
			})
		})
	}
}

func TestAfterAResetOfAllTheMapBeginsAnew(t *testing.T) {
	onEach(t, func(t *testing.T, newTarget func(testing.TB) string) {
		r := newReplica(t, newTarget(t))
		before := r.State().Began
		if _, err := r.reset(t, "shop"); err != nil || !r.State().Began.Equal(before) {
			t.Errorf("after a reset of one namespace it begins at %s, error %v; want %s still", r.State().Began, err, before)
		}
		if _, err := r.reset(t); err != nil || !r.State().Began.After(before) {
			t.Errorf("after a reset of all it begins at %s, error %v; want now", r.State().Began, err)
		}
	})
}

func TestABatchThatWasStoredBeforeAResetIsStillADuplicate(t *testing.T) {
	onEach(t, func(t *testing.T, newTarget func(testing.TB) string) {
		r := newReplica(t, newTarget(t))
		r.take(t, "n1", 1, recently("a", "b", time.Hour))
		if _, err := r.reset(t); err != nil {
			t.Fatal(err)
		}
		r.run(t)
		if !wait(t, r.take(t, "n1", 1)) {
			t.Error("the reset forgot what agents had delivered")
		}
	})
}

// TestAResetReachesOtherReplicas has one replica with edges that it knows from the store, edges that it has not stored yet,
// and edges of another namespace, while another replica clears the first namespace.
func TestAResetReachesOtherReplicas(t *testing.T) {
	server, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	for name, namespaces := range map[string][]string{"one namespace": {"shop"}, "all": nil} {
		t.Run(name, func(t *testing.T) {
			url := server.NewDatabase(t)
			first, second := newReplica(t, url), newReplica(t, url)
			second.take(t, "n2", 1, mixed()...)
			for _, r := range []*replica{second, first} {
				if err := r.turn(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			fresh := second.take(t, "n2", 2, recently("a", "b", time.Minute), recently("new", "b", time.Minute))
			second.Merge(recently("loose", "b", time.Minute))
			if _, err := first.reset(t, namespaces...); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				for _, r := range []*replica{second, first} {
					if err := r.turn(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
			if wait(t, fresh) {
				t.Error("the batch that came after the reset is a duplicate")
			}
			want := graphOf(recently("a", "b", time.Minute), recently("new", "b", time.Minute), recently("loose", "b", time.Minute))
			for i, r := range []*replica{first, second} {
				var shop []graph.Edge
				for _, e := range r.view() {
					if e.Home().Namespace == "shop" {
						shop = append(shop, e)
					}
				}
				if got := len(r.view()) - len(shop); got != 2*len(namespaces) {
					t.Errorf("replica %d has %d edges of other namespaces", i, got)
				}
				if len(shop) != want.Len() {
					t.Errorf("replica %d has the edges %v, want the three that came after the reset", i, shop)
				}
				for _, e := range shop {
					if time.Since(e.First) > 2*time.Minute || len(e.Spells) != 1 || e.Uses[0].Evidence[0].Count != 1 {
						t.Errorf("replica %d has more of an edge than what came after the reset: %+v", i, e)
					}
				}
				if diff := diffEdges(r.view(), contents(t, r.store)); diff != "" {
					t.Errorf("replica %d and the store differ (-replica +store):\n%s", i, diff)
				}
			}
		})
	}
}

// TestABatchDuringAResetIsWhole resets while a batch is put into the map piece by piece.
func TestABatchDuringAResetIsWhole(t *testing.T) {
	onEach(t, func(t *testing.T, newTarget func(testing.TB) string) {
		r := newReplica(t, newTarget(t))
		draft, err := r.Begin()
		if err != nil {
			t.Fatal(err)
		}
		draft.Merge(recently("a", "b", time.Hour))
		if _, err := r.reset(t); err != nil {
			t.Fatal(err)
		}
		draft.Merge(recently("a", "b", time.Minute))
		r.Seal(draft, Report{Node: "n1", Seq: 1, Seen: time.Now()})
		for range 2 {
			if err := r.turn(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if diff := diffEdges(r.view(), contents(t, r.store)); diff != "" || len(r.view()) != 1 || r.view()[0].Uses[0].Evidence[0].Count != 2 {
			t.Errorf("graph and store differ, or lack a part of the batch (-graph +store):\n%s", diff)
		}
	})
}

func TestAResetThatCannotBeStoredIsRefused(t *testing.T) {
	r := newReplica(t, t.TempDir()+"/missing/map.db")
	r.take(t, "n1", 1, recently("a", "b", time.Hour))
	if _, err := r.reset(t); !errors.Is(err, ErrUnavailable) || r.graph.Len() != 1 {
		t.Errorf("Reset = %v and %d edges are left, want a refusal that leaves the edge", err, r.graph.Len())
	}
}

func TestSomebodyWaitsForAReset(t *testing.T) {
	for name, target := range map[string]string{"memory": "memory", "sqlite": t.TempDir() + "/map.db"} {
		t.Run(name, func(t *testing.T) {
			r := newReplica(t, target)
			short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			if _, err := r.Reset(short, nil); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("while nothing runs Reset says %v, want that the time is up", err)
			}
			r.run(t)
			r.take(t, "n1", 1, recently("a", "b", time.Hour))
			if cleared, err := r.Reset(t.Context(), nil); cleared != 1 || err != nil || r.graph.Len() != 0 {
				t.Errorf("Reset = %d, %v; want the one edge", cleared, err)
			}
		})
	}
}
