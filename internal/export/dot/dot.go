// Package dot writes the map in the DOT language of Graphviz.
//
// It is pure. It must not lay anything out: that is what a reader of DOT does.
package dot

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/traffic"
)

// Render writes one directed graph: a cluster per namespace, a node per workload, dashed nodes for what is outside, and
// one edge per pair with its ports, dotted where names were looked up and no connection was seen. Equal edges in any order
// give equal bytes, and names of any kind give a graph that Graphviz reads. The error is the writer's.
// Source: the DOT language, graphviz.org/doc/info/lang.html, and escString in graphviz.org/docs/attr-types.
func Render(w io.Writer, edges []graph.Edge) error {
	out := bufio.NewWriter(w)
	fmt.Fprint(out, "digraph portolan {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n")
	writeNodes(out, edges)
	writeEdges(out, edges)
	fmt.Fprint(out, "}\n")
	return out.Flush()
}

func writeNodes(out io.Writer, edges []graph.Edge) {
	places := make(map[graph.Peer]string)
	for _, e := range edges {
		for _, p := range []graph.Peer{e.Client, e.Server} {
			if places[p] == "" || e.Private {
				places[p] = place(e.Private)
			}
		}
	}
	order := slices.SortedFunc(maps.Keys(places), graph.ComparePeers)
	outside := slices.IndexFunc(order, func(p graph.Peer) bool { return !p.Inside() })
	if outside < 0 {
		outside = len(order)
	}
	writeClusters(out, order[:outside]) // they come before all others
	for _, p := range order[outside:] {
		fmt.Fprintf(out, "  %s [label=%s, style=\"rounded,dashed\"];\n", nodeID(p), label(p.String(), places[p]))
	}
}

// writeClusters writes workloads that are sorted by namespace.
func writeClusters(out io.Writer, workloads []graph.Peer) {
	for len(workloads) > 0 {
		namespace := workloads[0].Workload.Namespace
		fmt.Fprintf(out, "  subgraph %s {\n    label=%s;\n", id("cluster_"+namespace), label(namespace))
		for len(workloads) > 0 && workloads[0].Workload.Namespace == namespace {
			p := workloads[0]
			fmt.Fprintf(out, "    %s [label=%s];\n", nodeID(p), label(p.Workload.Name, p.Workload.Kind))
			workloads = workloads[1:]
		}
		fmt.Fprint(out, "  }\n")
	}
}

// place says where a peer outside the cluster is.
func place(private bool) string {
	if private {
		return "private network"
	}
	return "internet"
}

type pair struct{ client, server graph.Peer }

func writeEdges(out io.Writer, edges []graph.Edge) {
	uses := make(map[pair][]graph.Use)
	for _, e := range edges {
		p := pair{e.Client, e.Server}
		known := uses[p]
		for _, seen := range e.Uses {
			known = append(known, seen.Use)
		}
		uses[p] = known
	}
	order := slices.SortedFunc(maps.Keys(uses), func(a, b pair) int {
		return cmp.Or(graph.ComparePeers(a.client, b.client), graph.ComparePeers(a.server, b.server))
	})
	for _, p := range order {
		fmt.Fprintf(out, "  %s -> %s", nodeID(p.client), nodeID(p.server))
		if ports := ports(uses[p]); len(ports) > 0 {
			fmt.Fprintf(out, " [label=%s];\n", label(strings.Join(ports, ", ")))
		} else {
			fmt.Fprint(out, " [style=dotted];\n")
		}
	}
}

// ports returns the ports of the connections in their order, with the protocol where it is not TCP.
func ports(uses []graph.Use) []string {
	var all []string
	for _, u := range slices.SortedFunc(slices.Values(uses), graph.CompareUses) {
		if u.Act != traffic.Connect {
			continue
		}
		port := strconv.Itoa(int(u.Port))
		if u.Protocol != traffic.TCP && u.Protocol != "" {
			port += "/" + string(u.Protocol)
		}
		all = append(all, port)
	}
	return slices.Compact(all)
}

// nodeID tells peers apart: no workload begins as a peer outside does.
func nodeID(p graph.Peer) string {
	if p.Inside() {
		return id(p.String())
	}
	return id("outside " + p.String())
}

// id writes a quoted ID. Graphviz reads only \" and \\ in it; control characters become visible.
func id(s string) string { return `"` + escape(s) + `"` }

// label writes the lines of a label, without the empty ones. In labels Graphviz also reads character entities.
func label(lines ...string) string {
	var b strings.Builder
	for _, line := range lines {
		if line == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(`\n`)
		}
		b.WriteString(strings.ReplaceAll(escape(line), "&", "&amp;"))
	}
	return `"` + b.String() + `"`
}

func escape(s string) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "\ufffd") {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r == ' ' || unicode.IsGraphic(r):
			b.WriteRune(r)
		default:
			b.WriteString(`\` + strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}
