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
	"unicode"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/traffic"
)

// List writes one paragraph per client: its name and namespace, then a line per server. Clients come by name and
// namespace, servers likewise, those outside the cluster last. A list knows no kinds: workloads of one name and namespace
// share a paragraph, and no line is written twice in it. Scripts read this form; it does not change.
func List(w io.Writer, edges []graph.Edge) error {
	out := bufio.NewWriter(w)
	for _, p := range paragraphs(edges) {
		fmt.Fprintf(out, "%s calls:\n", p.client)
		for _, server := range p.servers {
			fmt.Fprintf(out, "  - %s\n", server)
		}
	}
	return out.Flush()
}

type paragraph struct {
	client  string
	servers []string
}

// paragraphs gathers the servers of each client, both as they are written.
func paragraphs(edges []graph.Edge) []paragraph {
	byName := slices.SortedFunc(slices.Values(edges), func(a, b graph.Edge) int {
		return cmp.Or(compareNames(a.Client, b.Client), compareNames(a.Server, b.Server), compareEdges(a, b))
	})
	var all []paragraph
	for _, e := range byName {
		client, server := describe(e.Client, e.Private), describe(e.Server, e.Private)
		if len(all) == 0 || all[len(all)-1].client != client {
			all = append(all, paragraph{client: client})
		}
		p := &all[len(all)-1]
		if n := len(p.servers); n == 0 || p.servers[n-1] != server {
			p.servers = append(p.servers, server)
		}
	}
	return all
}

// describe names a peer for people: the form of Otterize, and for a peer outside the cluster where that is.
func describe(p graph.Peer, private bool) string {
	switch {
	case p.Inside():
		return visible(p.Workload.Name) + " in namespace " + visible(p.Workload.Namespace)
	case private:
		return visible(p.String()) + " (private)"
	default:
		return visible(p.String()) + " (internet)"
	}
}

// TableOptions says how a table is written.
type TableOptions struct {
	Now       time.Time // LAST SEEN is the time before it
	Wide      bool      // also kinds, Services, first seen and sources
	NoHeaders bool
}

// Table writes one line per use of an edge: clients by name, namespace and kind, servers likewise, those outside the
// cluster last.
func Table(w io.Writer, edges []graph.Edge, o TableOptions) error {
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	row := func(cells ...string) { fmt.Fprintln(table, strings.Join(cells, "\t")) }
	if !o.NoHeaders {
		row(o.headings()...)
	}
	for _, e := range slices.SortedFunc(slices.Values(edges), compareEdges) {
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
	total := seen.Whole()
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
		return visible(p.Workload.Namespace + "/" + p.Workload.Name)
	}
	return visible(p.String())
}

// Use writes a use in a few characters: "443/TCP", or "lookup <name>".
func Use(u graph.Use) string {
	if u.Act == traffic.Connect {
		return strconv.Itoa(int(u.Port)) + "/" + visible(string(u.Protocol))
	}
	return visible(string(u.Act) + " " + u.Name)
}

func sources(evidence []graph.Evidence) string {
	names := make([]string, 0, len(evidence))
	for _, e := range evidence {
		names = append(names, visible(string(e.Source)))
	}
	return strings.Join(names, ",")
}

func orDash(s string) string { return cmp.Or(visible(s), "-") }

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

// visible writes control characters and what is not text as Go does in its strings: a name must not move the cursor,
// begin a line or end a column.
func visible(s string) string {
	if strings.IndexFunc(s, hidden) < 0 && strings.ToValidUTF8(s, "") == s {
		return s
	}
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "\ufffd") {
		if hidden(r) {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func hidden(r rune) bool { return r != ' ' && !unicode.IsGraphic(r) }

// compareEdges orders edges by client and then by server, each by name, namespace and kind, and equal ones by their uses.
func compareEdges(a, b graph.Edge) int {
	return cmp.Or(comparePeers(a.Client, b.Client), comparePeers(a.Server, b.Server),
		slices.CompareFunc(a.Uses, b.Uses, func(x, y graph.Seen) int { return graph.CompareUses(x.Use, y.Use) }))
}

func comparePeers(a, b graph.Peer) int {
	return cmp.Or(compareNames(a, b), cmp.Compare(a.Workload.Kind, b.Workload.Kind))
}

// compareNames orders peers by name and namespace, those outside the cluster last.
func compareNames(a, b graph.Peer) int {
	switch {
	case a.Inside() && !b.Inside():
		return -1
	case !a.Inside() && b.Inside():
		return 1
	case a.Inside():
		return cmp.Or(cmp.Compare(a.Workload.Name, b.Workload.Name), cmp.Compare(a.Workload.Namespace, b.Workload.Namespace))
	default:
		return graph.ComparePeers(a, b)
	}
}
