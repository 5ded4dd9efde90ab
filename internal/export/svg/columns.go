package svg

// Lengths between columns.
const (
	minGap     = 68 * px
	noteRoom   = 40 * px  // besides the widest label
	answerRoom = 20 * px  // besides a second one, where two boxes call each other
	maxClimb   = 110 * px // how much wider a gap becomes for links that go far up or down
	climbShare = 6        // of the height that a link climbs
)

// placeColumns gives every column its place from left to right: as wide as its widest box, with room for the labels, the
// frames and the curves between two.
func (l *layout) placeColumns() {
	widths := make([]unit, len(l.columns))
	for i := range l.chart.boxes {
		c := l.items[i].column
		widths[c] = max(widths[c], l.chart.boxes[i].width())
	}
	gaps := l.gaps()
	l.x = make([]extent, len(l.columns))
	left := unit(0)
	for c, width := range widths {
		l.x[c] = extent{left, left + width}
		left += width + gaps[c]
	}
}

// gaps returns the room to the right of each column.
func (l *layout) gaps() []unit {
	gaps := make([]unit, len(l.columns))
	for c := range gaps {
		gaps[c] = minGap
	}
	answers := l.answers()
	for k, chain := range l.chains {
		note := l.chart.links[k].noteWidth()
		for n := 1; n < len(chain); n++ {
			c := l.items[chain[n-1]].column
			climb := abs(l.height(k, n-1) - l.height(k, n))
			gaps[c] = max(gaps[c], minGap+min(climb/climbShare, maxClimb))
			if len(chain) == 2 {
				gaps[c] = max(gaps[c], noteRoom+note+answers[k]*(note+answerRoom))
			}
		}
	}
	ends, begins := make([]bool, len(gaps)+1), make([]bool, len(gaps)+1)
	for _, s := range l.spans {
		ends[s.last], begins[s.first] = true, true
	}
	for c := range gaps {
		if ends[c] && begins[c+1] {
			gaps[c] = max(gaps[c], 2*frameSide+frameAir+minGap/2)
		}
	}
	return gaps
}

// answers returns for each arc 1 if its boxes also call each other the other way round, else 0: then two labels need room
// beside each other.
func (l *layout) answers() []int {
	seen := make(map[arc]int)
	for _, a := range l.arcs {
		seen[arc{left: a.left, right: a.right}]++
	}
	answers := make([]int, len(l.arcs))
	for k, a := range l.arcs {
		answers[k] = seen[arc{left: a.left, right: a.right}] - 1
	}
	return answers
}

// height is where arc k is at the n-th item of its chain.
func (l *layout) height(k, n int) unit {
	switch chain := l.chains[k]; {
	case n == 0:
		return l.ports[k].left
	case n == len(chain)-1:
		return l.ports[k].right
	default:
		return l.y[chain[n]]
	}
}

// width is what a box needs for its texts.
func (b *box) width() unit {
	name := nameFont().width(nameFont().shorten(b.name(), maxTextWidth))
	caption := captionFont().width(captionFont().shorten(b.caption(), maxTextWidth))
	return max(minBoxWidth, max(name, caption)+2*boxPadding)
}

// noteWidth is the width of the label with the air in it.
func (l link) noteWidth() unit {
	return labelFont().width(labelFont().shorten(l.label(), maxTextWidth)) + 2*notePadding
}
