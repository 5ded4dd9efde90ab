package svg

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/testkit/golden"
	"github.com/portolan-io/portolan/internal/traffic"
)

// TestLaws lays random maps out and checks what holds in every picture.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := layOut(newChart(randomEdges(t)))
		arcsGoRight(t, l)
		itemsKeepApart(t, l)
		framesHoldTheirOwn(t, l)
		portsAreOnTheirBoxes(t, l)
		labelsHideNothing(t, l)
	})
}

// TestLawsOfTheStories checks the same for the maps that all renderers share.
func TestLawsOfTheStories(t *testing.T) {
	for name, edges := range golden.Maps(t) {
		t.Run(name, func(t *testing.T) {
			l := layOut(newChart(edges))
			arcsGoRight(t, l)
			itemsKeepApart(t, l)
			framesHoldTheirOwn(t, l)
			portsAreOnTheirBoxes(t, l)
			labelsHideNothing(t, l)
			everyLabelHasAPlace(t, l)
		})
	}
}

type failer interface {
	Helper()
	Errorf(format string, args ...any)
}

func arcsGoRight(t failer, l *layout) {
	t.Helper()
	for k, a := range l.arcs {
		for n := 1; n < len(l.chains[k]); n++ {
			if from, to := l.items[l.chains[k][n-1]].column, l.items[l.chains[k][n]].column; to <= from {
				t.Errorf("arc %d from box %d to %d goes from column %d to %d", k, a.left, a.right, from, to)
			}
		}
	}
}

func itemsKeepApart(t failer, l *layout) {
	t.Helper()
	for c, column := range l.columns {
		for k := 1; k < len(column); k++ {
			i, j := column[k-1], column[k]
			if i >= l.braces || j >= l.braces {
				continue
			}
			if a, b := l.items[i], l.items[j]; l.y[j]-l.y[i] < a.below+b.above {
				t.Errorf("column %d: items %d and %d are %d apart, want %d", c, i, j, l.y[j]-l.y[i], a.below+b.above)
			}
		}
	}
}

// framesHoldTheirOwn checks that a frame holds its boxes and no others, and that frames do not overlap.
func framesHoldTheirOwn(t failer, l *layout) {
	t.Helper()
	for space := range l.frames {
		f := l.frameArea(space)
		for i, b := range l.chart.boxes {
			a := l.boxArea(i)
			if common := f.overlap(a); b.space == space && common != a.overlap(a) || b.space != space && common > 0 {
				t.Errorf("frame %d of %v and box %d of namespace %d at %v", space, f, i, b.space, a)
			}
		}
		for other := range space {
			if f.overlap(l.frameArea(other)) > 0 {
				t.Errorf("frames %d and %d overlap: %v, %v", space, other, f, l.frameArea(other))
			}
		}
	}
}

func portsAreOnTheirBoxes(t failer, l *layout) {
	t.Helper()
	for k, a := range l.arcs {
		for i, port := range map[int]unit{a.left: l.ports[k].left, a.right: l.ports[k].right} {
			if area := l.boxArea(i); port < area.top+portMargin || area.bottom-portMargin < port {
				t.Errorf("arc %d meets box %d at %d, outside of %v", k, i, port, area)
			}
		}
	}
}

func labelsHideNothing(t failer, l *layout) {
	t.Helper()
	for k, n := range l.notes {
		for i := range l.chart.boxes {
			if common := n.area.overlap(l.boxArea(i)); common*onBox >= noPlace {
				t.Errorf("the label of arc %d hides %d square pixels of box %d", k, common, i)
			}
		}
	}
}

// everyLabelHasAPlace checks that in maps of ordinary size no label is left out, none touches a box, and none another.
func everyLabelHasAPlace(t failer, l *layout) {
	t.Helper()
	for k, n := range l.notes {
		if (n.text == "") != (l.chart.links[k].label() == "") {
			t.Errorf("link %d has label %q and note %q", k, l.chart.links[k].label(), n.text)
		}
		for i := range l.chart.boxes {
			if n.area.overlap(l.boxArea(i)) > 0 {
				t.Errorf("note %q of link %d is on box %d", n.text, k, i)
			}
		}
		for j := range k {
			if n.area.overlap(l.notes[j].area) > 0 {
				t.Errorf("notes %q and %q of links %d and %d overlap", n.text, l.notes[j].text, k, j)
			}
		}
	}
}

// TestFewLinksGoBack checks the bound that the sequence promises: fewer than half of the links go from right to left.
func TestFewLinksGoBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		edges := randomEdges(t)
		edges = slices.DeleteFunc(edges, func(e graph.Edge) bool { return !e.Client.Inside() || !e.Server.Inside() })
		c := newChart(edges)
		back := 0
		for _, a := range arcs(c, sequence(c)) {
			if a.back {
				back++
			}
		}
		if 2*back > len(c.links) {
			t.Errorf("%d of %d links go back", back, len(c.links))
		}
	})
}

// TestSettleKeepsTheRungs checks that a ladder is kept whatever is wanted, and that places which keep it already stay.
func TestSettleKeepsTheRungs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "places")
		l := newLadder(n, n)
		for range rapid.IntRange(0, 20).Draw(t, "rungs") {
			upper := rapid.IntRange(0, n-1).Draw(t, "upper")
			lower := rapid.IntRange(0, n-1).Draw(t, "lower")
			if upper < lower {
				l.hold(upper, lower, rapid.IntRange(0, 50).Draw(t, "apart"))
			}
		}
		l.seal()
		settled := l.settle(rapid.SliceOfN(rapid.IntRange(-100, 100), n, n).Draw(t, "want"))
		for upper, rungs := range l.rungs {
			for _, r := range rungs {
				if settled[r.to]-settled[upper] < r.apart {
					t.Errorf("%d and %d are at %d and %d, want %d apart", upper, r.to, settled[upper], settled[r.to], r.apart)
				}
			}
		}
		if again := l.settle(settled); !slices.Equal(again, settled) {
			t.Errorf("settled %v moves to %v", settled, again)
		}
	})
}

// TestCrossingsAreCounted holds the count against looking at every pair.
func TestCrossingsAreCounted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := newGrid(newChart(randomEdges(t)))
		o := sortColumns(g)
		for c := range g.columns {
			for k, i := range g.columns[c] {
				o.place[i] = k
			}
		}
		type segment struct{ column, from, to int }
		var segments []segment
		for i := range g.items {
			for _, j := range g.right[i] {
				if g.items[j].column == g.items[i].column+1 {
					segments = append(segments, segment{g.items[i].column, o.place[i], o.place[j]})
				}
			}
		}
		want := 0
		for k, a := range segments {
			for _, b := range segments[:k] {
				if a.column == b.column && cmp.Compare(a.from, b.from)*cmp.Compare(a.to, b.to) < 0 {
					want++
				}
			}
		}
		if got := o.cost().crossings; got != want {
			t.Errorf("crossings = %d, want %d", got, want)
		}
	})
}

// randomEdges makes a map of up to 24 peers in up to four namespaces and outside, with calls of every shape.
func randomEdges(t *rapid.T) []graph.Edge {
	peers := rapid.IntRange(1, 24).Draw(t, "peers")
	spaces := rapid.IntRange(1, 4).Draw(t, "spaces")
	peer := func(i int) graph.Peer {
		if i%7 == 6 {
			return graph.Peer{Name: fmt.Sprintf("peer-%d.example", i)}
		}
		return graph.Peer{Workload: identity.Workload{Namespace: fmt.Sprintf("space-%d", i%spaces), Kind: "Deployment", Name: fmt.Sprintf("w%d", i)}}
	}
	one := rapid.IntRange(0, peers-1)
	edges := make([]graph.Edge, rapid.IntRange(0, 60).Draw(t, "edges"))
	for k := range edges {
		edges[k] = graph.Edge{Client: peer(one.Draw(t, "client")), Server: peer(one.Draw(t, "server")), Uses: []graph.Seen{{
			Use: graph.Use{Act: traffic.Connect, Protocol: traffic.TCP, Port: rapid.Uint16Range(1, 9999).Draw(t, "port")},
		}}}
	}
	return edges
}
