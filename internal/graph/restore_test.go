package graph

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// gap is so short that the small world of observations falls into several spells.
const gap = 10 * time.Nanosecond

func historyOf(all ...[]Observation) []Edge {
	g := New(Limits{SpellGap: gap})
	for _, part := range all {
		for _, o := range part {
			g.Merge(o)
		}
	}
	return g.History(Filter{})
}

func TestSpellsObeyTheLawsOfMerging(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := observations().Draw(t, "observations")
		want := historyOf(all)
		if diff := cmp.Diff(historyOf(rapid.Permutation(all).Draw(t, "permutation")), want, equateEdges()); diff != "" {
			t.Fatalf("another order gives another history:\n%s", diff)
		}
		if diff := cmp.Diff(facts(historyOf(all, all)), facts(historyOf(all)), equateEdges()); diff != "" {
			t.Fatalf("merging twice changes the history:\n%s", diff)
		}
		cut := rapid.IntRange(0, len(all)).Draw(t, "cut")
		whole := New(Limits{SpellGap: gap})
		for _, part := range [][]Edge{historyOf(all[cut:]), historyOf(all[:cut])} {
			for _, e := range part {
				whole.Restore(e)
			}
		}
		if diff := cmp.Diff(whole.History(Filter{}), want, equateEdges()); diff != "" {
			t.Fatalf("the merged histories differ from one history:\n%s", diff)
		}
	})
}

// TestCountsOfAStoreAndOfOurOwn plays a graph whose batches go into a store that others write too. However merging,
// settling and adopting follow each other, nothing is counted twice and nothing is lost.
func TestCountsOfAStoreAndOfOurOwn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, store := New(Limits{SpellGap: gap}), New(Limits{SpellGap: gap})
		for range rapid.IntRange(1, 6).Draw(t, "rounds") {
			batch := New(Limits{SpellGap: gap})
			for _, o := range observations().Draw(t, "batch") {
				if g.Merge(o) == Kept {
					batch.Merge(o)
				}
			}
			adopt(g, store) // somebody else's changes come while ours are not stored
			known := rapid.Bool().Draw(t, "another replica stored it before")
			edges := batch.History(Filter{})
			if known {
				restoreAll(store, edges)
				adopt(g, store)
			}
			if !known {
				restoreAll(store, edges)
			}
			for _, e := range edges {
				g.Settle(e, !known)
			}
			adopt(g, store)
		}
		if diff := cmp.Diff(g.History(Filter{}), store.History(Filter{}), equateEdges()); diff != "" {
			t.Fatalf("graph and store differ (-graph +store):\n%s", diff)
		}
	})
}

func adopt(g, store *Graph) {
	for _, e := range store.History(Filter{}) {
		g.Adopt(e)
	}
}

func restoreAll(g *Graph, edges []Edge) {
	for _, e := range edges {
		g.Restore(e)
	}
}

func TestAdoptingTwiceChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		store, g := merged(observations().Draw(t, "observations")), New(Limits{})
		adopt(g, store)
		adopt(g, store)
		if diff := cmp.Diff(g.History(Filter{}), store.History(Filter{}), equateEdges()); diff != "" {
			t.Fatalf("(-got +want):\n%s", diff)
		}
	})
}

func TestAnEdgeIsCompletedWithAllItsSpells(t *testing.T) {
	g := seenOn(t, 0, 20)
	late := seenOn(t, 20).View(Filter{})[0]
	if got := len(g.Complete(late).Spells); got != 2 {
		t.Errorf("%d spells, want both", got)
	}
	if got := g.Complete(Edge{Client: inside("a", "x"), Server: inside("a", "y")}); got.Spells != nil {
		t.Errorf("spells %v of an edge that is not there", got.Spells)
	}
}
