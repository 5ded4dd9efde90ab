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
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"

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
	at           moment // the map of that time; list alone has the flag
	withInternet bool
	whole        bool // read what crosses the border of the cluster, whether it is wanted or only counted
	asServices   bool
	without      names  // labels of the workloads that are left out
	file         string // a graph document instead of the operator
}

func newSelection(version string) *selection { return &selection{connection: newConnection(version)} }

func (s *selection) addFlags(cmd *cobra.Command) {
	fs := cmd.Flags()
	s.connection.addFlags(fs)
	s.addFilters(fs)
	s.addLabels(fs)
	fs.StringVar(&s.file, "edges", "", "read the map from a file that \"list --format json\" wrote, or - for standard input, instead of asking the operator")
}

// addLabels registers what selects edges by what the operator alone knows.
func (s *selection) addLabels(fs *pflag.FlagSet) {
	fs.Var(&s.without, "exclude-labels", "leave out workloads with one of these labels, on either side: key=value, or key for any value; separated by commas or blanks, may be repeated")
}

// addFilters registers what does not depend on where the edges come from.
func (s *selection) addFilters(fs *pflag.FlagSet) {
	s.addWho(fs)
	fs.Var(&s.since, "since", "leave out what was not seen since then: a duration such as 24h or 7d, a time in RFC 3339 form, or a date, which begins in UTC")
	fs.Var(&s.until, "until", "leave out what was seen after that: a duration such as 1h before now, a time in RFC 3339 form, or a date")
	fs.BoolVar(&s.asServices, "as-kubernetes-service", false, "name the Service where the call went to one")
}

// addWho registers what selects edges by who is on them.
func (s *selection) addWho(fs *pflag.FlagSet) {
	fs.VarP(&s.namespaces, "namespace", "n", "namespaces of the clients, separated by commas or blanks; may be repeated; default all")
	fs.BoolVarP(&s.everywhere, "all-namespaces", "A", false, "all namespaces, whatever else is configured")
	fs.StringVar(&s.server, "server", "", "name.namespace of a server: every client that calls it, with all that the client calls")
	fs.BoolVar(&s.withInternet, "with-internet", false, "include what crosses the border of the cluster")
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
	if err := checkNamespaces(f.Namespaces); err != nil || s.server == "" {
		return f, err
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
	if !found || name == "" || !isNamespace(namespace) {
		return graph.Filter{}, flagError{fmt.Errorf("server %q: want name.namespace", s.server)}
	}
	f.Server = graph.Server{Namespace: namespace, Name: name}
	return f, nil
}

// checkNamespaces refuses what can be the name of no namespace.
func checkNamespaces(list []string) error {
	for _, namespace := range list {
		if !isNamespace(namespace) {
			return flagError{fmt.Errorf("namespace %q: want the name of a namespace, of at most 63 of a-z, 0-9 and '-'", namespace)}
		}
	}
	return nil
}

// isNamespace reports whether a namespace may have this name.
func isNamespace(name string) bool { return len(validation.IsDNS1123Label(name)) == 0 }

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

// read returns the selected part of the map. It tells when the map was only just begun or is not whole, and which of the
// namespaces it does not know. An error means that nothing is known.
func (s *selection) read(cmd *cobra.Command, say notices) (document.Map, error) {
	filter, err := s.filter(cmd.Flags().Changed, time.Now())
	if err := errors.Join(err, s.checkAt(), s.checkLabels()); err != nil {
		return document.Map{}, err
	}
	f, err := s.find(cmd, filter)
	if err != nil {
		return document.Map{}, err
	}
	if s.file == "" {
		s.sayBeginning(cmd, f.Window, say)
	}
	for _, note := range f.notes {
		say.sayf(cmd, "Note: %s", note)
	}
	for _, namespace := range f.unknown {
		say.sayf(cmd, "Note: the map has no client in namespace %s", namespace)
	}
	return f.Map, nil
}

// sayBeginning tells that the map was only just begun, or later than what the flags ask for.
func (s *selection) sayBeginning(cmd *cobra.Command, w document.Window, say notices) {
	asked := s.earliest(time.Now())
	switch age := w.To.Sub(w.From); {
	case w.From.IsZero():
	case age < youngMap:
		say.sayf(cmd, "Note: the map begins at %s (%s ago); what was not seen since then is not in it", stampOf(w.From), rounded(age))
	case !asked.IsZero() && asked.Before(w.From):
		say.sayf(cmd, "Note: the map begins at %s; what was before is not in it", stampOf(w.From))
	}
}

// earliest returns the moment from which on the flags ask for the map; the zero time where they do not say.
func (s *selection) earliest(now time.Time) time.Time {
	if s.at.text != "" {
		return s.at.at(now)
	}
	return s.since.at(now)
}

// checkLabels refuses labels that are none, or that nobody knows.
func (s *selection) checkLabels() error {
	if len(s.without) > 0 && s.file != "" {
		return flagError{errors.New("--exclude-labels: a file holds no labels; ask the operator")}
	}
	for _, text := range s.without {
		if _, err := query.ParseLabel(text); err != nil {
			return flagError{fmt.Errorf("--exclude-labels: %w", err)}
		}
	}
	return nil
}

// checkAt refuses what a moment does not go with.
func (s *selection) checkAt() error {
	if s.at.text != "" && (s.file != "" || s.since.text != "" || s.until.text != "") {
		return flagError{errors.New("--at is a moment of the operator's history: it goes with neither --edges nor --since nor --until")}
	}
	return nil
}

// found is the selected part of a map, and what a person should know of the rest.
type found struct {
	document.Map
	unknown []string // namespaces that were asked for, and in which the whole map has no client
	notes   []string // what the operator says of its map, one sentence each
}

// find looks up what the filter selects, in the operator's map or in the file.
func (s *selection) find(cmd *cobra.Command, filter graph.Filter) (found, error) {
	if s.file == "" {
		return s.ask(cmd, filter)
	}
	whole, err := readMap(s.file, cmd.InOrStdin())
	if err != nil {
		return found{}, err
	}
	return found{Map: s.recorded(whole, filter), unknown: without(filter.Namespaces, whole.Edges)}, nil
}

// recorded returns the selected part of a map that was made earlier. Its past is that before its end.
func (s *selection) recorded(m document.Map, filter graph.Filter) document.Map {
	filter.Since, filter.Until = s.since.at(now(m)), s.until.at(now(m))
	m.Edges = pick(m.Edges, filter)
	return m
}

// without returns those of the namespaces in which no edge is at home.
func without(namespaces []string, edges []graph.Edge) []string {
	known := make(map[string]bool)
	for _, e := range edges {
		known[e.Home().Namespace] = true
	}
	var left []string
	for _, namespace := range namespaces {
		if !known[namespace] {
			known[namespace] = true // told once
			left = append(left, namespace)
		}
	}
	return left
}

// named returns the edges with servers named as the flags want it.
func (s *selection) named(edges []graph.Edge) []graph.Edge {
	if s.asServices {
		return byService(edges)
	}
	return edges
}

// ask asks the operator what the filter selects, at the moment that the flags say, and in which of the namespaces its map has
// no client.
func (s *selection) ask(cmd *cobra.Command, filter graph.Filter) (f found, err error) {
	at := s.at.at(time.Now())
	err = s.connection.ask(cmd, func(ctx context.Context, operator reached) error {
		basis, edges, err := operator.edges(ctx, at, filter, s.without)
		if err != nil {
			return err
		}
		f.notes = notesOf(basis, operator)
		f.Map = document.Map{Cluster: basis.Cluster, Edges: edges, Window: windowOf(basis)}
		if f.unknown = without(filter.Namespaces, edges); len(f.unknown) > 0 { // the rest of the filter may have left them out
			_, all, err := operator.edges(ctx, at, graph.Filter{Namespaces: f.unknown}, nil)
			if err != nil {
				return err
			}
			f.unknown = without(f.unknown, all)
		}
		return s.connection.fits(basis.Version)
	})
	return f, err
}

// edges asks for the edges of a moment; the zero time is the present.
func (r reached) edges(ctx context.Context, at time.Time, filter graph.Filter, without names) (query.Basis, []graph.Edge, error) {
	if at.IsZero() {
		return r.Edges(ctx, filter, without...)
	}
	return r.At(ctx, at, filter, without...)
}

// notesOf returns what a reader of an operator's map should know.
func notesOf(b query.Basis, operator reached) []string {
	if operator.ready > 1 && !b.Shared {
		return append(b.Notes, mapsApart(operator.ready))
	}
	return b.Notes
}

func windowOf(b query.Basis) document.Window {
	return document.Window{From: b.From, To: b.To, Acknowledged: b.Acknowledged, Dropped: b.Dropped}
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
