package store

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// beside is one of each kind of what an operator knows beside the map.
func beside() Recollection {
	return Recollection{
		Leases: []Lease{
			{Holder: "pod/on-the-host", Who: "{}"},
			{Addr: netip.MustParseAddr("10.0.0.7"), Holder: "pod/a", To: t0().Add(time.Minute), Who: `{"name":"it's"}`},
			{Addr: netip.MustParseAddr("10.0.0.7"), Holder: "pod/b", Who: "{}"},
			{Addr: netip.MustParseAddr("2001:db8::7"), Holder: "node/n1", Who: "{}"},
		},
		Names: []Name{
			{"api.bank.example", netip.MustParseAddr("203.0.113.7"), t0().Add(time.Hour)},
			{"api.bank.example", netip.MustParseAddr("2001:db8::7"), t0().Add(time.Hour)},
		},
		Agents: []Agent{{"n1", t0(), `{"says":"it's"}`}, {"n2", t0().Add(time.Minute), "{}"}},
		Known:  t0().Add(time.Second),
	}
}

func equateRecollections() cmp.Options {
	return cmp.Options{cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()}
}

func remember(t testing.TB, s *Store, r Recollection) {
	t.Helper()
	r.sort()
	if _, _, err := s.Commit(t.Context(), Group{Recollection: r}); err != nil {
		t.Fatal(err)
	}
}

// recollectionOf returns what an operator reads that opens the store.
func recollectionOf(t testing.TB, s *Store) Recollection {
	t.Helper()
	leases, known, err := s.Leases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	news, err := s.Changes(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	r := Recollection{Leases: leases, Names: news.Names, Agents: news.Agents, Known: known}
	r.sort()
	return r
}

func TestTheStoreKeepsWhatIsBesideTheMap(t *testing.T) {
	onEach(t, func(t *testing.T, newTarget func(testing.TB) string) {
		s := open(t, newTarget(t))
		want := beside()
		want.sort()
		remember(t, s, beside())
		if diff := cmp.Diff(recollectionOf(t, s), want, equateRecollections()); diff != "" {
			t.Errorf("the store has (-got +want):\n%s", diff)
		}
		remember(t, s, Recollection{
			Leases: []Lease{{Addr: want.Leases[2].Addr, Holder: "pod/b", To: t0().Add(time.Hour), Who: "{1}"}}, // ended meanwhile
			Names: []Name{
				{"api.bank.example", want.Names[0].Addr, t0()}, // shortens no life
				{"api.bank.example", want.Names[1].Addr, time.Time{}},
				{"new.example", want.Names[0].Addr, t0().Add(time.Hour)},
			},
			Agents: []Agent{{"n1", t0().Add(time.Second), "{1}"}, {"n2", t0(), "{old}"}, {"n3", t0(), "{}"}},
			Known:  t0(), // an operator whose clock is late
		})
		want.Leases[2].To, want.Leases[2].Who = t0().Add(time.Hour), "{1}"
		want.Names[1] = Name{"new.example", want.Names[0].Addr, t0().Add(time.Hour)}
		want.Agents = []Agent{{"n1", t0().Add(time.Second), "{1}"}, want.Agents[1], {"n3", t0(), "{}"}}
		if diff := cmp.Diff(recollectionOf(t, s), want, equateRecollections()); diff != "" {
			t.Errorf("after the changes the store has (-got +want):\n%s", diff)
		}
	})
}

func TestWhatIsOverBesideTheMapIsForgotten(t *testing.T) {
	onEach(t, func(t *testing.T, newTarget func(testing.TB) string) {
		s := open(t, newTarget(t))
		remember(t, s, beside())
		if err := s.Expire(t.Context(), Expiry{Leases: t0().Add(time.Minute), Names: t0().Add(time.Hour), Reports: t0()}); err != nil {
			t.Fatal(err)
		}
		if got := recollectionOf(t, s); len(got.Leases) != 4 || len(got.Names) != 2 || len(got.Agents) != 2 {
			t.Errorf("before their time there are %+v, want all", got)
		}
		if err := s.Expire(t.Context(), Expiry{Leases: t0().Add(time.Minute + 1), Names: t0().Add(time.Hour + 1), Reports: t0().Add(1)}); err != nil {
			t.Fatal(err)
		}
		if got := recollectionOf(t, s); len(got.Leases) != 3 || len(got.Names) != 0 || len(got.Agents) != 1 {
			t.Errorf("after their time there are %+v, want the leases that are held and the agent that was heard later", got)
		}
	})
}

func TestEndedLeasesAreBounded(t *testing.T) {
	onEach(t, func(t *testing.T, newTarget func(testing.TB) string) {
		s := open(t, newTarget(t))
		var all Recollection
		for i := range 30 {
			all.Leases = append(all.Leases, Lease{Holder: fmt.Sprintf("pod/%02d", i), To: t0().Add(time.Duration(i)), Who: "{}"})
		}
		all.Leases[3].To = time.Time{}
		remember(t, s, all)
		if err := s.Expire(t.Context(), Expiry{Ended: 20}); err != nil {
			t.Fatal(err)
		}
		got := recollectionOf(t, s).Leases
		if len(got) != 21 || got[0].Holder != "pod/03" || got[1].Holder != "pod/10" {
			t.Errorf("%d leases, the first are %v; want the one that is held and the last 20 that ended", len(got), got[:2])
		}
	})
}

func TestAgentsAreBounded(t *testing.T) {
	onEach(t, func(t *testing.T, newTarget func(testing.TB) string) {
		s := open(t, newTarget(t))
		var all Recollection
		for i := range 30 {
			all.Agents = append(all.Agents, Agent{fmt.Sprintf("n%02d", i), t0().Add(time.Duration(i)), "{}"})
		}
		remember(t, s, all)
		if err := s.Expire(t.Context(), Expiry{Agents: 20}); err != nil {
			t.Fatal(err)
		}
		if got := recollectionOf(t, s).Agents; len(got) != 20 || got[0].Node != "n10" {
			t.Errorf("%d agents, the first is %v; want the last 20 that were heard", len(got), got[0])
		}
	})
}

// notebook is a Rememberer that a test writes.
type notebook struct {
	mu       sync.Mutex
	next     Recollection // what Remember returns once
	recalled []Recollection
	wholes   int
}

func (n *notebook) Recall(r Recollection) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.recalled = append(n.recalled, r)
}

func (n *notebook) Remember(whole bool) Recollection {
	n.mu.Lock()
	defer n.mu.Unlock()
	if whole {
		n.wholes++
	}
	next := n.next
	n.next = Recollection{Known: next.Known}
	return next
}

func (n *notebook) write(r Recollection) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.next = r
}

// told returns the names and agents that the journal told so far.
func (n *notebook) told() (all Recollection) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, r := range n.recalled {
		all.Names, all.Agents = append(all.Names, r.Names...), append(all.Agents, r.Agents...)
	}
	return all
}

func TestARestartGetsBackWhatIsBesideTheMap(t *testing.T) {
	onEach(t, func(t *testing.T, newTarget func(testing.TB) string) {
		target := newTarget(t)
		first := newReplicaWith(t, target, &notebook{next: beside()})
		stop := first.run(t)
		until(t, "it is stored", func() bool { return first.State().Commits > 0 })
		stop()
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		book := &notebook{}
		second := newReplicaWith(t, target, book)
		var got Recollection
		for _, r := range book.recalled {
			got.Leases, got.Names = append(got.Leases, r.Leases...), append(got.Names, r.Names...)
			got.Agents = append(got.Agents, r.Agents...)
			if !r.Known.IsZero() {
				got.Known = r.Known
			}
		}
		got.sort()
		want := beside()
		want.sort()
		if diff := cmp.Diff(got, want, equateRecollections()); diff != "" {
			t.Errorf("the restart gets (-got +want):\n%s", diff)
		}
		if err := second.turn(t.Context()); err != nil || book.wholes != 1 {
			t.Errorf("error %v; everything is asked for %d times, want once", err, book.wholes)
		}
	})
}

func TestTheTimeIsStoredWhenNothingHappens(t *testing.T) {
	r := newReplicaWith(t, t.TempDir()+"/map.db", &notebook{next: Recollection{Known: t0()}})
	for _, step := range []struct{ ahead, want time.Duration }{{0, 0}, {knownEvery - 1, 0}, {knownEvery, knownEvery}} {
		r.options.Beside.(*notebook).write(Recollection{Known: t0().Add(step.ahead)}) //nolint:forcetypeassert // it is one
		if err := r.turn(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := recollectionOf(t, r.store).Known.Sub(t0()); got != step.want {
			t.Errorf("after %s the store says %s, want %s", step.ahead, got, step.want)
		}
	}
}

func TestReplicasTellEachOtherNamesAndAgents(t *testing.T) {
	server, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	url := server.NewDatabase(t)
	books := []*notebook{{}, {}}
	for _, book := range books {
		newReplicaWith(t, url, book).run(t)
	}
	books[0].write(beside())
	want := beside()
	until(t, "the other replica knows all", func() bool {
		got := books[1].told()
		return slices.Contains(got.Names, want.Names[0]) && slices.Contains(got.Names, want.Names[1]) && slices.Contains(got.Agents, want.Agents[1])
	})
}

// TestWhatCannotBeStoredIsStoredLater has a store that fails while something is remembered.
func TestWhatCannotBeStoredIsStoredLater(t *testing.T) {
	book := &notebook{next: beside()}
	r := newReplicaWith(t, t.TempDir()+"/map.db", book)
	if _, err := r.store.db.ExecContext(t.Context(), "ALTER TABLE leases RENAME TO elsewhere"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.turn(t.Context()); err == nil {
			t.Fatal("there is no table of leases, and they are stored")
		}
	}
	if _, err := r.store.db.ExecContext(t.Context(), "ALTER TABLE elsewhere RENAME TO leases"); err != nil {
		t.Fatal(err)
	}
	if err := r.turn(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := recollectionOf(t, r.store); len(got.Leases) != 4 || len(got.Names) != 2 {
		t.Errorf("the store has %+v, want what was remembered while it failed", got)
	}
}
