package svg

// Bounds of the relaxation: how often items move, the less often the more they are.
const (
	maxRelaxations = 16
	minRelaxations = 3
	maxMoves       = 100_000
)

// relax moves every item to its neighbours as far as those above and below leave room, and then the rows of items that
// hold each other up, which brings into line what falling together left a little off. Heavy items feel gravity too.
func (l *layout) relax(heavy bool) {
	for pass := range max(minRelaxations, min(maxRelaxations, maxMoves/(1+len(l.items)))) {
		middles := l.middles()
		for k := range l.columns {
			c := k
			if pass%2 == 1 {
				c = len(l.columns) - 1 - k
			}
			for _, i := range l.columns[c] {
				l.ease(i, heavy, middles)
			}
			l.slide(l.columns[c])
		}
		l.tightenFrames()
	}
}

func (l *layout) ease(i int, heavy bool, middles []unit) {
	y := l.pulled(i)
	if heavy {
		y = l.drawn(i, middles)
	}
	if top, bottom := l.room(i); i < l.braces && top <= bottom {
		l.move(i, min(max(y, top), bottom))
	}
}

// slide moves each row of items without room between them as one.
func (l *layout) slide(column []int) {
	for from := 0; from < len(column); {
		to := from + 1
		for to < len(column) && l.touching(column[to-1], column[to]) {
			to++
		}
		if to-from > 1 {
			l.slideRow(column[from:to])
		}
		from = to
	}
}

func (l *layout) touching(upper, lower int) bool {
	a, b := l.items[upper], l.items[lower]
	return a.space == b.space && l.y[lower]-l.y[upper] == a.below+b.above
}

func (l *layout) slideRow(row []int) {
	pull, weights := 0, 0
	for _, i := range row {
		sum, weight := l.pull(i)
		pull += sum - weight*l.y[i]
		weights += weight
	}
	if weights == 0 {
		return
	}
	first, last := row[0], row[len(row)-1]
	up, _ := l.room(first)
	_, down := l.room(last)
	by := min(max(pull/weights, up-l.y[first]), down-l.y[last])
	for _, i := range row {
		l.move(i, l.y[i]+by)
	}
}

// room is the range in which an item can move while the other items stand. A frame gives way as far as it has room itself.
func (l *layout) room(i int) (top, bottom unit) {
	top, bottom = -nowhere, nowhere
	for _, r := range l.ladder.back[i] {
		upper := l.y[r.to]
		if r.to >= len(l.items) {
			upper = l.ceiling(r.to)
		}
		top = max(top, upper+r.apart)
	}
	for _, r := range l.ladder.rungs[i] {
		lower := l.y[r.to]
		if r.to >= len(l.items) {
			lower = l.ground(r.to)
		}
		bottom = min(bottom, lower-r.apart)
	}
	return top, bottom
}

// ceiling is how far up the top of a frame can go, and ground how far down its bottom.
func (l *layout) ceiling(top int) unit {
	up := -nowhere
	for _, r := range l.ladder.back[top] {
		up = max(up, l.y[r.to]+r.apart)
	}
	return up
}

func (l *layout) ground(bottom int) unit {
	down := nowhere
	for _, r := range l.ladder.rungs[bottom] {
		down = min(down, l.y[r.to]-r.apart)
	}
	return down
}

// move puts an item at a height, and widens its frame where it has to.
func (l *layout) move(i int, y unit) {
	l.y[i] = y
	if it := l.items[i]; it.space != outside {
		top, bottom := &l.y[l.frameTop(it.space)], &l.y[l.frameBottom(it.space)]
		*top, *bottom = min(*top, y-it.above-frameTop), max(*bottom, y+it.below+frameBottom)
	}
}
