package svg

// layout is the grid with a place for everything.
type layout struct {
	*grid
	y      []unit // middle line of each item
	frames []frame
	x      []extent // of the boxes in each column
	ports  []ports  // of each arc
	ladder *ladder
	notes  []note
}

// frame is the height of a namespace's rectangle; its width is that of its columns.
type frame struct{ top, bottom unit }

// extent is a range on the axis from left to right.
type extent struct{ left, right unit }

// layOut finds a place for everything in the chart.
func layOut(c chart) *layout {
	l := &layout{grid: newGrid(c), notes: make([]note, len(c.links))}
	o := sortColumns(l.grid)
	l.buildLadder()
	l.fall(o.height)
	for round := range maxRounds {
		l.relax(round+1 < maxRounds)
		l.findPorts()
		l.straighten()
		l.tightenFrames()
	}
	l.follow()
	l.placeColumns()
	l.anchor()
	l.placeNotes()
	return l
}

// anchor moves everything so that the picture begins at zero.
func (l *layout) anchor() {
	corner := l.bounds()
	for c := range l.x {
		l.x[c].left -= corner.left
		l.x[c].right -= corner.left
	}
	for i := range l.y {
		l.y[i] -= corner.top
	}
	for space := range l.frames {
		l.frames[space].top -= corner.top
		l.frames[space].bottom -= corner.top
	}
	for k := range l.ports {
		l.ports[k].left -= corner.top
		l.ports[k].right -= corner.top
	}
}

// buildLadder says what keeps what apart from top to bottom: the items of a column, and the frames around them.
func (l *layout) buildLadder() {
	l.ladder = newLadder(len(l.items)+2*len(l.spans), l.braces)
	for _, column := range l.columns {
		for k, i := range column {
			if k > 0 {
				l.holdApart(column[k-1], i)
			} else if space := l.items[i].space; space != outside {
				l.ladder.hold(l.frameTop(space), i, frameTop+l.items[i].above)
			}
		}
		if k := len(column) - 1; k >= 0 && l.items[column[k]].space != outside {
			l.ladder.hold(column[k], l.frameBottom(l.items[column[k]].space), l.items[column[k]].below+frameBottom)
		}
	}
	l.ladder.seal()
}

// frameTop and frameBottom are the places of a frame in the ladder.
func (l *layout) frameTop(space int) int    { return len(l.items) + 2*space }
func (l *layout) frameBottom(space int) int { return len(l.items) + 2*space + 1 }

// holdApart holds neighbours of a column apart, and the frames that end and begin between them.
func (l *layout) holdApart(upper, lower int) {
	a, b := l.items[upper], l.items[lower]
	if a.space == b.space {
		l.ladder.hold(upper, lower, a.below+b.above)
		return
	}
	last, air := upper, a.below+openAir
	if a.space != outside {
		last, air = l.frameBottom(a.space), frameAir
		l.ladder.hold(upper, last, a.below+frameBottom)
	}
	first := lower
	if b.space != outside {
		first = l.frameTop(b.space)
		l.ladder.hold(first, lower, frameTop+b.above)
	}
	switch {
	case a.space != outside && b.space == outside:
		air = openAir + b.above
	case a.space == outside && b.space != outside:
		air = a.below + openAir
	}
	l.ladder.hold(last, first, air)
}

// Weights of the pull between neighbours: the more bends, the straighter. Source: Gansner et al. 1993, section 4.
const (
	boxToBox   = 1
	boxToBend  = 2
	bendToBend = 8
)

// gravity is the weight of the pull to the middle in hundredths of that between two boxes: it closes gaps that nothing
// else would.
const gravity = 6

// maxRounds is how often everything is brought into line: items, then the ends of links, then their bends.
const maxRounds = 3

// maxFalls is how often items are pulled to their neighbours; later pulls move little.
const maxFalls = 48

// fall pulls every item towards its neighbours and settles, again and again.
func (l *layout) fall(start []unit) {
	l.y = l.ladder.settle(start)
	for pass := range maxFalls {
		middles := l.middles()
		for k := range l.columns {
			c := k
			if pass%2 == 1 {
				c = len(l.columns) - 1 - k
			}
			for _, i := range l.columns[c] {
				l.y[i] = l.drawn(i, middles)
			}
		}
		l.y = l.ladder.settle(l.y)
	}
	l.tightenFrames()
}

// pulled is the weighted mean of the places of the neighbours, or where the item is if it has none.
func (l *layout) pulled(i int) unit {
	if sum, weights := l.pull(i); weights > 0 {
		return sum / weights
	}
	return l.y[i]
}

// drawn is where neighbours and gravity together pull an item.
func (l *layout) drawn(i int, middles []unit) unit {
	sum, weights := l.pull(i)
	if i >= len(l.chart.boxes) {
		return l.pulled(i)
	}
	middle := middles[len(middles)-1]
	if space := l.items[i].space; space != outside {
		middle = middles[space]
	}
	return (100*sum + gravity*middle) / (100*weights + gravity)
}

func (l *layout) pull(i int) (sum, weights int) {
	for _, neighbours := range [][]int{l.left[i], l.right[i]} {
		for _, j := range neighbours {
			weight := boxToBox
			if l.items[i].bend && l.items[j].bend {
				weight = bendToBend
			} else if l.items[i].bend || l.items[j].bend {
				weight = boxToBend
			}
			sum += weight * l.y[j]
			weights += weight
		}
	}
	return sum, weights
}

// middles returns the mean place of the boxes of each namespace, a little towards that of all boxes, which comes last.
func (l *layout) middles() []unit {
	last := len(l.spans)
	sums, counts := make([]unit, last+1), make([]int, last+1)
	for i := range l.chart.boxes {
		sums[last] += l.y[i]
		counts[last]++
		if space := l.items[i].space; space != outside {
			sums[space] += l.y[i]
			counts[space]++
		}
	}
	middles := make([]unit, last+1)
	for i := last; i >= 0 && counts[last] > 0; i-- {
		middles[i] = sums[i] / counts[i]
		middles[i] += (middles[last] - middles[i]) / 4
	}
	return middles
}

// tightenFrames draws each frame as narrow as its items allow.
func (l *layout) tightenFrames() {
	l.frames = make([]frame, len(l.spans))
	for i := range l.frames {
		l.frames[i] = frame{top: nowhere, bottom: -nowhere}
	}
	for i, it := range l.items[:l.braces] {
		if it.space != outside {
			f := &l.frames[it.space]
			f.top = min(f.top, l.y[i]-it.above-frameTop)
			f.bottom = max(f.bottom, l.y[i]+it.below+frameBottom)
		}
	}
	for space, f := range l.frames {
		l.y[l.frameTop(space)], l.y[l.frameBottom(space)] = f.top, f.bottom
	}
}
