package svg

// grid is the chart in columns: a place for every box, and for every link a place in each column that it passes.
type grid struct {
	chart   chart
	arcs    []arc
	items   []item  // the boxes in the order of the chart, then the bends and braces
	columns [][]int // items of each column from top to bottom
	chains  [][]int // for each arc its items from left to right, both boxes included
	left    [][]int // for each item its neighbours in earlier columns; with bends, in the one before
	right   [][]int
	spans   []span // for each space
	braces  int    // index of the first brace
}

// item is a box, or a bend: the place where a link passes a column.
type item struct {
	column       int
	space        int  // the frame it is in, or outside
	bend         bool // it is no box
	ends         pair // of a bend: the frames that its arc connects
	above, below unit // how far it reaches from its middle line, with the air around it
}

// pair is two namespaces, or outside for an end without one.
type pair struct{ left, right int }

// span is the range of columns that a frame covers, both included.
type span struct{ first, last int }

// maxBends bounds the bends of a picture. Where a tangled map would need more, its longest links go straight.
const maxBends = 20_000

func newGrid(c chart) *grid {
	order := sequence(c)
	all := arcs(c, order)
	g := &grid{chart: c, arcs: all, spans: make([]span, len(c.spaces))}
	for i, column := range layers(c, order, all) {
		above, below := c.boxes[i].reach()
		g.items = append(g.items, item{column: column, space: c.boxes[i].space, above: above, below: below})
	}
	g.measureSpans()
	g.bend()
	g.braces = len(g.items)
	g.brace()
	g.meet()
	g.fill()
	return g
}

// reach is how far a box reaches above and below its middle line, with the air around it.
func (b *box) reach() (above, below unit) {
	above, below = b.height/2+boxAir, b.height/2+boxAir
	if b.self != nil {
		above += loopHeight
	}
	return above, below
}

func (g *grid) measureSpans() {
	seen := make([]bool, len(g.spans))
	for _, it := range g.items {
		if it.space == outside {
			continue
		}
		s := &g.spans[it.space]
		if !seen[it.space] {
			seen[it.space] = true
			*s = span{it.column, it.column}
		}
		s.first, s.last = min(s.first, it.column), max(s.last, it.column)
	}
}

// bend gives every arc its chain of items.
func (g *grid) bend() {
	limit := g.longest()
	for _, a := range g.arcs {
		chain := []int{a.left}
		from, to := g.items[a.left], g.items[a.right]
		if to.column-from.column <= limit {
			for column := from.column + 1; column < to.column; column++ {
				g.items = append(g.items, item{
					column: column, bend: true, ends: pair{from.space, to.space}, space: g.passes(from, to, column),
					above: bendAir, below: bendAir,
				})
				chain = append(chain, len(g.items)-1)
			}
		}
		g.chains = append(g.chains, append(chain, a.right))
	}
}

// longest returns how many columns an arc may span to be bent, so that no more than maxBends come together.
func (g *grid) longest() int {
	counts := make(map[int]int)
	limit := 0
	for _, a := range g.arcs {
		length := g.items[a.right].column - g.items[a.left].column
		counts[length]++
		limit = max(limit, length)
	}
	bends := 0
	for length := 1; length <= limit; length++ {
		if bends += counts[length] * (length - 1); bends > maxBends {
			return length - 1
		}
	}
	return limit
}

// passes returns the frame in which an arc passes a column: the one that both ends share, or that of the only end inside
// the cluster as far as it reaches; else it passes between the frames.
func (g *grid) passes(from, to item, column int) int {
	within := func(space int) bool {
		return space != outside && g.spans[space].first <= column && column <= g.spans[space].last
	}
	switch {
	case from.space == to.space:
		return from.space
	case to.space == outside && within(from.space):
		return from.space
	case from.space == outside && within(to.space):
		return to.space
	default:
		return outside
	}
}

// brace puts an item of no size into the columns where a frame would be empty, so that nothing else takes its place.
func (g *grid) brace() {
	type place struct{ space, column int }
	taken := make(map[place]bool)
	for _, it := range g.items {
		taken[place{it.space, it.column}] = true
	}
	for space, span := range g.spans {
		for column := span.first; column <= span.last; column++ {
			if !taken[place{space, column}] {
				g.items = append(g.items, item{column: column, space: space, bend: true, ends: pair{space, space}})
			}
		}
	}
}

// meet notes the neighbours of every item.
func (g *grid) meet() {
	g.left, g.right = make([][]int, len(g.items)), make([][]int, len(g.items))
	for _, chain := range g.chains {
		for k := 1; k < len(chain); k++ {
			g.right[chain[k-1]] = append(g.right[chain[k-1]], chain[k])
			g.left[chain[k]] = append(g.left[chain[k]], chain[k-1])
		}
	}
}

func (g *grid) fill() {
	last := -1
	for _, it := range g.items {
		last = max(last, it.column)
	}
	g.columns = make([][]int, last+1)
	for i, it := range g.items {
		g.columns[it.column] = append(g.columns[it.column], i)
	}
}
