package names

import (
	"net/netip"
	"strings"
)

// label is a node of the tree of names: its children are the labels to the left of it.
//
//	"" ─ com ─ example ─ api        api.example.com
//	                   └ *          what was known of a wildcard, by its own text
type label struct {
	children map[string]*label
	pairs    map[netip.Addr]*pair // of the name that ends here
}

// find returns the node of a name, or nil.
func (l *label) find(name string) *label {
	for l != nil && name != "" {
		var text string
		name, text = cutLabel(name)
		l = l.children[text]
	}
	return l
}

// down returns the node of a name, which it makes where it is missing.
func (l *label) down(name string) *label {
	for name != "" {
		var text string
		name, text = cutLabel(name)
		next, known := l.children[text]
		if !known {
			if l.children == nil {
				l.children = make(map[string]*label)
			}
			next = &label{}
			l.children[text] = next
		}
		l = next
	}
	return l
}

func (l *label) set(p *pair) {
	if l.pairs == nil {
		l.pairs = make(map[netip.Addr]*pair)
	}
	l.pairs[p.addr] = p
}

// remove takes a pair out, and the nodes that hold nothing without it.
func (l *label) remove(p *pair) { l.prune(p.name, p.addr) }

// prune reports whether l holds nothing any more.
func (l *label) prune(name string, addr netip.Addr) bool {
	if name == "" {
		delete(l.pairs, addr)
	} else if rest, text := cutLabel(name); l.children[text] != nil && l.children[text].prune(rest, addr) {
		delete(l.children, text)
	}
	return len(l.pairs) == 0 && len(l.children) == 0
}

// below calls visit for every pair of a name that is longer than that of l.
func (l *label) below(visit func(*pair)) {
	for _, child := range l.children {
		for _, p := range child.pairs {
			visit(p)
		}
		child.below(visit)
	}
}

// cutLabel cuts the last label off a name.
func cutLabel(name string) (rest, last string) {
	if at := strings.LastIndexByte(name, '.'); at >= 0 {
		return name[:at], name[at+1:]
	}
	return "", name
}

// ends is a heap of pairs by the ends of their lives.
type ends []*pair

// Len implements heap.Interface.
func (e ends) Len() int { return len(e) }

// Less implements heap.Interface.
func (e ends) Less(i, j int) bool { return e[i].until.Before(e[j].until) }

// Swap implements heap.Interface.
func (e ends) Swap(i, j int) {
	e[i], e[j] = e[j], e[i]
	e[i].index, e[j].index = i, j
}

// Push implements heap.Interface.
func (e *ends) Push(x any) {
	p, _ := x.(*pair)
	p.index = len(*e)
	*e = append(*e, p)
}

// Pop implements heap.Interface.
func (e *ends) Pop() any {
	last := len(*e) - 1
	p := (*e)[last]
	(*e)[last] = nil
	*e = (*e)[:last]
	return p
}
