package query

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

// operator is a Source with a real graph.
type operator struct {
	graph   *graph.Graph
	basis   Basis
	status  Status
	refused func(Missing) []Refused
}

func (o operator) Basis() Basis { return o.basis }

// Labelled knows one label, of the ledger.
func (o operator) Labelled(labels []Label) map[identity.Workload]bool {
	for _, l := range labels {
		if l.On(map[string]string{"tier": "data"}) {
			return map[identity.Workload]bool{{Namespace: "pay", Kind: "StatefulSet", Name: "ledger"}: true}
		}
	}
	return nil
}
func (o operator) Edges(f graph.Filter) []graph.Edge { return o.graph.View(f) }
func (o operator) At(t time.Time, f graph.Filter) []graph.Edge {
	return o.graph.At(t, t0().Add(time.Hour), f)
}

func (o operator) Changes(p Period, f graph.Filter) Changes {
	changes, same := o.graph.Between(p.From, p.To, t0().Add(time.Hour), f)
	return Changes{Changes: changes, Same: same}
}
func (o operator) Refused(m Missing) []Refused { return o.refused(m) }
func (o operator) Status() Status              { return o.status }

func (o operator) Reset(_ context.Context, namespaces []string) (int, error) {
	if o.status.Store.Kind == "" {
		return 0, errors.New("the store fails")
	}
	return o.graph.Reset(namespaces...), nil
}

// t0 is when everything in these tests begins.
func t0() time.Time { return time.Date(2026, 11, 13, 7, 0, 0, 0, time.UTC) }

// newOperator returns an operator that knows n edges of as many clients, and one edge to the outside.
func newOperator(n int) operator {
	g := graph.New(graph.Limits{})
	for i := range n {
		g.Merge(observation(graph.Peer{Workload: identity.Workload{Namespace: "pay", Kind: "StatefulSet", Name: "ledger"}}, i))
	}
	g.Merge(observation(graph.Peer{Name: "api.bank.example"}, 0))
	return operator{
		graph: g,
		basis: Basis{Cluster: "c1", From: t0(), To: t0().Add(time.Hour), Acknowledged: 7, Dropped: 1, Version: "v1.4.0", Notes: []string{"it is old"}, Shared: true},
		status: Status{
			Version: "v1.4.0", Started: t0(), Edges: n, Synced: true, Nodes: []string{"n1"},
			Agents: []Agent{{Node: "n1", LastSeen: t0(), Skew: -3 * time.Millisecond}},
			Store: Store{
				Kind: "sqlite", Target: "sqlite /map.db", Problem: "the disk is full", Since: t0(), Notes: []string{"it was damaged"},
				Began: t0().Add(-time.Hour), Contact: t0().Add(-time.Minute), Waiting: 7,
			},
		},
	}
}

func observation(server graph.Peer, i int) graph.Observation {
	return graph.Observation{
		Client:  graph.Peer{Workload: identity.Workload{Namespace: "shop", Kind: "Deployment", Name: fmt.Sprintf("client-%05d", i)}},
		Server:  server,
		Service: "ledger", Source: traffic.SYN, First: t0(), Last: t0().Add(time.Minute), Count: 3,
		Use: graph.Use{Act: traffic.Connect, Protocol: traffic.TCP, Port: 443},
	}
}

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

// serve serves a source without authorization and returns a client of it.
func serve(t testing.TB, source Source) *Client {
	t.Helper()
	return serveHandler(t, NewHandler(source, Doorkeepers{}, quiet()))
}

func serveHandler(t testing.TB, handler http.Handler) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return NewClient(server.Client(), server.URL, "")
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
