package svg

// surface knows what lies where, in squares, so that a question looks at its surroundings alone.
type surface struct{ cells map[square]*cell }

// cell is what lies in a square.
type cell struct {
	areas []obstacle
	lines []stroke
}

type square struct{ x, y int }

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
	squareSize  = 48 * px // about as large as a label
	maxInSquare = 48      // of each kind
	touch       = 5       // square pixels that a touch counts at least
)

func newSurface() *surface {
	return &surface{cells: make(map[square]*cell)}
}

func (s *surface) at(where square) *cell {
	c := s.cells[where]
	if c == nil {
		c = new(cell)
		s.cells[where] = c
	}
	return c
}

func (s *surface) put(a area, price int) {
	a.squares(func(where square) {
		if c := s.at(where); len(c.areas) < maxInSquare {
			c.areas = append(c.areas, obstacle{a, price})
		}
	})
}

// mark notes a stroke in every square that it may touch, a long one in pieces. What comes to a full square is forgotten:
// there is no good place in it anyway.
func (s *surface) mark(t stroke) {
	if a := t.area(); a.width() > squareSize && a.height() > squareSize {
		middle := point{(t.from.x + t.to.x) / 2, (t.from.y + t.to.y) / 2}
		s.mark(stroke{t.from, middle, t.arc})
		s.mark(stroke{middle, t.to, t.arc})
		return
	}
	t.area().squares(func(where square) {
		if c := s.at(where); len(c.lines) < maxInSquare {
			c.lines = append(c.lines, t)
		}
	})
}

// cost is what it costs a label of arc k to lie on an area; above the limit it is not counted to the end. What lies in
// several squares counts in each: that only makes a bad place worse.
func (s *surface) cost(a area, k, limit int) int {
	total := 0
	a.squares(func(where square) {
		if c := s.cells[where]; c != nil && total < limit {
			total += c.cost(a, k)
		}
	})
	return total
}

func (c *cell) cost(a area, k int) int {
	total := 0
	for _, o := range c.areas {
		if common := a.overlap(o.area); common > 0 {
			total += o.price * (common + touch)
		}
	}
	for _, t := range c.lines {
		if t.arc != k && t.crosses(a) {
			total += onLine
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

func (a area) squares(visit func(square)) {
	from, to := squareOf(point{a.left, a.top}), squareOf(point{a.right, a.bottom})
	for x := from.x; x <= to.x; x++ {
		for y := from.y; y <= to.y; y++ {
			visit(square{x, y})
		}
	}
}

func squareOf(p point) square { return square{floor(p.x, squareSize), floor(p.y, squareSize)} }

// floor divides and rounds down, below zero too.
func floor(u, by unit) int {
	if u < 0 {
		return -((by - 1 - u) / by)
	}
	return u / by
}
