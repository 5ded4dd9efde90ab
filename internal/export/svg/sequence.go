package svg

import "slices"

// sequence returns the boxes in an order in which few links point backwards: whatever calls nobody goes to the end,
// whatever nobody calls to the beginning, and from a knot the box with the most calls over callers. Peers outside the
// cluster that are called come last. Linear in boxes and links.
// Source: Eades, Lin and Smyth, A fast and effective heuristic for the feedback arc set problem, 1993.
func sequence(c chart) []int {
	p := newPeeling(c)
	var head, tail []int
	for i := range c.boxes {
		if c.boxes[i].space == outside && p.callers[i] > 0 {
			p.remove(i)
			tail = append(tail, i)
		}
	}
	for len(head)+len(tail) < len(c.boxes) {
		if i, ok := p.take(&p.sinks); ok {
			tail = append(tail, i)
		} else if i, ok = p.take(&p.sources); ok {
			head = append(head, i)
		} else {
			head = append(head, p.takeFromKnot())
		}
	}
	slices.Reverse(tail)
	return append(head, tail...)
}

// peeling is what remains of the chart while boxes are taken away.
type peeling struct {
	to, from       [][]int
	calls, callers []int // how many remain
	gone           []bool
	sinks, sources []int
	knots          [][]int // by calls - callers + offset; holds outdated entries
	offset, top    int
}

func newPeeling(c chart) *peeling {
	n := len(c.boxes)
	p := &peeling{to: make([][]int, n), from: make([][]int, n), calls: make([]int, n), callers: make([]int, n), gone: make([]bool, n)}
	for _, l := range c.links {
		p.to[l.from] = append(p.to[l.from], l.to)
		p.from[l.to] = append(p.from[l.to], l.from)
	}
	for i := range n {
		p.calls[i], p.callers[i] = len(p.to[i]), len(p.from[i])
		p.offset = max(p.offset, p.callers[i])
		p.top = max(p.top, p.calls[i])
	}
	p.knots = make([][]int, p.offset+p.top+1)
	for i := n - 1; i >= 0; i-- {
		p.file(i)
	}
	return p
}

// file puts a box where it belongs by what remains of its links.
func (p *peeling) file(i int) {
	switch {
	case p.gone[i]:
	case p.calls[i] == 0:
		p.sinks = append(p.sinks, i)
	case p.callers[i] == 0:
		p.sources = append(p.sources, i)
	default:
		at := p.calls[i] - p.callers[i] + p.offset
		p.knots[at] = append(p.knots[at], i)
		p.top = max(p.top, at)
	}
}

func (p *peeling) remove(i int) {
	p.gone[i] = true
	for _, to := range p.to[i] {
		p.callers[to]--
		p.file(to)
	}
	for _, from := range p.from[i] {
		p.calls[from]--
		p.file(from)
	}
}

// take removes the last box of a list that is still there.
func (p *peeling) take(list *[]int) (int, bool) {
	for len(*list) > 0 {
		i := (*list)[len(*list)-1]
		*list = (*list)[:len(*list)-1]
		if !p.gone[i] {
			p.remove(i)
			return i, true
		}
	}
	return 0, false
}

// takeFromKnot removes the box with the most calls over callers. Some box remains, and each has calls and callers.
func (p *peeling) takeFromKnot() int {
	for {
		list := p.knots[p.top]
		if len(list) == 0 {
			p.top--
			continue
		}
		i := list[len(list)-1]
		p.knots[p.top] = list[:len(list)-1]
		if !p.gone[i] && p.calls[i]-p.callers[i]+p.offset == p.top {
			p.remove(i)
			return i
		}
	}
}
