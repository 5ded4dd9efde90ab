package graph

import (
	"slices"
	"time"
)

// History returns the edges of those namespaces and that server that the graph remembers, those that left the map
// included, with all their uses and spells. It looks at neither Since nor Until.
func (g *Graph) History(f Filter) []Edge {
	f.Since, f.Until = time.Time{}, time.Time{}
	return g.collect(copier{whole: true}, f.asks(true), f.within)
}

// At returns the edges that were there at t, as far as the filter asks for them, with the uses that had been seen by then.
// An edge is there from the beginning of a spell to its end, and while the spell may still go on at now.
func (g *Graph) At(t, now time.Time, f Filter) []Edge {
	var there []Edge
	for _, e := range g.History(f) {
		if !e.present(t, now, g.limits.SpellGap) {
			continue
		}
		if e = e.until(t); len(e.Uses) > 0 {
			there = append(there, e)
		}
	}
	return there
}

func (e *Edge) present(t, now time.Time, gap time.Duration) bool {
	return slices.ContainsFunc(e.Spells, func(s Spell) bool {
		return !t.Before(s.First) && (!t.After(s.Last) || s.open(now, gap))
	})
}

// until leaves out what was first seen after t.
func (e Edge) until(t time.Time) Edge {
	later := func(v Evidence) bool { return v.First.After(t) }
	for i := range e.Uses {
		e.Uses[i].Evidence = slices.DeleteFunc(e.Uses[i].Evidence, later)
	}
	e.Uses = slices.DeleteFunc(e.Uses, func(s Seen) bool { return len(s.Evidence) == 0 })
	e.Spells = slices.DeleteFunc(e.Spells, func(s Spell) bool { return s.First.After(t) })
	return e
}

// Turn says what became of an edge.
type Turn string

// The turns.
const (
	Appeared Turn = "appeared" // seen for the first time
	Returned Turn = "returned" // seen again after a silence that had ended a spell
	Vanished Turn = "vanished" // not seen any more, for longer than the gap of Limits
)

// Change is a turn of an edge, at the beginning or the end of a spell.
type Change struct {
	Edge Edge
	Turn Turn
	At   time.Time
}

// Between returns how the edges that the filter asks for changed after from and up to to, sorted by edge and then by time,
// and how many were there at both moments. What may still go on at now has not vanished.
func (g *Graph) Between(from, to, now time.Time, f Filter) (changes []Change, same int) {
	gap := g.limits.SpellGap
	for _, e := range g.History(f) {
		if e.present(from, now, gap) && e.present(to, now, gap) {
			same++
		}
		changes = append(changes, e.turns(from, to, now, gap)...)
	}
	return changes, same
}

func (e Edge) turns(from, to, now time.Time, gap time.Duration) []Change {
	within := func(t time.Time) bool { return t.After(from) && !t.After(to) }
	var turns []Change
	for i, s := range e.Spells {
		if within(s.First) {
			turn := Appeared
			if i > 0 {
				turn = Returned
			}
			turns = append(turns, Change{Edge: e, Turn: turn, At: s.First})
		}
		if within(s.Last) && !s.open(now, gap) {
			turns = append(turns, Change{Edge: e, Turn: Vanished, At: s.Last})
		}
	}
	slices.SortStableFunc(turns, func(a, b Change) int { return a.At.Compare(b.At) })
	return turns
}
