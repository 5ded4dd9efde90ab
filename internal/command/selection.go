package command

import (
	"context"
	"errors"
	"fmt"
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
	asServices   bool
	file         string // a graph document instead of the operator
}

func newSelection() *selection { return &selection{connection: newConnection()} }

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
		Namespaces: slices.Clone(s.namespaces), InsideOnly: !s.withInternet,
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

// read returns the selected part of the map. An error means that nothing is known.
func (s *selection) read(cmd *cobra.Command) (document.Map, query.Basis, error) {
	filter, err := s.filter(cmd.Flags().Changed, time.Now())
	if err != nil {
		return document.Map{}, query.Basis{}, err
	}
	m, basis, err := s.fetch(cmd, filter)
	if err != nil {
		return document.Map{}, query.Basis{}, err
	}
	if s.asServices {
		m.Edges = byService(m.Edges)
	}
	return m, basis, nil
}

func (s *selection) fetch(cmd *cobra.Command, filter graph.Filter) (document.Map, query.Basis, error) {
	if s.file != "" {
		m, err := readFile(s.file, cmd.InOrStdin())
		if err != nil {
			return document.Map{}, query.Basis{}, err
		}
		m.Edges = pick(m.Edges, filter)
		return m, query.Basis{
			Cluster: m.Cluster, From: m.Window.From, To: m.Window.To, Acknowledged: m.Window.Acknowledged, Dropped: m.Window.Dropped,
		}, nil
	}
	if err := s.connection.validate(); err != nil {
		return document.Map{}, query.Basis{}, err
	}
	var m document.Map
	var basis query.Basis
	err := s.connection.ask(cmd.Context(), func(ctx context.Context, client *query.Client) error {
		var err error
		basis, m.Edges, err = client.Edges(ctx, filter)
		return err
	})
	m.Cluster = basis.Cluster
	m.Window = document.Window{From: basis.From, To: basis.To, Acknowledged: basis.Acknowledged, Dropped: basis.Dropped}
	return m, basis, err
}

// names is a flag that takes names separated by commas or blanks, any number of times.
type names []string

// Set implements pflag.Value.
func (n *names) Set(text string) error {
	*n = append(*n, strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' })...)
	return nil
}

// String implements pflag.Value.
func (n *names) String() string { return strings.Join(*n, ",") }

// Type implements pflag.Value.
func (n *names) Type() string { return "names" }

// moment is a flag that takes a duration before now, or a time.
type moment struct {
	ago  time.Duration
	when time.Time
	text string
}

// Set implements pflag.Value.
func (m *moment) Set(text string) error {
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		*m = moment{ago: ago, text: text}
		return nil
	}
	when, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return errors.New("want a duration such as 24h, or a time such as 2026-11-20T07:00:00Z")
	}
	*m = moment{when: when, text: text}
	return nil
}

// String implements pflag.Value.
func (m *moment) String() string { return m.text }

// Type implements pflag.Value.
func (m *moment) Type() string { return "duration|time" }

// at returns the moment, or the zero time when the flag was not given.
func (m *moment) at(now time.Time) time.Time {
	switch {
	case m.text == "":
		return time.Time{}
	case m.when.IsZero():
		return now.Add(-m.ago)
	default:
		return m.when
	}
}

func readFile(path string, standard interface{ Read([]byte) (int, error) }) (document.Map, error) {
	in := standard
	if path != "-" {
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
