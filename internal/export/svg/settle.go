package svg

import (
	"math"
	"slices"
)

// ladder is a system of places on one axis. Each rung keeps one place some distance below another one.
//
//	places   a ──┐
//	             │ apart
//	         b ──┘
type ladder struct {
	rungs [][]rung // by the upper place
	back  [][]rung // by the lower place
	order []int    // the places from top to bottom: whatever is kept below another one comes after it
	idle  int      // places from this one on want nothing: they only hold others apart
}

type rung struct {
	to    int
	apart unit
}

// newLadder returns a system of n places without rungs. Those from idle on want nothing.
func newLadder(n, idle int) *ladder {
	return &ladder{rungs: make([][]rung, n), back: make([][]rung, n), idle: idle}
}

// hold keeps lower at least apart below upper. The rungs must make no circle.
func (l *ladder) hold(upper, lower int, apart unit) {
	l.rungs[upper] = append(l.rungs[upper], rung{lower, apart})
	l.back[lower] = append(l.back[lower], rung{upper, apart})
}

// seal sorts the places. It is called once, after the last hold.
func (l *ladder) seal() {
	waits := make([]int, len(l.rungs))
	for i := range l.back {
		waits[i] = len(l.back[i])
		if waits[i] == 0 {
			l.order = append(l.order, i)
		}
	}
	for k := 0; k < len(l.order); k++ {
		for _, r := range l.rungs[l.order[k]] {
			if waits[r.to]--; waits[r.to] == 0 {
				l.order = append(l.order, r.to)
			}
		}
	}
}

// nowhere is a place that holds nothing apart.
const nowhere = math.MaxInt / 4

// settle returns places near the wanted ones that keep every rung. It takes the mean of pushing everything down that is
// too high and of pushing everything up that is too low: both keep the rungs, and so does every mean of the two.
func (l *ladder) settle(want []unit) []unit {
	low, high := make([]unit, len(l.rungs)), make([]unit, len(l.rungs))
	for _, i := range l.order {
		low[i] = -nowhere
		if i < l.idle {
			low[i] = want[i]
		}
		for _, r := range l.back[i] {
			low[i] = max(low[i], low[r.to]+r.apart)
		}
	}
	for _, i := range slices.Backward(l.order) {
		high[i] = nowhere
		if i < l.idle {
			high[i] = want[i]
		}
		for _, r := range l.rungs[i] {
			high[i] = min(high[i], high[r.to]-r.apart)
		}
	}
	for i := range low {
		low[i] = (low[i] + high[i]) >> 1 // rounds down on both sides of zero, which keeps the rungs
	}
	return low
}
