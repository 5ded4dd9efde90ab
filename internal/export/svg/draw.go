package svg

import (
	_ "embed"
	"strconv"
)

// style holds the colours and letters, for light and dark surroundings.
//
//go:embed style.css
var style string

// hues is how many colours style.css has for namespaces: classes n0 to n7.
const hues = 8

// Shapes.
const (
	boxRound   = 8 * px
	frameRound = 14 * px
	noteRound  = 5 * px
	headLength = 8 * px
	headWidth  = 35 * px / 10 // to each side of the line
	titleDown  = 19 * px      // from the top of a frame to the base line of its name
	titleRight = 16 * px      // from its left side
	loopInset  = 14 * px      // from the right side of a box to where a link to itself ends
	loopWidth  = 46 * px
)

func (l *layout) boxArea(i int) area {
	x, half := l.x[l.items[i].column], l.chart.boxes[i].height/2
	return area{x.left, l.y[i] - half, x.right, l.y[i] + half}
}

func (l *layout) frameArea(space int) area {
	s, f := l.spans[space], l.frames[space]
	return area{l.x[s.first].left - frameSide, f.top, l.x[s.last].right + frameSide, f.bottom}
}

// frameTitle is the name of a namespace as far as its frame has room for it.
func (l *layout) frameTitle(space int) string {
	return frameFont().shorten(l.chart.spaces[space], l.frameArea(space).width()-2*titleRight)
}

func (l *layout) titleArea(space int) area {
	a := l.frameArea(space)
	return area{a.left + titleRight, a.top + titleDown - 11*px, a.left + titleRight + frameFont().width(l.frameTitle(space)), a.top + titleDown + 4*px}
}

// headArea is where the head of arc k lies.
func (l *layout) headArea(k int) area {
	route := l.route(k)
	at := route[len(route)-1]
	if l.arcs[k].back {
		return area{route[0].x, route[0].y - headWidth, route[0].x + headLength, route[0].y + headWidth}
	}
	return area{at.x - headLength, at.y - headWidth, at.x, at.y + headWidth}
}

// loopNote is where the label of a link from a box to itself lies.
func (l *layout) loopNote(i int) area {
	a := l.boxArea(i)
	middle, width := a.right-loopInset-loopWidth/2, l.chart.boxes[i].self.noteWidth()
	return area{middle - width/2, a.top - loopHeight + 2*px, middle + width/2, a.top - loopHeight + 2*px + noteHeight}
}

// bounds is the size of the picture.
func (l *layout) bounds() area {
	all := area{}
	for k := range l.arcs {
		for _, p := range l.route(k) {
			all = all.with(area{p.x, p.y - headWidth, p.x, p.y + headWidth})
		}
		if l.notes[k].text != "" {
			all = all.with(l.notes[k].area)
		}
	}
	for i := range l.chart.boxes {
		all = all.with(l.boxArea(i))
		if l.chart.boxes[i].self != nil {
			all = all.with(l.loopNote(i))
		}
	}
	for space := range l.frames {
		all = all.with(l.frameArea(space))
	}
	return area{all.left - margin, all.top - margin, all.right + margin, all.bottom + margin}
}

// with returns the smallest rectangle around both; the empty one adds nothing.
func (a area) with(b area) area {
	if a == (area{}) {
		return b
	}
	return area{min(a.left, b.left), min(a.top, b.top), max(a.right, b.right), max(a.bottom, b.bottom)}
}

// drawFrames, drawLinks, drawBoxes and drawNotes lie above each other in this order.
func (l *layout) drawFrames(s sheet) {
	for space, name := range l.chart.spaces {
		a := l.frameArea(space)
		s.raw(`<g class="frame `, hue(space), `">`)
		s.title("namespace " + name)
		s.rect(a, frameRound)
		s.label("", point{a.left + titleRight, a.top + titleDown}, l.frameTitle(space))
		s.raw("</g>\n")
	}
}

func (l *layout) drawLinks(s sheet) {
	for k, link := range l.chart.links {
		s.raw(`<g class="link `, l.linkClass(link), `">`)
		s.title(link.title(l.chart))
		s.curve(l.route(k), l.arcs[k].back)
		s.raw("</g>\n")
	}
	for i, b := range l.chart.boxes {
		if b.self != nil {
			s.raw(`<g class="link `, l.linkClass(*b.self), `">`)
			s.title(b.self.title(l.chart))
			s.loop(l.boxArea(i))
			s.raw("</g>\n")
		}
	}
}

// linkClass gives a link the colour of the namespace that calls.
func (l *layout) linkClass(link link) string {
	class := "outside"
	if space := l.chart.boxes[link.from].space; space != outside {
		class = hue(space)
	}
	if len(link.ports()) == 0 {
		class += " lookup"
	}
	return class
}

func (l *layout) drawBoxes(s sheet) {
	for i := range l.chart.boxes {
		b, a := &l.chart.boxes[i], l.boxArea(i)
		class, round := "box", boxRound
		if b.space == outside {
			class, round = "box outside", a.height()/2
		}
		s.raw(`<g class="`, class, `">`)
		s.title(b.title())
		s.rect(a, round)
		middle, caption := (a.left+a.right)/2, b.caption()
		if caption == "" {
			s.label("name", point{middle, l.y[i] + 45*px/10}, nameFont().shorten(b.name(), maxTextWidth))
		} else {
			s.label("name", point{middle, l.y[i] - 2*px}, nameFont().shorten(b.name(), maxTextWidth))
			s.label("caption", point{middle, l.y[i] + 13*px}, captionFont().shorten(caption, maxTextWidth))
		}
		s.raw("</g>\n")
	}
}

func (l *layout) drawNotes(s sheet) {
	for _, n := range l.notes {
		if n.text != "" {
			s.note(n)
		}
	}
	for i, b := range l.chart.boxes {
		if b.self != nil && b.self.label() != "" {
			s.note(note{labelFont().shorten(b.self.label(), maxTextWidth), l.loopNote(i)})
		}
	}
}

func hue(space int) string { return "n" + strconv.Itoa(space%hues) }
