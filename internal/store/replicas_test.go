package store

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/traffic"
)

// TestReplicasConverge gives the same batches to replicas on one database: each batch to one of them or to several, each
// agent's in order, with commits and reads in between as they fall. In the end all have the map of a single operator that
// got each batch once.
func TestReplicasConverge(t *testing.T) {
	server, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	url, now := server.NewDatabase(t), time.Now().Round(time.Microsecond)
	rapid.Check(t, func(rt *rapid.T) {
		empty(t, url)
		replicas := []*replica{newReplica(t, url), newReplica(t, url)}
		single := graph.New(graph.Limits{})
		next := map[string]uint64{}
		for range rapid.IntRange(1, 8).Draw(rt, "batches") {
			node := rapid.SampledFrom([]string{"n1", "n2", "n3"}).Draw(rt, "node")
			next[node]++
			batch := rapid.SliceOfN(seen(now), 1, 5).Draw(rt, "batch")
			for _, o := range batch {
				single.Merge(o)
			}
			to := rapid.SliceOfN(rapid.IntRange(0, 1), 1, 3).Draw(rt, "to")
			for _, i := range to {
				replicas[i].take(t, node, next[node], batch...)
			}
			// A batch comes to another replica because the first had no answer; its successor comes after an answer.
			for _, i := range rapid.Permutation([]int{0, 1}).Draw(rt, "commits") {
				if err := replicas[i].turn(t.Context()); err != nil {
					rt.Fatal(err)
				}
			}
			if rapid.Bool().Draw(rt, "loose") {
				o := seen(now).Draw(rt, "what belongs to no batch")
				single.Merge(o)
				replicas[0].Merge(o)
			}
		}
		for range 2 {
			for _, r := range replicas {
				if err := r.turn(t.Context()); err != nil {
					rt.Fatal(err)
				}
			}
		}
		want := single.History(graph.Filter{})
		for i, r := range replicas {
			if diff := diffEdges(r.view(), want); diff != "" {
				rt.Fatalf("replica %d (-got +want):\n%s", i, diff)
			}
			if err := r.Close(); err != nil {
				rt.Fatal(err)
			}
		}
	})
}

// seen draws an observation of a small world, within the last 25 days, so that edges have several spells.
func seen(now time.Time) *rapid.Generator[graph.Observation] {
	return rapid.Custom(func(t *rapid.T) graph.Observation {
		name := rapid.StringOfN(rapid.RuneFrom([]rune("abc")), 1, 1, -1)
		o := call(name.Draw(t, "client"), name.Draw(t, "server"), 0)
		o.Service = rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "service")
		o.Use.Port = rapid.Uint16Range(1, 3).Draw(t, "port")
		o.TargetPort = rapid.Uint16Range(0, 2).Draw(t, "target")
		o.Source = rapid.SampledFrom([]traffic.Source{traffic.SYN, traffic.Socket}).Draw(t, "source")
		o.HostNetwork, o.Count = rapid.Bool().Draw(t, "host"), rapid.Uint64Range(1, 9).Draw(t, "count")
		o.First = now.Add(-time.Duration(rapid.IntRange(0, 25*24).Draw(t, "hours ago")) * time.Hour)
		o.Last = o.First
		return o
	})
}

// empty makes a database as new.
func empty(t *testing.T, url string) {
	t.Helper()
	s := open(t, url)
	for _, table := range []string{"edges", "services", "evidence", "spells", "reports", "leases", "names", "agents", "resets"} {
		if _, err := s.db.ExecContext(context.WithoutCancel(t.Context()), "DELETE FROM "+table); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.db.ExecContext(t.Context(), "UPDATE clock SET change = 0"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// counted adds up what was seen.
func counted(edges []graph.Edge) (sum uint64) {
	for _, e := range edges {
		for _, u := range e.Uses {
			for _, v := range u.Evidence {
				sum += v.Count
			}
		}
	}
	return sum
}

func TestReplicasWriteAtTheSameTime(t *testing.T) {
	server, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	url := server.NewDatabase(t)
	replicas := []*replica{newReplica(t, url), newReplica(t, url), newReplica(t, url)}
	single := graph.New(graph.Limits{})
	var receipts []*Receipt
	for _, r := range replicas {
		r.run(t)
	}
	for seq := range uint64(20) {
		for i, r := range replicas {
			var batch []graph.Observation
			for k := range 30 {
				batch = append(batch, recently(fmt.Sprintf("client-%d", (int(seq)+k*i)%17), fmt.Sprintf("server-%d", k), time.Hour))
			}
			for _, o := range batch {
				single.Merge(o)
			}
			receipts = append(receipts, r.take(t, fmt.Sprintf("n%d", i), seq+1, batch...))
		}
	}
	for _, receipt := range receipts {
		if wait(t, receipt) {
			t.Error("a new batch is a duplicate")
		}
	}
	want := single.History(graph.Filter{})
	for i, r := range replicas {
		until(t, "the replica has counted all", func() bool { return counted(r.view()) == counted(want) })
		if diff := diffEdges(r.view(), want); diff != "" {
			t.Errorf("replica %d (-got +want):\n%s", i, diff)
		}
		if state := r.State(); state.Problem != "" {
			t.Errorf("replica %d: %s", i, state.Problem)
		}
	}
}
