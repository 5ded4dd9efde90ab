package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portolan-io/portolan/internal/export/document"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/query"
)

// selection says which edges a command is about, and where they come from: the operator, or a file.
type selection struct {
	connection *connection

	namespaces   names
	everywhere   bool // -A
	server       string
	since, until moment
	withInternet bool
	whole        bool // read what crosses the border of the cluster, whether it is wanted or only counted
	asServices   bool
	file         string // a graph document instead of the operator
}

func newSelection(version string) *selection { return &selection{connection: newConnection(version)} }

func (s *selection) addFlags(cmd *cobra.Command) {
	fs := cmd.Flags()
	s.connection.addFlags(fs)
	fs.VarP(&s.namespaces, "namespace", "n", "namespaces of the clients, separated by commas or blanks; may be repeated; default all")
	fs.BoolVarP(&s.everywhere, "all-namespaces", "A", false, "all namespaces, whatever else is configured")
	fs.StringVar(&s.server, "server", "", "name.namespace of a server: every client that calls it, with all that the client calls")
	fs.Var(&s.since, "since", "leave out what was not seen since then: a duration such as 24h, or a time in RFC 3339 form")
	fs.Var(&s.until, "until", "leave out what was seen after that: a duration such as 1h before now, or a time in RFC 3339 form")
	fs.BoolVar(&s.withInternet, "with-internet", false, "include what crosses the border of the cluster")
	fs.BoolVar(&s.asServices, "as-kubernetes-service", false, "name the Service where the call went to one")
	fs.StringVar(&s.file, "edges", "", "read the map from a file that \"list --format json\" wrote, or - for standard input, instead of asking the operator")
}

// filter returns what the flags select.
func (s *selection) filter(given func(flag string) bool, now time.Time) (graph.Filter, error) {
	f := graph.Filter{
		Namespaces: slices.Clone(s.namespaces), InsideOnly: !s.withInternet && !s.whole,
		Since: s.since.at(now), Until: s.until.at(now),
	}
	if s.everywhere {
		f.Namespaces = nil
	}
	if s.server == "" {
		return f, nil
	}
	if len(f.Namespaces) > 0 {
		// What was typed goes before what was configured; two that were typed do not fit together.
		switch typedServer, typedNamespace := given("server"), given("namespace"); {
		case typedServer == typedNamespace:
			return graph.Filter{}, flagError{errors.New("server filter cannot be used with namespaces filter")}
		case typedNamespace:
			return f, nil
		}
		f.Namespaces = nil
	}
	name, namespace, found := cutLast(s.server, ".")
	if !found || name == "" || namespace == "" {
		return graph.Filter{}, flagError{fmt.Errorf("server %q: want name.namespace", s.server)}
	}
	f.Server = graph.Server{Namespace: namespace, Name: name}
	return f, nil
}

// cutLast cuts at the last separator: namespaces have no dots, names may.
func cutLast(s, separator string) (before, after string, found bool) {
	at := strings.LastIndex(s, separator)
	if at < 0 {
		return s, "", false
	}
	return s[:at], s[at+len(separator):], true
}

// youngMap is how long a map is told to be young. Much of what happens in a cluster happens at least once in that time.
const youngMap = 10 * time.Minute

// read returns the selected part of the map, and tells when the operator has only just begun it or is not the only one. An
// error means that nothing is known.
func (s *selection) read(cmd *cobra.Command, say notices) (document.Map, error) {
	filter, err := s.filter(cmd.Flags().Changed, time.Now())
	if err != nil {
		return document.Map{}, err
	}
	if s.file == "" {
		return s.askAndTell(cmd, filter, say)
	}
	m, err := readMap(s.file, cmd.InOrStdin())
	if err != nil {
		return document.Map{}, err
	}
	filter.Since, filter.Until = s.since.at(now(m)), s.until.at(now(m)) // the past of an old file is that before its end
	m.Edges = pick(m.Edges, filter)
	return m, nil
}

// askAndTell asks the operator, and tells what is not in its answer.
func (s *selection) askAndTell(cmd *cobra.Command, filter graph.Filter, say notices) (document.Map, error) {
	m, operators, err := s.ask(cmd, filter)
	if err != nil {
		return document.Map{}, err
	}
	if age := m.Window.To.Sub(m.Window.From); !m.Window.From.IsZero() && age < youngMap {
		say.sayf(cmd, "Note: the map begins at %s (%s ago), when the operator started; what was not seen since then is not in it",
			m.Window.From.UTC().Format(time.RFC3339), rounded(age))
	}
	if operators > 1 {
		say.sayf(cmd, "Note: %s", mapsApart(operators))
	}
	return m, nil
}

// named returns the edges with servers named as the flags want it.
func (s *selection) named(edges []graph.Edge) []graph.Edge {
	if s.asServices {
		return byService(edges)
	}
	return edges
}

// ask asks the operator, and returns how many of them run as far as the cluster said so.
func (s *selection) ask(cmd *cobra.Command, filter graph.Filter) (_ document.Map, operators int, err error) {
	var basis query.Basis
	var edges []graph.Edge
	err = s.connection.ask(cmd, func(ctx context.Context, operator reached) error {
		operators = operator.ready
		var err error
		if basis, edges, err = operator.Edges(ctx, filter); err != nil {
			return err
		}
		return s.connection.fits(basis.Version)
	})
	return document.Map{
		Cluster: basis.Cluster, Edges: edges,
		Window: document.Window{From: basis.From, To: basis.To, Acknowledged: basis.Acknowledged, Dropped: basis.Dropped},
	}, operators, err
}

// readMap reads a graph document.
func readMap(path string, standard io.Reader) (document.Map, error) {
	in := standard
	if path != standardInput {
		file, err := os.Open(path)
		if err != nil {
			return document.Map{}, fmt.Errorf("reading --edges: %w", err)
		}
		defer file.Close()
		in = file
	}
	m, err := document.Read(in)
	if err != nil {
		return document.Map{}, fmt.Errorf("reading --edges %s: %w", path, err)
	}
	return m, nil
}

// standardInput is the path that means it.
const standardInput = "-"
