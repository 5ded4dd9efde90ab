package stage

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Truth is an edge that a person knows to be there, and every source that must have seen it.
type Truth struct {
	Edge

	Sources []string
}

// ParseTruth reads lines such as "shop/Pod/a -> shop/Deployment/b 80/TCP dns syn"; lines that begin with # say nothing.
func ParseTruth(text string) ([]Truth, error) {
	var known []Truth
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || strings.HasPrefix(line, "#"):
		case len(words) >= 4 && words[1] == "->" && strings.Contains(words[3], "/"):
			known = append(known, Truth{Edge{Client: words[0], Server: words[2], Port: words[3]}, words[4:]})
		default:
			return nil, fmt.Errorf("edge %q: want <client> -> <server> <port>/<protocol> and the sources that must have seen it", line)
		}
	}
	return known, nil
}

// Mapped is an edge of the map, and the sources that have seen it. An edge with a port was seen by dns, too, if its client looked
// its server up.
type Mapped struct {
	Edge

	Sources []string
}

// Score says how true a map is: precision is the share of its edges that are true, recall the share of the true edges that it
// has. Counting is by edge; an edge without port, which is a name that was looked up, counts as far as it is known.
type Score struct {
	Known, Mapped    int // edges that are true, and edges of the map
	Missing          []Edge
	Surplus          []Edge
	unseen, expected map[string]int // by source
	Unseen           []string       // "<edge> by <source>": a source that must have seen an edge of the map, and has not
}

// Judge holds a map against what is true.
func Judge(got []Mapped, truth []Truth) Score {
	s := Score{Known: len(truth), Mapped: len(got), unseen: make(map[string]int), expected: make(map[string]int)}
	s.Missing, s.Surplus = Compare(edgesOf(got), wanted(truth))
	for _, known := range truth {
		for _, source := range known.Sources {
			s.expected[source]++
			if !slices.ContainsFunc(got, func(m Mapped) bool { return m.Edge == known.Edge && slices.Contains(m.Sources, source) }) {
				s.unseen[source]++
				s.Unseen = append(s.Unseen, known.String()+" by "+source)
			}
		}
	}
	return s
}

func edgesOf(mapped []Mapped) []Edge {
	edges := make([]Edge, len(mapped))
	for i, m := range mapped {
		edges[i] = m.Edge
	}
	return edges
}

func wanted(truth []Truth) []Edge {
	edges := make([]Edge, len(truth))
	for i, known := range truth {
		edges[i] = known.Edge
	}
	return edges
}

// Perfect reports whether the map is true and complete, and every source has seen what it must.
func (s Score) Perfect() bool { return len(s.Missing)+len(s.Surplus)+len(s.Unseen) == 0 }

// String tells the score to people: first the two numbers, then recall by source, then whatever is wrong.
func (s Score) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "precision %s, recall %s\n", share(s.Mapped-len(s.Surplus), s.Mapped), share(s.Known-len(s.Missing), s.Known))
	for _, source := range slices.Sorted(maps.Keys(s.expected)) {
		fmt.Fprintf(&b, "recall of %s %s\n", source, share(s.expected[source]-s.unseen[source], s.expected[source]))
	}
	for _, e := range s.Missing {
		fmt.Fprintf(&b, "missing: %s\n", e)
	}
	for _, e := range s.Surplus {
		fmt.Fprintf(&b, "not true: %s\n", e)
	}
	for _, u := range s.Unseen {
		fmt.Fprintf(&b, "not seen: %s\n", u)
	}
	return b.String()
}

func share(part, whole int) string {
	if whole == 0 {
		return "1.000 (0 of 0)"
	}
	return fmt.Sprintf("%.3f (%d of %d)", float64(part)/float64(whole), part, whole)
}
