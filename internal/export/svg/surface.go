package svg

// surface knows what lies where, in squares, so that a question looks at its surroundings alone.
type surface struct {
	areas map[square][]obstacle
	lines map[square][]trail
}

type square struct{ x, y int }

type obstacle struct {
	area  area
	price int // of each square pixel
}

type trail struct {
	point point
	arc   int
}

// squareSize is about as large as a label.
const squareSize = 48 * px

func newSurface() *surface {
	return &surface{areas: make(map[square][]obstacle), lines: make(map[square][]trail)}
}

func (s *surface) put(a area, price int) {
	a.squares(func(at square) { s.areas[at] = append(s.areas[at], obstacle{a, price}) })
}

func (s *surface) mark(p point, arc int) {
	at := squareOf(p)
	s.lines[at] = append(s.lines[at], trail{p, arc})
}

// cost is what it costs a label of arc k to lie on an area.
func (s *surface) cost(a area, k int) int {
	total := 0
	a.squares(func(at square) {
		// An obstacle in several squares counts in each: that only makes a bad place worse.
		for _, o := range s.areas[at] {
			total += o.price * a.overlap(o.area)
		}
		for _, t := range s.lines[at] {
			if t.arc != k && a.left <= t.point.x && t.point.x <= a.right && a.top <= t.point.y && t.point.y <= a.bottom {
				total += onLine
			}
		}
	})
	return total
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
