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
	for _, port := range l.portsBeside(k, from == 1, to == len(chain)-1) {
		if height = port; top <= port && port <= bottom {
			break
		}
	}
	height = min(max(height, top), bottom)
	for _, i := range chain[from:to] {
		l.move(i, height)
	}
	return to
}

// portsBeside returns the ports that bends should be level with, best first: those of the boxes that they reach, and of
// two boxes that with more links, because the other one will follow.
func (l *layout) portsBeside(k int, reachLeft, reachRight bool) []unit {
	a, p := l.arcs[k], l.ports[k]
	links := func(i int) int { return len(l.left[i]) + len(l.right[i]) }
	switch {
	case reachLeft && reachRight && links(a.left) > links(a.right):
		return []unit{p.left, p.right}
	case reachLeft && reachRight:
		return []unit{p.right, p.left}
	case reachLeft:
		return []unit{p.left}
	case reachRight:
		return []unit{p.right}
	default:
		return nil
	}
}

// straight reports whether arc k passes columns without a bend because the picture has too many.
func (l *layout) straight(k int) bool {
	a := l.arcs[k]
	return len(l.chains[k]) == 2 && l.items[a.right].column-l.items[a.left].column > 1
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
