package svg

import (
	"bufio"
	"encoding/xml"
	"io"
	"strconv"
	"strings"
)

// sheet writes elements. The first error of the writer stays and is returned by flush.
type sheet struct{ out *bufio.Writer }

func newSheet(w io.Writer) sheet { return sheet{bufio.NewWriter(w)} }

// raw writes markup of our own: never a name.
func (s sheet) raw(parts ...string) {
	for _, p := range parts {
		_, _ = s.out.WriteString(p) // flush returns the error
	}
}

// text writes what others chose, escaped. Characters that XML does not have become U+FFFD.
func (s sheet) text(t string) { s.raw(escape(t)) }

// title says in full what an element is: browsers show it to whoever points there.
func (s sheet) title(text string) {
	s.raw("<title>")
	s.text(text)
	s.raw("</title>")
}

func (s sheet) flush() error { return s.out.Flush() }

func escape(t string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(t)) // a Builder never fails
	return b.String()
}

// number writes a length in pixels with at most one decimal.
func number(u unit) string {
	sign := ""
	if u < 0 {
		sign, u = "-", -u
	}
	if u%px == 0 {
		return sign + strconv.Itoa(u/px)
	}
	return sign + strconv.Itoa(u/px) + "." + strconv.Itoa(u%px)
}

// attributes writes name="length" for each pair.
func attributes(names string, values ...unit) string {
	var b strings.Builder
	for i, name := range strings.Fields(names) {
		b.WriteString(` ` + name + `="` + number(values[i]) + `"`)
	}
	return b.String()
}

func (s sheet) rect(a area, round unit) {
	s.raw("<rect", attributes("x y width height rx", a.left, a.top, a.width(), a.height(), round), "/>")
}

// label writes one line of text at a point of its base line.
func (s sheet) label(class string, at point, text string) {
	s.raw("<text", attributes("x y", at.x, at.y))
	if class != "" {
		s.raw(` class="`, class, `"`)
	}
	s.raw(">")
	s.text(text)
	s.raw("</text>")
}

func (s sheet) note(n note) {
	s.raw(`<g class="note">`)
	s.rect(n.area, noteRound)
	s.label("", point{(n.area.left + n.area.right) / 2, n.area.bottom - 4*px}, n.text)
	s.raw("</g>\n")
}

// curve draws a route with a head at its right end, or at its left end if the call goes back.
func (s sheet) curve(route []point, back bool) {
	first, last := route[0], route[len(route)-1]
	if back {
		s.head(first, -headLength)
		route[0].x += headLength - px
	} else {
		s.head(last, headLength)
		route[len(route)-1].x -= headLength - px
	}
	s.raw(`<path d="M`, route[0].String())
	for n := 1; n < len(route); n++ {
		from, to := route[n-1], route[n]
		if from.y == to.y {
			s.raw("H", number(to.x))
			continue
		}
		middle := (from.x + to.x) / 2
		s.raw("C", point{middle, from.y}.String(), " ", point{middle, to.y}.String(), " ", to.String())
	}
	s.raw(`"/>`)
}

// head draws the head of an arrow that arrives at a point along the given way on its line.
func (s sheet) head(at point, way unit) {
	s.raw(`<path class="head" d="M`, at.String(), "L", point{at.x - way, at.y - headWidth}.String(), "V", number(at.y+headWidth), `Z"/>`)
}

// loop draws a link from a box to itself, above its right corner.
func (s sheet) loop(a area) {
	end := point{a.right - loopInset, a.top}
	begin := point{end.x - loopWidth, a.top}
	high := a.top - loopHeight
	s.raw(`<path class="head" d="M`, end.String(), "L", point{end.x - headWidth, end.y - headLength}.String(), "H", number(end.x+headWidth), `Z"/>`)
	s.raw(`<path d="M`, begin.String(), "C", point{begin.x, high}.String(), " ", point{end.x, high}.String(), " ", point{end.x, end.y - headLength + px}.String(), `"/>`)
}

// String returns the point as paths write it.
func (p point) String() string { return number(p.x) + " " + number(p.y) }
