// Package document writes and reads the map as one JSON document, portolan.graph/v1: what list, visualize and export
// exchange with files and with programs of others.
//
// It is pure. It must not filter or interpret edges.
package document

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

// Schema is the value of the field schema. It changes only when a reader of the old form would misunderstand the new one.
const Schema = "portolan.graph/v1"

// Window says what the edges rest on: the time that was watched, and how many sightings were taken and lost.
type Window struct {
	From         time.Time `json:"from"`
	To           time.Time `json:"to"`
	Acknowledged uint64    `json:"acknowledged"`
	Dropped      uint64    `json:"dropped"`
}

// Completeness is acknowledged / (acknowledged + dropped), and 1 where nothing was seen.
func (w Window) Completeness() float64 {
	if w.Dropped == 0 {
		return 1
	}
	return float64(w.Acknowledged) / (float64(w.Acknowledged) + float64(w.Dropped))
}

// Map is what a document holds.
type Map struct {
	Cluster string // name of the cluster; may be empty
	Window  Window
	Edges   []graph.Edge
	Dropped []Dropped // what became no edge, where that is known; Read leaves it out
}

// Dropped says why sightings became no edge, how many, and shows one of them.
type Dropped struct {
	Reason  string `json:"reason"`
	Source  string `json:"source"`
	Count   uint64 `json:"count"`
	Example string `json:"example,omitempty"`
}

type document struct {
	Schema  string `json:"schema"`
	Cluster string `json:"cluster,omitempty"`
	Window  Window `json:"window"`
	Edges   []edge `json:"edges"`

	Dropped []Dropped `json:"dropped,omitempty"`
}

type edge struct {
	Client peer      `json:"client"`
	Server peer      `json:"server"`
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
	Marks  []string  `json:"marks,omitempty"`
	Uses   []use     `json:"uses"`

	Activity graph.Activity `json:"activity,omitzero"`
	Overflow uint64         `json:"overflow,omitempty"` // uses beyond those that the map keeps of an edge
}

type peer struct {
	Namespace string   `json:"namespace,omitempty"`
	Name      string   `json:"name"`
	Kind      string   `json:"kind,omitempty"`
	Services  []string `json:"services,omitempty"`
	Class     string   `json:"class,omitempty"` // internet or private; empty for a peer in the cluster
}

type use struct {
	Kind       string    `json:"kind"`
	Protocol   string    `json:"protocol,omitempty"`
	Port       uint16    `json:"port,omitempty"`
	TargetPort uint16    `json:"targetPort,omitempty"`
	Name       string    `json:"name,omitempty"`
	Count      uint64    `json:"count"`
	Sources    []string  `json:"sources"`
	First      time.Time `json:"first"`
	Last       time.Time `json:"last"`
}

// markHostNetwork is on an edge whose server is on the host network.
const markHostNetwork = "hostNetwork"

// Write writes the document, indented by two blanks. Equal maps give equal bytes.
func Write(w io.Writer, m Map) error {
	d := document{Schema: Schema, Cluster: m.Cluster, Window: m.Window, Edges: make([]edge, 0, len(m.Edges)), Dropped: m.Dropped}
	d.Window.From, d.Window.To = d.Window.From.UTC(), d.Window.To.UTC()
	for _, e := range m.Edges {
		d.Edges = append(d.Edges, toEdge(e))
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(d)
}

func toEdge(e graph.Edge) edge {
	out := edge{
		Client: toPeer(e.Client, e.Private), Server: toPeer(e.Server, e.Private),
		First: e.First.UTC(), Last: e.Last.UTC(), Overflow: e.Overflow, Activity: e.Activity, Uses: make([]use, 0, len(e.Uses)),
	}
	out.Server.Services = e.Services
	if e.HostNetwork {
		out.Marks = []string{markHostNetwork}
	}
	for _, seen := range e.Uses {
		out.Uses = append(out.Uses, toUse(seen))
	}
	return out
}

// The classes of peers outside the cluster.
const (
	classInternet = "internet"
	classPrivate  = "private"
)

func toPeer(p graph.Peer, private bool) peer {
	switch {
	case p.Inside():
		return peer{Namespace: p.Workload.Namespace, Name: p.Workload.Name, Kind: p.Workload.Kind}
	case private:
		return peer{Name: p.String(), Class: classPrivate}
	default:
		return peer{Name: p.String(), Class: classInternet}
	}
}

func toUse(s graph.Seen) use {
	whole := s.Whole()
	u := use{
		Kind: string(s.Use.Act), Protocol: string(s.Use.Protocol), Port: s.Use.Port, TargetPort: s.TargetPort,
		Name: s.Use.Name, Sources: make([]string, 0, len(s.Evidence)),
		First: whole.First.UTC(), Last: whole.Last.UTC(), Count: whole.Count,
	}
	for _, evidence := range s.Evidence {
		u.Sources = append(u.Sources, string(evidence.Source))
	}
	return u
}

// Read reads what Write wrote, by this or a later version: unknown fields are ignored. The counts of a use with several
// sources stand with the first of them. The edges come back sorted.
func Read(r io.Reader) (Map, error) {
	var d document
	if err := json.NewDecoder(r).Decode(&d); err != nil {
		return Map{}, fmt.Errorf("this is not a graph document: %w", err)
	}
	if d.Schema != Schema {
		return Map{}, fmt.Errorf("schema is %q, want %q: write the file with \"list --format json\"", d.Schema, Schema)
	}
	m := Map{Cluster: d.Cluster, Window: d.Window, Edges: make([]graph.Edge, 0, len(d.Edges))}
	for i, e := range d.Edges {
		from, err := e.toGraph()
		if err != nil {
			return Map{}, fmt.Errorf("edges[%d]: %w", i, err)
		}
		m.Edges = append(m.Edges, from)
	}
	slices.SortFunc(m.Edges, func(a, b graph.Edge) int {
		return cmp.Or(graph.ComparePeers(a.Client, b.Client), graph.ComparePeers(a.Server, b.Server))
	})
	return m, nil
}

func (e edge) toGraph() (graph.Edge, error) {
	client, errClient := e.Client.toGraph()
	server, errServer := e.Server.toGraph()
	if err := errors.Join(prefixed("client", errClient), prefixed("server", errServer)); err != nil {
		return graph.Edge{}, err
	}
	out := graph.Edge{
		Client: client, Server: server, Services: e.Server.Services, First: e.First, Last: e.Last, Overflow: e.Overflow, Activity: e.Activity,
		HostNetwork: slices.Contains(e.Marks, markHostNetwork),
		Private:     e.Client.Class == classPrivate || e.Server.Class == classPrivate,
	}
	for _, u := range e.Uses {
		out.Uses = append(out.Uses, u.toGraph())
	}
	slices.SortFunc(out.Uses, func(a, b graph.Seen) int { return graph.CompareUses(a.Use, b.Use) })
	return out, nil
}

func prefixed(side string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", side, err)
}

func (p peer) toGraph() (graph.Peer, error) {
	switch {
	case p.Name == "":
		return graph.Peer{}, errors.New("a peer needs a name")
	case p.Namespace != "":
		return graph.Peer{Workload: identity.Workload{Namespace: p.Namespace, Kind: p.Kind, Name: p.Name}}, nil
	}
	if addr, err := netip.ParseAddr(p.Name); err == nil {
		return graph.Peer{Addr: addr.Unmap()}, nil
	}
	return graph.Peer{Name: p.Name}, nil
}

func (u use) toGraph() graph.Seen {
	seen := graph.Seen{
		Use: graph.Use{
			Act: traffic.Act(u.Kind), Protocol: traffic.Protocol(u.Protocol), Port: u.Port, Name: u.Name,
		},
		TargetPort: u.TargetPort,
	}
	for i, source := range u.Sources {
		evidence := graph.Evidence{Source: traffic.Source(source), First: u.First, Last: u.Last}
		if i == 0 {
			evidence.Count = u.Count
		}
		seen.Evidence = append(seen.Evidence, evidence)
	}
	return seen
}
