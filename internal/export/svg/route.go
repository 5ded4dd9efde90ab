package svg

// maxStraightenings is how often all chains are straightened: each makes room for others.
const maxStraightenings = 3

// straighten lets every arc run level through as many columns as the others leave room for.
func (l *layout) straighten() {
	for range maxStraightenings {
		for k, chain := range l.chains {
			for from := 1; from < len(chain)-1; {
				from = l.level(k, chain, from)
			}
		}
	}
}

// level puts the bends of a chain from one on at the same height, as many as fit, and returns the first that does not.
func (l *layout) level(k int, chain []int, from int) int {
	top, bottom, sum := -nowhere, nowhere, 0
	to := from
	for ; to < len(chain)-1; to++ {
		up, down := l.room(chain[to])
		if max(top, up) > min(bottom, down) {
			break
		}
		top, bottom = max(top, up), min(bottom, down)
		sum += l.y[chain[to]]
	}
	if to == from {
		return from + 1
	}
	height := sum / (to - from)
	if first, last := l.ports[k].left, l.ports[k].right; to == len(chain)-1 && top <= last && last <= bottom {
		height = last
	} else if from == 1 && top <= first && first <= bottom {
		height = first
	}
	height = min(max(height, top), bottom)
	for _, i := range chain[from:to] {
		l.y[i] = height
	}
	return to
}

// room is the range in which an item can move while everything else stands.
func (l *layout) room(i int) (top, bottom unit) {
	top, bottom = -nowhere, nowhere
	for _, r := range l.ladder.back[i] {
		top = max(top, l.y[r.to]+r.apart)
	}
	for _, r := range l.ladder.rungs[i] {
		bottom = min(bottom, l.y[r.to]-r.apart)
	}
	return top, bottom
}

// point is a place on the picture.
type point struct{ x, y unit }

// route returns the points of an arc from left to right: curves lead from each odd one to the next, and level lines
// lie between them.
//
//	0 ╮                      ╭ 4 ─── box
//	  ╰ 1 ──── 2 ╮    ╭ ...
func (l *layout) route(k int) []point {
	chain := l.chains[k]
	a := l.arcs[k]
	route := []point{{l.x[l.items[a.left].column].right, l.ports[k].left}}
	for _, i := range chain[1 : len(chain)-1] {
		x := l.x[l.items[i].column]
		route = append(route, point{x.left, l.y[i]}, point{x.right, l.y[i]})
	}
	return append(route, point{l.x[l.items[a.right].column].left, l.ports[k].right})
}

// steps is in how many parts a curve is cut where its points are needed.
const steps = 16

// along returns the point of the curve from one point to another after some of its steps. The curve leaves and arrives
// level, with its handles half way.
func along(from, to point, step int) point {
	const whole = steps * steps * steps
	rest := steps - step
	// Bernstein polynomials with the handles at half of the width: 3/2 t(1-t)² + 3/2 t²(1-t) + t³ for x.
	x := (3*step*rest*rest+3*step*step*rest)/2 + step*step*step
	y := 3*step*step*rest + step*step*step
	return point{from.x + (to.x-from.x)*x/whole, from.y + (to.y-from.y)*y/whole}
}
