package svg

import (
	"cmp"
	"slices"
)

// ordering seeks the order within the columns that makes few links cross.
type ordering struct {
	g      *grid
	bands  []band
	height []unit   // about where an item will be, from top to bottom of its column
	place  []int    // its index in its column
	wish   []unit   // where an item of the column that is arranged would like to be
	ends   [4][]int // lists that are used again
}

// Bounds of the search. More sweeps find little more.
const (
	maxSweeps     = 24
	maxIdleSweeps = 6
	maxSwapPasses = 8
	maxSwapItems  = 5_000 // where more items stand, swapping neighbours costs more than it gives
)

// sortColumns orders the items of every column. It sweeps over the columns in both directions, from two beginnings, and
// keeps the best order that it met. Source: Sugiyama, Tagawa and Toda 1981; Gansner et al., A technique for drawing
// directed graphs, 1993, for the swaps.
func sortColumns(g *grid) *ordering {
	n := len(g.items)
	o := &ordering{
		g: g, bands: measureBands(g, rankSpaces(g)),
		height: make([]unit, n), place: make([]int, n), wish: make([]unit, n),
	}
	begin := cloneColumns(g.columns)
	best := o.search(begin)
	if other := o.search(o.byDescent(begin)); other.cost.less(best.cost) {
		best = other
	}
	g.columns, o.height = best.columns, best.height
	return o
}

// sorted is an order that the search met.
type sorted struct {
	columns [][]int
	height  []unit
	cost    cost
}

func (o *ordering) snapshot(c cost) sorted {
	return sorted{cloneColumns(o.g.columns), slices.Clone(o.height), c}
}

// cost compares orders: by crossings, then by how much the links go up and down.
type cost struct{ crossings, climb int }

func (c cost) less(than cost) bool {
	return cmp.Or(cmp.Compare(c.crossings, than.crossings), cmp.Compare(c.climb, than.climb)) < 0
}

// search sweeps from one beginning and returns the best order on the way.
func (o *ordering) search(begin [][]int) sorted {
	o.begin(begin)
	best := o.snapshot(o.cost())
	for sweep, idle := 0, 0; sweep < maxSweeps && idle < maxIdleSweeps; sweep++ {
		o.sweep(sweep%2 == 0)
		if len(o.g.items) <= maxSwapItems {
			o.swap()
		}
		idle++
		if now := o.cost(); now.less(best.cost) {
			best, idle = o.snapshot(now), 0
		}
	}
	return best
}

// begin takes the columns, the items of each frame together and the frames in their order.
func (o *ordering) begin(columns [][]int) {
	o.g.columns = cloneColumns(columns)
	clear(o.height)
	for c := range o.g.columns {
		for _, i := range o.g.columns[c] {
			o.wish[i] = 0
		}
		o.arrange(c)
	}
}

// byDescent orders the items as a walk from the left meets them, so that what belongs together begins together.
func (o *ordering) byDescent(columns [][]int) [][]int {
	met := make([]bool, len(o.g.items))
	walked := make([][]int, len(columns))
	var stack []int
	for _, column := range columns {
		for _, start := range column {
			stack = append(stack, start)
			for len(stack) > 0 {
				i := stack[len(stack)-1]
				stack = stack[:len(stack)-1]
				if met[i] {
					continue
				}
				met[i] = true
				walked[o.g.items[i].column] = append(walked[o.g.items[i].column], i)
				for _, next := range slices.Backward(o.g.right[i]) {
					stack = append(stack, next)
				}
			}
		}
	}
	return walked
}

// sweep arranges each column by the one that it has just arranged.
func (o *ordering) sweep(rightwards bool) {
	last := len(o.g.columns) - 1
	for k := 1; k <= last; k++ {
		c, neighbours := k, o.g.left
		if !rightwards {
			c, neighbours = last-k, o.g.right
		}
		for _, i := range o.g.columns[c] {
			o.wish[i] = o.mean(neighbours[i], o.height[i])
		}
		o.arrange(c)
	}
}

func (o *ordering) mean(items []int, none unit) unit {
	if len(items) == 0 {
		return none
	}
	sum := 0
	for _, i := range items {
		sum += o.height[i]
	}
	return sum / len(items)
}

// arrange sorts a column by the wishes of its items. Whoever is in a frame stays in its band, all others stay out of the
// bands of the frames that cover the column.
func (o *ordering) arrange(c int) {
	column, wish := o.g.columns[c], o.wish
	for _, i := range column {
		if o.g.items[i].space == outside {
			wish[i] = o.outOfBands(c, o.betweenEnds(i, wish[i]))
		}
	}
	slices.SortStableFunc(column, func(i, j int) int {
		return cmp.Or(cmp.Compare(o.zone(i, wish[i]), o.zone(j, wish[j])), cmp.Compare(wish[i], wish[j]))
	})
	for _, i := range column {
		o.height[i] = wish[i]
	}
	o.stack(c)
}

// zone orders the bands and what is between them: inside a frame every item counts as its band's top.
func (o *ordering) zone(i int, wish unit) unit {
	if space := o.g.items[i].space; space != outside {
		return o.bands[space].top
	}
	return wish
}

// betweenEnds keeps a link from one frame to another in the room between the two.
func (o *ordering) betweenEnds(i int, wish unit) unit {
	it := o.g.items[i]
	if !it.bend || it.ends.left == outside || it.ends.right == outside {
		return wish
	}
	upper, lower := o.bands[it.ends.left], o.bands[it.ends.right]
	if upper.top > lower.top {
		upper, lower = lower, upper
	}
	return min(max(wish, upper.bottom+1), lower.top-1)
}

// outOfBands returns the nearest height that is in no band of a frame in the column.
func (o *ordering) outOfBands(c int, wish unit) unit {
	for space, span := range o.g.spans {
		b := o.bands[space]
		if span.first <= c && c <= span.last && b.top <= wish && wish <= b.bottom {
			if wish-b.top < b.bottom-wish {
				return b.top - 1
			}
			return b.bottom + 1
		}
	}
	return wish
}

// stack gives the items of a column heights in their order: the members of a frame around the middle of its band.
func (o *ordering) stack(c int) {
	column := o.g.columns[c]
	for from := 0; from < len(column); {
		space, size, to := o.g.items[column[from]].space, unit(0), from
		for ; to < len(column) && o.g.items[column[to]].space == space; to++ {
			size += o.g.items[column[to]].above + o.g.items[column[to]].below
		}
		if space != outside {
			o.pile(column[from:to], (o.bands[space].top+o.bands[space].bottom-size)/2)
		} else {
			o.spread(column[from:to])
		}
		from = to
	}
	for k, i := range column {
		o.place[i] = k
	}
}

func (o *ordering) pile(items []int, top unit) {
	for _, i := range items {
		it := o.g.items[i]
		o.height[i] = top + it.above
		top += it.above + it.below
	}
}

// spread moves items apart that are between frames, around the heights that they have.
func (o *ordering) spread(items []int) {
	l := newLadder(len(items), len(items))
	want := make([]unit, len(items))
	for k, i := range items {
		want[k] = o.height[i]
		if k > 0 {
			l.hold(k-1, k, o.g.items[items[k-1]].below+o.g.items[i].above)
		}
	}
	l.seal()
	for k, height := range l.settle(want) {
		o.height[items[k]] = height
	}
}

func cloneColumns(columns [][]int) [][]int {
	all := make([][]int, len(columns))
	for c, column := range columns {
		all[c] = slices.Clone(column)
	}
	return all
}
