package command

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/internal/export/document"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/query"
)

// scene is an operator that people ask with commands: a real query handler behind TLS and tokens, and an empty folder in
// which the commands run.
type scene struct {
	env map[string]string
}

// version is that of the command line in these tests.
const version = "v1.4.0"

// source is a query.Source with a real graph.
type source struct {
	graph  *graph.Graph
	basis  query.Basis
	status query.Status
}

func (o source) Basis() query.Basis { return o.basis }

// Labelled knows one label, of the ledger.
func (o source) Labelled(labels []query.Label) map[identity.Workload]bool {
	for _, l := range labels {
		if l.On(map[string]string{"tier": "data"}) {
			return map[identity.Workload]bool{{Namespace: "pay", Kind: "Deployment", Name: "ledger"}: true}
		}
	}
	return nil
}
func (o source) Edges(f graph.Filter) []graph.Edge { return o.graph.View(f) }
func (o source) At(t time.Time, f graph.Filter) []graph.Edge {
	return o.graph.At(t, o.basis.To, f)
}

func (o source) Changes(p query.Period, f graph.Filter) query.Changes {
	changes, same := o.graph.Between(p.From, p.To, o.basis.To, f)
	return query.Changes{Changes: changes, Same: same}
}

func (o source) Refused(m query.Missing) []query.Refused {
	if m.To.Workload.Name == "nobody" {
		return nil
	}
	return []query.Refused{
		{
			Reason: "HostNetwork", Source: "syn", Last: o.basis.To.Add(-time.Minute), Count: 3,
			Sighting: "192.168.1.1 -> 10.0.0.7 port 80/TCP", Meaning: "the address of a node, which says nothing about who on it",
		},
	}
}

func (o source) Status() query.Status { return o.status }

func (o source) Reset(_ context.Context, namespaces []string) (int, error) {
	return o.graph.Reset(namespaces...), nil
}

// operatorOf returns an operator that knows what a graph document holds.
func operatorOf(t *testing.T, text string) source {
	t.Helper()
	m, err := document.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return source{
		graph: graphOf(m.Edges),
		basis: query.Basis{
			Cluster: m.Cluster, From: m.Window.From, To: m.Window.To, Version: version,
			Acknowledged: m.Window.Acknowledged, Dropped: m.Window.Dropped,
		},
	}
}

// graphOf returns a graph that holds the edges.
func graphOf(edges []graph.Edge) *graph.Graph {
	g := graph.New(graph.Limits{})
	for _, e := range edges {
		observe(g, e, e.Server)
		for _, service := range e.Services {
			use := e.Uses[0]
			g.Merge(graph.Observation{
				Client: e.Client, Server: e.Server, Service: service, Use: use.Use, TargetPort: use.TargetPort,
				Source: use.Evidence[0].Source, First: use.Evidence[0].First, Last: use.Evidence[0].Last,
			})
		}
	}
	return g
}

// shop returns the map that most scenes are about.
func shop(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("testdata/shop.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// token is the one that the operator of a scene knows.
const token = "a-token"

// tokens is an Authorizer that knows one token.
type tokens struct{}

func (tokens) Authorize(_ context.Context, got string, _ query.Deed) (string, error) {
	if got != token {
		return "", query.ErrUnknown
	}
	return "ann", nil
}

// guarded lets nobody do anything without that authorizer.
func guarded(by query.Authorizer) query.Doorkeepers {
	return query.Doorkeepers{Readers: by, Clearers: by}
}

// newScene serves a source at an address that the environment names, and goes into an empty folder.
func newScene(t *testing.T, from query.Source) *scene {
	t.Helper()
	return newSceneWith(t, query.NewHandler(from, guarded(tokens{}), slog.New(slog.DiscardHandler)))
}

func newSceneWith(t *testing.T, handler http.Handler) *scene {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	secrets := t.TempDir()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	write(t, filepath.Join(secrets, "ca.crt"), string(ca))
	write(t, filepath.Join(secrets, "token"), token+"\n")
	t.Chdir(t.TempDir())
	return &scene{env: map[string]string{
		"PORTOLAN_ADDRESS":    server.URL,
		"PORTOLAN_CA_FILE":    filepath.Join(secrets, "ca.crt"),
		"PORTOLAN_TOKEN_FILE": filepath.Join(secrets, "token"),
	}}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// result is what a command left behind.
type result struct {
	out, err string
	code     int
}

// run runs a command line as a person types it, with blanks between the words.
func (s *scene) run(ctx context.Context, line string) result {
	return s.runWith(ctx, line, strings.NewReader(""))
}

func (s *scene) runWith(ctx context.Context, line string, in io.Reader) result {
	return s.runAs(ctx, line, in, false)
}

// typed runs a command line whose input a person types.
func (s *scene) typed(ctx context.Context, line string, in io.Reader) result {
	return s.runAs(ctx, line, in, true)
}

func (s *scene) runAs(ctx context.Context, line string, in io.Reader, typed bool) result {
	var out, errs bytes.Buffer
	code := run(ctx, version, words(line), surroundings{
		in: in, out: &out, err: &errs, typed: typed,
		env: func(name string) (string, bool) { value, set := s.env[name]; return value, set },
	})
	return result{out.String(), errs.String(), code}
}

// words splits a line at blanks outside of single quotes.
func words(line string) []string {
	var all []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			all = append(all, part)
			continue
		}
		all = append(all, strings.Fields(part)...)
	}
	return all
}

// broken is an output that cannot be written.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }
