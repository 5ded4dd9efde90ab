package store

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portolan-io/portolan/internal/graph"
)

// replica is one operator's map with its journal.
type replica struct {
	*Journal
	graph *graph.Graph
}

// newReplica opens a journal for that target. Nothing runs yet.
func newReplica(t testing.TB, target string) *replica {
	t.Helper()
	return newReplicaWith(t, target, nil)
}

// newReplicaWith opens a journal for an operator that knows something beside the map.
func newReplicaWith(t testing.TB, target string, beside Rememberer) *replica {
	t.Helper()
	g := graph.New(graph.Limits{})
	j := NewJournal(JournalOptions{
		Target: parse(t, target), Graph: g, Interval: 20 * time.Millisecond,
		Retention: 30 * 24 * time.Hour, History: 90 * 24 * time.Hour, Beside: beside, Leases: time.Hour,
	})
	if _, err := j.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return &replica{Journal: j, graph: g}
}

// run keeps the journal until the test ends or stop is called.
func (r *replica) run(t testing.TB) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() { defer close(ended); r.Run(ctx) }()
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	return stop
}

// recently is a sighting that no retention forgets.
func recently(client, server string, ago time.Duration) graph.Observation {
	o := call(client, server, 0)
	o.First = time.Now().Add(-ago).Round(time.Microsecond)
	o.Last = o.First
	return o
}

// take puts one batch of node into the map.
func (r *replica) take(t testing.TB, node string, seq uint64, all ...graph.Observation) *Receipt {
	t.Helper()
	draft, err := r.Begin()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range all {
		draft.Merge(o)
	}
	return r.Seal(draft, Report{Node: node, Pod: "agent-" + node, Epoch: 7, Seq: seq, Seen: time.Now()})
}

func (r *replica) view() []graph.Edge { return r.graph.History(graph.Filter{}) }

// until waits for something that other goroutines bring about.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(30 * time.Second); !is(); <-ticker.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited 30 s, and it is not so that %s", what)
		}
	}
}

func wait(t testing.TB, r *Receipt) bool {
	t.Helper()
	duplicate, err := r.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return duplicate
}

func TestARestartKnowsWhatWasAcknowledged(t *testing.T) {
	onEach(t, func(t *testing.T, newTarget func(testing.TB) string) {
		target := newTarget(t)
		first := newReplica(t, target)
		stop := first.run(t)
		if wait(t, first.take(t, "n1", 1, recently("a", "b", time.Hour), recently("a", "c", 20*24*time.Hour))) {
			t.Error("a new batch is a duplicate")
		}
		first.Merge(recently("late", "b", time.Minute)) // belongs to no batch
		stop()
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		second := newReplica(t, target)
		if diff := diffEdges(second.view(), first.view()); diff != "" || len(first.view()) != 3 {
			t.Errorf("after the restart (-got +want):\n%s", diff)
		}
		second.run(t)
		if !wait(t, second.take(t, "n1", 1, recently("a", "b", time.Hour))) {
			t.Error("a repeated batch is no duplicate")
		}
		if state := second.State(); state.Problem != "" || state.Duplicates != 1 || state.Began.After(first.State().Began.Add(time.Minute)) {
			t.Errorf("state %+v, want one duplicate and the beginning of the first", state)
		}
	})
}

func TestWhatIsOverIsNotInTheMapAfterARestart(t *testing.T) {
	target := filepath.Join(t.TempDir(), "map.db")
	s := open(t, target)
	commit(t, s, batchOf("n1", 1,
		recently("gone", "b", 100*24*time.Hour), recently("old", "b", 40*24*time.Hour), recently("new", "b", time.Hour)))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	r := newReplica(t, target)
	if r.graph.Len() != 1 || r.graph.Past() != 1 {
		t.Errorf("%d edges in the map and %d in its past, want one and one", r.graph.Len(), r.graph.Past())
	}
	if got := len(contents(t, r.store)); got != 2 {
		t.Errorf("%d edges in the store, want those two", got)
	}
}

func TestMemoryForgetsAndNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplica(t, "memory")
		stop := r.run(t)
		r.take(t, "n1", 1, recently("a", "b", 30*24*time.Hour-time.Hour))
		r.Merge(recently("c", "d", 0))
		if wait(t, r.take(t, "n1", 1, recently("a", "b", time.Hour))) || r.graph.Len() != 2 {
			t.Errorf("%d edges, want both at once", r.graph.Len())
		}
		time.Sleep(31 * 24 * time.Hour)
		if r.graph.Len() != 0 || r.graph.Past() != 2 {
			t.Errorf("after a month there are %d edges in the map and %d in its past, want none and two", r.graph.Len(), r.graph.Past())
		}
		time.Sleep(60 * 24 * time.Hour)
		if r.graph.Past() != 0 {
			t.Errorf("after three months %d edges are left", r.graph.Past())
		}
		stop()
	})
}

func TestASecondProcessIsToldWhoHasTheFile(t *testing.T) {
	target := filepath.Join(t.TempDir(), "map.db")
	open(t, target)
	_, err := NewJournal(JournalOptions{Target: parse(t, target), Graph: graph.New(graph.Limits{})}).Open(t.Context())
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), target) || !strings.Contains(err.Error(), "--store=postgres://") {
		t.Errorf("the second opening says %v, want who has what, and what to do", err)
	}
}

func TestManyBatchesWaitAsOne(t *testing.T) {
	r := newReplica(t, filepath.Join(t.TempDir(), "missing", "map.db")) // nobody can make the file
	if r.State().Problem == "" {
		t.Fatal("a file in a folder that is not there opens")
	}
	for seq := range uint64(foldAbove + 1) {
		r.take(t, "n1", seq+1, recently("a", "b", time.Hour))
	}
	if err := r.turn(t.Context()); err == nil {
		t.Fatal("the store works")
	}
	state := r.State()
	if state.Waiting != 1 || state.Failures != 2 {
		t.Errorf("%d batches wait after %d failures, want one after two", state.Waiting, state.Failures)
	}
	if got := r.waiting[0].batch; len(got.Reports) != 1 || got.Reports[0].Seq != foldAbove+1 || got.Edges[0].Uses[0].Evidence[0].Count != foldAbove+1 {
		t.Errorf("they are %+v, want the newest report and all counts", got)
	}
}
