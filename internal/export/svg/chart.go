package svg

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

// chart is the map as a drawing needs it: every peer once, every pair once. Equal edges in any order give equal charts.
type chart struct {
	spaces []string // the namespaces, sorted
	boxes  []box    // the peers in the order of graph.ComparePeers
	links  []link   // one for each pair of different boxes, by from and to
}

// box is one peer.
type box struct {
	peer        graph.Peer
	space       int   // index of its namespace; outside for a peer outside the cluster
	private     bool  // outside: in a private network, not on the internet
	hostNetwork bool  // some edge says that it is on the host network
	self        *link // what it does with itself; nil for most
	height      unit
}

// outside is the space of a peer that is not in the cluster.
const outside = -1

// link is all that one box does with another one, or with itself.
type link struct {
	from, to int // indexes of boxes
	uses     []graph.Use
}

func newChart(edges []graph.Edge) chart {
	var c chart
	index := make(map[graph.Peer]int)
	spaces := make(map[string]int)
	for _, e := range edges {
		index[e.Client], index[e.Server] = 0, 0
	}
	for i, p := range slices.SortedFunc(maps.Keys(index), graph.ComparePeers) {
		index[p] = i
		c.boxes = append(c.boxes, box{peer: p, space: outside})
		if p.Inside() {
			spaces[p.Workload.Namespace] = 0
		}
	}
	c.spaces = slices.Sorted(maps.Keys(spaces))
	for i, name := range c.spaces {
		spaces[name] = i
	}
	for i, b := range c.boxes {
		if b.peer.Inside() {
			c.boxes[i].space = spaces[b.peer.Workload.Namespace]
		}
	}
	c.connect(edges, index)
	c.measure()
	return c
}

// connect merges the edges of each pair into one link, and puts what edges say about peers on the boxes.
func (c *chart) connect(edges []graph.Edge, index map[graph.Peer]int) {
	type pair struct{ from, to int }
	merged := make(map[pair][]graph.Use)
	for _, e := range edges {
		p := pair{index[e.Client], index[e.Server]}
		uses := merged[p]
		for _, seen := range e.Uses {
			uses = append(uses, seen.Use)
		}
		merged[p] = uses
		c.boxes[p.from].mark(e.Private, false)
		c.boxes[p.to].mark(e.Private, e.HostNetwork)
	}
	for p, uses := range merged {
		slices.SortFunc(uses, graph.CompareUses)
		l := link{from: p.from, to: p.to, uses: slices.Compact(uses)}
		if p.from == p.to {
			c.boxes[p.from].self = &l
			continue
		}
		c.links = append(c.links, l)
	}
	slices.SortFunc(c.links, func(a, b link) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
}

// measure makes boxes as high as the links at their sides need.
func (c *chart) measure() {
	callers, calls := make([]int, len(c.boxes)), make([]int, len(c.boxes))
	for _, l := range c.links {
		calls[l.from]++
		callers[l.to]++
	}
	for i := range c.boxes {
		most := max(callers[i], calls[i], 1)
		c.boxes[i].height = min(max(boxHeight, (most-1)*portGap+2*portMargin), maxBoxHeight)
	}
}

func (b *box) mark(private, hostNetwork bool) {
	b.private = b.private || private && !b.peer.Inside()
	b.hostNetwork = b.hostNetwork || hostNetwork
}

// name is the first line of a box.
func (b *box) name() string {
	if b.peer.Inside() {
		return b.peer.Workload.Name
	}
	return cmp.Or(b.peer.String(), "unknown")
}

// caption is the second line of a box: the kind of a workload, or where the outside is. It may be empty.
func (b *box) caption() string {
	switch {
	case !b.peer.Inside() && b.private:
		return "private network"
	case !b.peer.Inside():
		return "internet"
	case b.peer.Workload == identity.APIServer():
		return "API server"
	case b.hostNetwork && b.peer.Workload.Kind == "":
		return "host network"
	case b.hostNetwork:
		return b.peer.Workload.Kind + " · host network"
	default:
		return b.peer.Workload.Kind
	}
}

// title names the peer in full.
func (b *box) title() string {
	switch {
	case !b.peer.Inside():
		return b.name() + " (" + b.caption() + ")"
	case b.peer.Workload.Kind == "":
		return b.peer.Workload.Namespace + "/" + b.peer.Workload.Name
	default:
		return b.peer.String()
	}
}

// maxPorts is how many ports the label of a link names; it counts the others.
const maxPorts = 3

// label names the ports in few characters. It is empty for a link that was only looked up.
func (l link) label() string {
	ports := l.ports()
	if rest := len(ports) - maxPorts; rest > 1 {
		ports = append(ports[:maxPorts:maxPorts], "+"+strconv.Itoa(rest))
	}
	return strings.Join(ports, ", ")
}

// ports returns the ports of the connections, with the protocol where it is not TCP.
func (l link) ports() []string {
	var ports []string
	for _, u := range l.uses {
		if u.Act != traffic.Connect {
			continue
		}
		port := strconv.Itoa(int(u.Port))
		if u.Protocol != traffic.TCP && u.Protocol != "" {
			port += "/" + string(u.Protocol)
		}
		ports = append(ports, port)
	}
	return slices.Compact(ports)
}

// title says in words what the label cannot hold.
func (l link) title(c chart) string {
	from, to := c.boxes[l.from].title(), c.boxes[l.to].title()
	if ports := l.ports(); len(ports) > 0 {
		return from + " → " + to + ": " + strings.Join(ports, ", ")
	}
	return from + " → " + to + ": looked up, no connection seen"
}
