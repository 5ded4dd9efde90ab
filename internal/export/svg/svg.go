// Package svg draws the map as a picture: SVG that browsers, editors and README files show.
//
// It is pure, and so are its pictures: no script, no font and no address to load. It must not filter or interpret edges.
package svg

import (
	"io"
	"strconv"

	"github.com/portolan-io/portolan/internal/graph"
)

// Render writes one picture of the edges: callers on the left, whom they call on the right, a frame around each
// namespace, the ports on the lines, and dashed boxes for peers outside the cluster. Every element has a title with the
// full names. No edges give an empty picture.
//
// Equal edges in any order give equal bytes, on every machine; names of any kind give well-formed XML. Time and memory
// grow with boxes and links, 2,000 boxes take well below two seconds. The error is the writer's.
func Render(w io.Writer, edges []graph.Edge) error {
	l := layOut(newChart(edges))
	s := newSheet(w)
	size := l.bounds()
	s.raw(`<svg xmlns="http://www.w3.org/2000/svg" class="portolan" role="img" aria-labelledby="portolan-title portolan-desc" viewBox="`,
		point{size.left, size.top}.String(), " ", point{size.width(), size.height()}.String(), `"`,
		attributes("width height", size.width(), size.height()), ">\n")
	s.raw(`<title id="portolan-title">Who calls whom</title>`, "\n", `<desc id="portolan-desc">`, l.chart.summary(), "</desc>\n")
	s.raw("<style>\n", style, "</style>\n")
	s.raw(`<rect class="page"`, attributes("x y width height", size.left, size.top, size.width(), size.height()), "/>\n")
	l.drawFrames(s)
	l.drawLinks(s)
	l.drawBoxes(s)
	l.drawNotes(s)
	s.raw("</svg>\n")
	return s.flush()
}

// summary says in one sentence what the picture shows.
func (c chart) summary() string {
	inside, links := 0, len(c.links)
	for _, b := range c.boxes {
		if b.space != outside {
			inside++
		}
		if b.self != nil {
			links++
		}
	}
	return count(inside, "workload") + " in " + count(len(c.spaces), "namespace") + " and " +
		count(len(c.boxes)-inside, "peer") + " outside the cluster, " + count(links, "edge") + "."
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}
