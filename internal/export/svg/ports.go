package svg

import (
	"cmp"
	"slices"
)

// ports says how high an arc leaves its left box and enters its right one.
type ports struct{ left, right unit }

// findPorts spreads the arcs over the sides of their boxes, in the order in which they come, and where the other end
// allows it so that they run straight.
func (l *layout) findPorts() {
	leaving, entering := make([][]int, len(l.chart.boxes)), make([][]int, len(l.chart.boxes))
	for k, a := range l.arcs {
		leaving[a.left] = append(leaving[a.left], k)
		entering[a.right] = append(entering[a.right], k)
	}
	l.ports = make([]ports, len(l.arcs))
	for k, a := range l.arcs {
		chain := l.chains[k]
		l.ports[k] = ports{left: l.aim(a.left, chain[1]), right: l.aim(a.right, chain[len(chain)-2])}
	}
	for i := range l.chart.boxes {
		slices.SortFunc(leaving[i], func(j, k int) int {
			return cmp.Or(cmp.Compare(l.y[l.chains[j][1]], l.y[l.chains[k][1]]), cmp.Compare(j, k))
		})
		slices.SortFunc(entering[i], func(j, k int) int {
			return cmp.Or(cmp.Compare(l.y[l.fromLeft(j)], l.y[l.fromLeft(k)]), cmp.Compare(j, k))
		})
	}
	// One side follows the other in turn: then most arcs between two boxes run straight.
	for range maxTurns {
		l.seatAll(leaving, func(p *ports) *unit { return &p.left })
		l.agree(func(p *ports) { p.right = p.left })
		l.seatAll(entering, func(p *ports) *unit { return &p.right })
		l.agree(func(p *ports) { p.left = p.right })
	}
	l.seatAll(leaving, func(p *ports) *unit { return &p.left })
	l.agree(func(p *ports) { p.right = p.left })
	l.seatAll(entering, func(p *ports) *unit { return &p.right })
}

// maxTurns is how often the sides follow each other.
const maxTurns = 2

// seatAll seats the arcs at one side of every box.
func (l *layout) seatAll(arcs [][]int, end func(*ports) *unit) {
	for i, at := range arcs {
		l.seat(i, at, end)
	}
}

// fromLeft is the item from which arc k reaches its right box.
func (l *layout) fromLeft(k int) int { return l.chains[k][len(l.chains[k])-2] }

// aim is the height at which box i would like to be met by an arc from or to another item: that of a bend, half way
// between two boxes that see each other, else its middle.
func (l *layout) aim(i, other int) unit {
	side := l.side(i)
	if l.items[other].bend {
		return l.y[other]
	}
	there := l.side(other)
	top, bottom := max(l.y[i]-side, l.y[other]-there), min(l.y[i]+side, l.y[other]+there)
	if top <= bottom {
		return (top + bottom) / 2
	}
	return l.y[i]
}

// side is how far from the middle of its side a box can be met.
func (l *layout) side(i int) unit { return l.chart.boxes[i].height/2 - portMargin }

// agree lets one end of every arc without bends wish for the height of the other one, where its box is there.
func (l *layout) agree(follow func(*ports)) {
	for k, a := range l.arcs {
		if len(l.chains[k]) > 2 {
			continue
		}
		p := l.ports[k]
		if follow(&p); abs(p.left-l.y[a.left]) <= l.side(a.left) && abs(p.right-l.y[a.right]) <= l.side(a.right) {
			l.ports[k] = p
		}
	}
}

// seat gives the arcs at one side of box i heights near the ones that they have, apart and in order.
func (l *layout) seat(i int, arcs []int, end func(*ports) *unit) {
	side, last := l.side(i), len(arcs)-1
	gap := widePortGap
	if last > 0 {
		gap = min(gap, 2*side/last)
	}
	row := newLadder(len(arcs), len(arcs))
	want := make([]unit, len(arcs))
	for n, k := range arcs {
		want[n] = min(max(*end(&l.ports[k]), l.y[i]-side), l.y[i]+side)
		if n > 0 {
			row.hold(n-1, n, gap)
		}
	}
	row.seal()
	for n, height := range row.settle(want) {
		*end(&l.ports[arcs[n]]) = max(min(height, l.y[i]+side-(last-n)*gap), l.y[i]-side+n*gap)
	}
}

// follow moves boxes with a single arc to where that comes from, as far as they have room, so that it arrives straight.
func (l *layout) follow() {
	for k, a := range l.arcs {
		chain := l.chains[k]
		if len(l.left[a.right])+len(l.right[a.right]) == 1 {
			l.ports[k].right = l.align(a.right, l.height(k, len(chain)-2))
		} else if len(l.left[a.left])+len(l.right[a.left]) == 1 {
			l.ports[k].left = l.align(a.left, l.height(k, 1))
		}
	}
	l.tightenFrames()
}

// align moves a box towards a height and returns where it is met: there if its side reaches so far, else in the middle.
func (l *layout) align(i int, height unit) unit {
	if top, bottom := l.room(i); top <= bottom {
		l.move(i, min(max(height, top), bottom))
	}
	if abs(height-l.y[i]) <= l.side(i) {
		return height
	}
	return l.y[i]
}

func abs(u unit) unit { return max(u, -u) }
