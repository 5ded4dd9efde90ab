package graph

import (
	"math"
	"slices"
	"time"
)

// Spell is a stretch of time in which an edge was seen again and again, in UTC: never silent for longer than the gap of
// Limits.
type Spell struct {
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
}

type spell struct{ first, last int64 }

// MaxSpells is how many spells an edge keeps. The oldest two become one where there are more.
const MaxSpells = 32

// none is the latest spell of an edge that has none.
func none() spell { return spell{first: math.MaxInt64, last: math.MinInt64} }

// saw adds a stretch of time to the spells. Most edges are seen again soon, which extends their latest spell.
func (e *entry) saw(s spell, gap int64) {
	if s.first >= e.latest.first && s.first <= later(e.latest.last, gap) {
		e.latest.last = max(e.latest.last, s.last)
		return
	}
	e.keep(joinSpells(e.spells(), s, gap))
}

// spells returns the spells, sorted, in a slice of the caller's.
func (e *entry) spells() []spell {
	if e.latest == none() {
		return nil
	}
	return append(slices.Clone(e.earlier), e.latest)
}

// keep takes the place of the spells.
func (e *entry) keep(spells []spell) {
	if len(spells) == 0 {
		e.latest, e.earlier = none(), nil
		return
	}
	last := len(spells) - 1
	e.latest, e.earlier = spells[last], slices.Clip(spells[:last])
}

// joinSpells puts s among sorted spells, and makes one of those that it brings within the gap of each other. Below the
// bound this is commutative, associative and idempotent: the result is how the union of all stretches falls apart.
func joinSpells(spells []spell, s spell, gap int64) []spell {
	from, _ := slices.BinarySearchFunc(spells, s.first, func(other spell, first int64) int {
		if later(other.last, gap) < first {
			return -1
		}
		return 1
	})
	to := from
	for to < len(spells) && spells[to].first <= later(s.last, gap) {
		s.first, s.last = min(s.first, spells[to].first), max(s.last, spells[to].last)
		to++
	}
	spells = slices.Replace(spells, from, to, s)
	if len(spells) > MaxSpells {
		spells[1].first = spells[0].first
		spells = slices.Delete(spells, 0, 1)
	}
	return spells
}

// later adds a gap to a moment, and stays at the end of time.
func later(moment, gap int64) int64 {
	if moment > math.MaxInt64-gap {
		return math.MaxInt64
	}
	return moment + gap
}

// open reports whether the spell may still go on at now: the silence since its end is not longer than the gap.
func (s Spell) open(now time.Time, gap time.Duration) bool { return !s.Last.Add(gap).Before(now) }
