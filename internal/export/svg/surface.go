package svg

import "slices"

// surface knows what lies where, in squares, so that a question looks at its surroundings alone.
type surface struct {
	origin        point
	size          unit // of a square
	columns, rows int
	cells         []*cell // row by row; nil where nothing lies
	crossed       []int   // the arcs beneath the area that is asked for
}

// cell is what lies in a square.
type cell struct {
	areas []obstacle
	lines []stroke
}

type obstacle struct {
	area  area
	price int // of each square pixel
}

// stroke is a short straight piece of an arc.
type stroke struct {
	from, to point
	arc      int
}

const (
	squareSize  = 48 * px   // about as large as a label, larger where the picture is very large
	maxSquares  = 1_000_000 // of a picture
	maxInSquare = 32        // of each kind
	touch       = 5         // square pixels that a touch counts at least
)

// newSurface covers an area. What lies outside of it counts to the nearest square.
func newSurface(a area) *surface {
	s := &surface{origin: point{a.left, a.top}, size: squareSize}
	for s.measure(a); s.columns*s.rows > maxSquares; s.measure(a) {
		s.size *= 2
	}
	s.cells = make([]*cell, s.columns*s.rows)
	return s
}

func (s *surface) measure(a area) {
	s.columns, s.rows = a.width()/s.size+1, a.height()/s.size+1
}

func (s *surface) put(a area, price int) {
	s.touched(a, func(at int) {
		if c := s.cell(at); len(c.areas) < maxInSquare {
			c.areas = append(c.areas, obstacle{a, price})
		}
	})
}

func (s *surface) cell(at int) *cell {
	if s.cells[at] == nil {
		s.cells[at] = new(cell)
	}
	return s.cells[at]
}

// mark notes a stroke in every square that it may touch, a long one in pieces. What comes to a full square is forgotten:
// there is no good place in it anyway.
func (s *surface) mark(t stroke) {
	if a := t.area(); a.width() > s.size && a.height() > s.size {
		middle := point{(t.from.x + t.to.x) / 2, (t.from.y + t.to.y) / 2}
		s.mark(stroke{t.from, middle, t.arc})
		s.mark(stroke{middle, t.to, t.arc})
		return
	}
	s.touched(t.area(), func(at int) {
		if c := s.cell(at); len(c.lines) < maxInSquare {
			c.lines = append(c.lines, t)
		}
	})
}

// cost is what it costs a label of arc k to lie on an area: for every other arc beneath, and for what else lies there;
// that in several squares counts in each, which only makes a bad place worse. Above the limit nothing is counted.
func (s *surface) cost(a area, k, limit int) int {
	total := 0
	s.crossed = append(s.crossed[:0], k)
	s.touched(a, func(at int) {
		c := s.cells[at]
		if c == nil || total >= limit {
			return
		}
		total += c.cost(a)
		for _, t := range c.lines {
			if !slices.Contains(s.crossed, t.arc) && t.crosses(a) {
				s.crossed = append(s.crossed, t.arc)
				total += onLine
			}
		}
	})
	return total
}

func (c *cell) cost(a area) int {
	total := 0
	for _, o := range c.areas {
		if common := a.overlap(o.area); common > 0 {
			total += o.price * (common + touch)
		}
	}
	return total
}

func (t stroke) area() area {
	return area{min(t.from.x, t.to.x), min(t.from.y, t.to.y), max(t.from.x, t.to.x), max(t.from.y, t.to.y)}
}

// crosses reports whether the stroke touches a rectangle: their extents overlap, and the corners do not all lie on one
// side of the line.
func (t stroke) crosses(a area) bool {
	b := t.area()
	if b.right < a.left || a.right < b.left || b.bottom < a.top || a.bottom < b.top {
		return false
	}
	above, below := false, false
	for _, corner := range [4]point{{a.left, a.top}, {a.right, a.top}, {a.left, a.bottom}, {a.right, a.bottom}} {
		side := (t.to.x-t.from.x)*(corner.y-t.from.y) - (t.to.y-t.from.y)*(corner.x-t.from.x)
		above, below = above || side <= 0, below || side >= 0
	}
	return above && below
}

// touched visits the squares that an area lies on, by their index.
func (s *surface) touched(a area, visit func(int)) {
	left, right := s.index(a.left-s.origin.x, s.columns), s.index(a.right-s.origin.x, s.columns)
	top, bottom := s.index(a.top-s.origin.y, s.rows), s.index(a.bottom-s.origin.y, s.rows)
	for row := top; row <= bottom; row++ {
		for column := left; column <= right; column++ {
			visit(row*s.columns + column)
		}
	}
}

func (s *surface) index(u unit, squares int) int { return min(max(u/s.size, 0), squares-1) }
