// Package text writes the map for a terminal: the list that scripts written for Otterize read, and tables.
//
// It is pure. It must not know the width of the terminal, colours, or the present time unless it is passed in.
package text

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/traffic"
)

// List writes one paragraph per client: its name and namespace, then a line per server. Clients come by name, namespace
// and kind, servers likewise, those outside the cluster last.
func List(w io.Writer, edges []graph.Edge) error {
	out := bufio.NewWriter(w)
	var client graph.Peer
	for i, e := range sorted(edges) {
		if i == 0 || e.Client != client {
			client = e.Client
			fmt.Fprintf(out, "%s calls:\n", describe(client))
		}
		fmt.Fprintf(out, "  - %s\n", describe(e.Server))
	}
	return out.Flush()
}

func describe(p graph.Peer) string {
	if p.Inside() {
		return p.Workload.Name + " in namespace " + p.Workload.Namespace
	}
	return p.String() + " (internet)"
}

// TableOptions says how a table is written.
type TableOptions struct {
	Now       time.Time // LAST SEEN is the time before it
	Wide      bool      // also kinds, Services, first seen and sources
	NoHeaders bool
}

// Table writes one line per use of an edge, in the order of List.
func Table(w io.Writer, edges []graph.Edge, o TableOptions) error {
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	row := func(cells ...string) { fmt.Fprintln(table, strings.Join(cells, "\t")) }
	if !o.NoHeaders {
		row(o.headings()...)
	}
	for _, e := range sorted(edges) {
		for _, seen := range e.Uses {
			row(o.cells(e, seen)...)
		}
	}
	return table.Flush()
}

func (o TableOptions) headings() []string {
	cells := []string{"CLIENT", "SERVER", "USE", "LAST SEEN", "COUNT"}
	if o.Wide {
		cells = append(cells, "CLIENT KIND", "SERVER KIND", "SERVICES", "FIRST SEEN", "SOURCES")
	}
	return cells
}

func (o TableOptions) cells(e graph.Edge, seen graph.Seen) []string {
	total := sum(seen.Evidence)
	cells := []string{
		short(e.Client), short(e.Server), Use(seen.Use), age(o.Now, total.Last), strconv.FormatUint(total.Count, 10),
	}
	if o.Wide {
		cells = append(cells,
			orDash(e.Client.Workload.Kind), orDash(e.Server.Workload.Kind), orDash(strings.Join(e.Services, ",")),
			age(o.Now, total.First), sources(seen.Evidence))
	}
	return cells
}

func short(p graph.Peer) string {
	if p.Inside() {
		return p.Workload.Namespace + "/" + p.Workload.Name
	}
	return p.String()
}

// Use writes a use in a few characters: "443/TCP", or "lookup <name>".
func Use(u graph.Use) string {
	if u.Act == traffic.Connect {
		return strconv.Itoa(int(u.Port)) + "/" + string(u.Protocol)
	}
	return string(u.Act) + " " + u.Name
}

func sum(evidence []graph.Evidence) graph.Evidence {
	var total graph.Evidence
	for i, e := range evidence {
		if i == 0 || e.First.Before(total.First) {
			total.First = e.First
		}
		if e.Last.After(total.Last) {
			total.Last = e.Last
		}
		total.Count += e.Count
	}
	return total
}

func sources(evidence []graph.Evidence) string {
	names := make([]string, 0, len(evidence))
	for _, e := range evidence {
		names = append(names, string(e.Source))
	}
	return strings.Join(names, ",")
}

func orDash(s string) string { return cmp.Or(s, "-") }

// age writes the time before now in its largest unit, as kubectl does.
func age(now, at time.Time) string {
	passed := max(now.Sub(at), 0)
	switch {
	case at.IsZero():
		return "-"
	case passed < 2*time.Minute:
		return strconv.Itoa(int(passed/time.Second)) + "s"
	case passed < 2*time.Hour:
		return strconv.Itoa(int(passed/time.Minute)) + "m"
	case passed < 48*time.Hour:
		return strconv.Itoa(int(passed/time.Hour)) + "h"
	default:
		return strconv.Itoa(int(passed/(24*time.Hour))) + "d"
	}
}

// sorted returns the edges by client and then by server, each by name, namespace and kind.
func sorted(edges []graph.Edge) []graph.Edge {
	return slices.SortedFunc(slices.Values(edges), func(a, b graph.Edge) int {
		return cmp.Or(compare(a.Client, b.Client), compare(a.Server, b.Server))
	})
}

func compare(a, b graph.Peer) int {
	if a.Inside() != b.Inside() {
		if a.Inside() {
			return -1
		}
		return 1
	}
	return cmp.Or(
		cmp.Compare(a.Workload.Name, b.Workload.Name), cmp.Compare(a.Workload.Namespace, b.Workload.Namespace),
		cmp.Compare(a.Workload.Kind, b.Workload.Kind), graph.ComparePeers(a, b),
	)
}
