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

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/traffic"
)

// Render writes one directed graph: a cluster per namespace, a node per workload, dashed nodes for what is outside, and
// the ports on the edges. Equal edges in any order give equal bytes. Source: the DOT language, graphviz.org/doc/info/lang.
func Render(w io.Writer, edges []graph.Edge) error {
	out := bufio.NewWriter(w)
	fmt.Fprint(out, "digraph portolan {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n")
	writeNodes(out, edges)
	for _, e := range sorted(edges) {
		fmt.Fprintf(out, "  %s -> %s", quote(e.Client.String()), quote(e.Server.String()))
		if label := ports(e); label != "" {
			fmt.Fprintf(out, " [label=%s]", quote(label))
		}
		fmt.Fprint(out, ";\n")
	}
	fmt.Fprint(out, "}\n")
	return out.Flush()
}

func writeNodes(out io.Writer, edges []graph.Edge) {
	inside := make(map[string]map[graph.Peer]struct{})
	outside := make(map[graph.Peer]struct{})
	for _, e := range edges {
		for _, p := range []graph.Peer{e.Client, e.Server} {
			if !p.Inside() {
				outside[p] = struct{}{}
				continue
			}
			if inside[p.Workload.Namespace] == nil {
				inside[p.Workload.Namespace] = make(map[graph.Peer]struct{})
			}
			inside[p.Workload.Namespace][p] = struct{}{}
		}
	}
	for _, namespace := range slices.Sorted(maps.Keys(inside)) {
		fmt.Fprintf(out, "  subgraph %s {\n    label=%s;\n", quote("cluster_"+namespace), quote(namespace))
		for _, p := range slices.SortedFunc(maps.Keys(inside[namespace]), graph.ComparePeers) {
			fmt.Fprintf(out, "    %s [label=%s];\n", quote(p.String()), label(p))
		}
		fmt.Fprint(out, "  }\n")
	}
	for _, p := range slices.SortedFunc(maps.Keys(outside), graph.ComparePeers) {
		fmt.Fprintf(out, "  %s [label=%s, style=\"rounded,dashed\"];\n", quote(p.String()), quote(p.String()))
	}
}

// label is the workload's name with its kind on a second line.
func label(p graph.Peer) string {
	if p.Workload.Kind == "" {
		return quote(p.Workload.Name)
	}
	name, kind := quote(p.Workload.Name), quote(p.Workload.Kind)
	return strings.TrimSuffix(name, `"`) + `\n` + strings.TrimPrefix(kind, `"`)
}

func ports(e graph.Edge) string {
	var all []string
	for _, seen := range e.Uses {
		if seen.Use.Act == traffic.Connect {
			all = append(all, strconv.Itoa(int(seen.Use.Port)))
		}
	}
	return strings.Join(slices.Compact(all), ", ")
}

// quote writes a DOT string: in it only the quotation mark and the backslash mean something.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func sorted(edges []graph.Edge) []graph.Edge {
	return slices.SortedFunc(slices.Values(edges), func(a, b graph.Edge) int {
		return cmp.Or(graph.ComparePeers(a.Client, b.Client), graph.ComparePeers(a.Server, b.Server))
	})
}
