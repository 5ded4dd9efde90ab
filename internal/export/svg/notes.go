package svg

// note is the label of an arc where it found a place.
type note struct {
	text string
	area area
}

// area is a rectangle.
type area struct{ left, top, right, bottom unit }

func (a area) width() unit  { return a.right - a.left }
func (a area) height() unit { return a.bottom - a.top }

// overlap is the size of what two rectangles have in common, in square pixels.
func (a area) overlap(b area) int {
	width, height := min(a.right, b.right)-max(a.left, b.left), min(a.bottom, b.bottom)-max(a.top, b.top)
	if width <= 0 || height <= 0 {
		return 0
	}
	return width * height / (px * px)
}

// Lengths of labels.
const (
	noteHeight  = 15 * px
	notePadding = 5 * px
	noteAir     = px // between two labels
)

// What a bad place costs a label.
const (
	onBox    = 1000 // each square pixel on a box
	onNote   = 200  // each square pixel on another label
	onTitle  = 100  // each square pixel on the name of a frame
	onHead   = 400  // each square pixel on the head of an arrow
	onLine   = 90   // each other link beneath
	offByOne = 6    // each step from the middle of the curve
)

// noPlace is the cost from which on a label is left out: it would hide something. Its text still is in the title.
const noPlace = 20_000

// placeNotes finds a place on its own curve for every label, in the order of the links, clear of boxes and labels where
// that is possible.
func (l *layout) placeNotes() {
	m := newSurface(l.bounds())
	for i := range l.chart.boxes {
		m.put(l.boxArea(i), onBox)
	}
	for space := range l.frames {
		m.put(l.titleArea(space), onTitle)
	}
	for i := range l.chart.boxes {
		if l.chart.boxes[i].self != nil {
			m.put(l.loopNote(i), onNote)
		}
	}
	for k := range l.arcs {
		m.put(l.headArea(k), onHead)
		if l.straight(k) {
			continue // it lies over so much that no label can stay clear of it
		}
		points := l.trace(k)
		for n := 1; n < len(points); n++ {
			m.mark(stroke{points[n-1], points[n], k})
		}
	}
	for k, link := range l.chart.links {
		if text := labelFont().shorten(link.label(), maxTextWidth); text != "" {
			l.notes[k] = l.placeNote(m, k, text)
		}
	}
}

// placeNote takes the cheapest place. The note is empty where there is none.
func (l *layout) placeNote(m *surface, k int, text string) note {
	width := labelFont().width(text) + 2*notePadding
	var best area
	lowest := noPlace
	for rank, p := range l.seats(k) {
		a := area{p.x - width/2, p.y - noteHeight/2, p.x + width/2, p.y + noteHeight/2}
		if rank*offByOne >= lowest {
			break
		}
		if cost := rank*offByOne + m.cost(a, k, lowest); cost < lowest {
			best, lowest = a, cost
		}
	}
	if lowest == noPlace {
		return note{}
	}
	m.put(area{best.left - noteAir, best.top - noteAir, best.right + noteAir, best.bottom + noteAir}, onNote)
	return note{text: text, area: best}
}

// seats returns the places of a label on its curve, best first: around the middle of the curve that reaches the server,
// then on the others, then where it passes a column.
func (l *layout) seats(k int) []point {
	route := l.route(k)
	var seats []point
	for from := 0; from < len(route); from += 2 {
		at := len(route) - 2 - from
		if l.arcs[k].back {
			at = from
		}
		for off := range steps/2 - 1 {
			seats = append(seats, along(route[at], route[at+1], steps/2-off))
			if off > 0 {
				seats = append(seats, along(route[at], route[at+1], steps/2+off))
			}
		}
	}
	for n := 2; n < len(route); n += 2 {
		seats = append(seats, point{(route[n-1].x + route[n].x) / 2, route[n].y})
	}
	return seats
}

// traceSteps is how far apart the points of a trace are.
const traceSteps = 2

// trace returns points all along an arc.
func (l *layout) trace(k int) []point {
	route := l.route(k)
	var points []point
	for n := 0; n < len(route); n += 2 {
		for step := 0; step <= steps; step += traceSteps {
			points = append(points, along(route[n], route[n+1], step))
		}
	}
	return points
}
