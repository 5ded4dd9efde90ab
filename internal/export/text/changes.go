package text

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/portolan-io/portolan/internal/graph"
)

// Changes writes one line per change: '+' for an edge that appeared or returned, '-' for one that vanished.
func Changes(w io.Writer, changes []graph.Change) error {
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	for _, c := range changes {
		fmt.Fprintf(table, "%s %s -> %s %s\t%s %s\tseen %dx\n", sign(c.Turn), short(c.Edge.Client), beside(c.Edge), uses(c.Edge),
			visible(string(c.Turn)), c.At.UTC().Format(time.RFC3339), total(c.Edge))
	}
	return table.Flush()
}

// ChangesTable writes the same as a table.
func ChangesTable(w io.Writer, changes []graph.Change, noHeaders bool) error {
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	if !noHeaders {
		fmt.Fprintln(table, "CHANGE\tAT\tCLIENT\tSERVER\tUSES\tCOUNT")
	}
	for _, c := range changes {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%d\n", visible(string(c.Turn)), c.At.UTC().Format(time.RFC3339), short(c.Edge.Client),
			short(c.Edge.Server), uses(c.Edge), total(c.Edge))
	}
	return table.Flush()
}

func sign(t graph.Turn) string {
	if t == graph.Vanished {
		return "-"
	}
	return "+"
}

// beside names a server as its client would: without the namespace that they share, and with its kind.
func beside(e graph.Edge) string {
	name := short(e.Server)
	if e.Server.Inside() && e.Client.Workload.Namespace == e.Server.Workload.Namespace {
		name = visible(e.Server.Workload.Name)
	}
	if kind := e.Server.Workload.Kind; kind != "" {
		name += " (" + visible(kind) + ")"
	}
	return name
}

func uses(e graph.Edge) string {
	names := make([]string, len(e.Uses))
	for i, seen := range e.Uses {
		names[i] = Use(seen.Use)
	}
	return strings.Join(names, ",")
}

func total(e graph.Edge) uint64 {
	var all uint64
	for i := range e.Uses {
		all += e.Uses[i].Whole().Count
	}
	return all
}
