// Package svg draws the map as a picture: SVG that browsers, editors and README files show.
//
// It is pure, and so are its pictures: no script, no font and no address to load. It must not filter or interpret edges.
package svg

import (
	"io"

	"github.com/portolan-io/portolan/internal/graph"
)

// Render writes one picture of the edges. Equal edges in any order give equal bytes; names of any kind give well-formed
// XML. The error is the writer's.
func Render(w io.Writer, edges []graph.Edge) error {
	c := newChart(edges)
	s := newSheet(w)
	const width, height, step = 160 * px, 40 * px, 60 * px
	s.raw(`<svg xmlns="http://www.w3.org/2000/svg" role="img"`, attributes("width height", 3*width, (len(c.boxes)+1)*step), `>`)
	s.element("title", "Who calls whom")
	for i, b := range c.boxes {
		s.raw(`<g><rect fill="none" stroke="black"`, attributes("x y width height", width, i*step+step/2, width, height), `/>`)
		s.element("title", b.title())
		s.raw(`<text`, attributes("x y", width+10*px, i*step+step), `>`)
		s.text(font{size: 13 * px}.shorten(b.name(), width-20*px))
		s.raw(`</text></g>`)
	}
	for _, l := range c.links {
		from, to := l.from*step+step/2+height/2, l.to*step+step/2+height/2
		s.raw(`<g><path fill="none" stroke="black" d="M`, number(2*width), " ", number(from), `C`, number(3*width), " ", number(from), " ", number(3*width), " ", number(to), " ", number(2*width), " ", number(to), `"/>`)
		s.element("title", l.title(c))
		s.raw(`</g>`)
	}
	s.raw("</svg>\n")
	return s.flush()
}
