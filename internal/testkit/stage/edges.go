package stage

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Edge is one way that the shop's traffic takes. Client and Server are "<namespace>/<kind>/<name>", or a name outside of the
// cluster; Port is "<number>/<protocol>", and empty where a name was only looked up so far.
type Edge struct{ Client, Server, Port string }

// String writes the edge as edges.txt has it.
func (e Edge) String() string { return strings.TrimSpace(e.Client + " -> " + e.Server + " " + e.Port) }

// Leaves reports whether the edge leads out of the cluster.
func (e Edge) Leaves() bool { return !strings.Contains(e.Server, "/") }

// ShopEdges returns the true edges of the sample shop, sorted. Every one has a port.
func (s Stage) ShopEdges() ([]Edge, error) {
	text, err := os.ReadFile(filepath.Join(s.Root, "config/samples/shop/edges.txt"))
	if err != nil {
		return nil, err
	}
	return parseEdges(string(text))
}

// clusterEdges returns the true edges of the local cluster itself: its DNS server watches the API server over a connection
// that is older than any agent, so that only the look at open sockets can find it.
func clusterEdges() []Edge {
	return []Edge{{Client: "kube-system/Deployment/coredns", Server: "default//kubernetes", Port: "443/TCP"}}
}

func parseEdges(text string) ([]Edge, error) {
	known, err := ParseTruth(text)
	return sorted(wanted(known)), err
}

func sorted(edges []Edge) []Edge {
	slices.SortFunc(edges, compareEdges)
	return slices.Compact(edges)
}

func compareEdges(a, b Edge) int {
	return cmp.Or(cmp.Compare(a.Client, b.Client), cmp.Compare(a.Server, b.Server), cmp.Compare(a.Port, b.Port))
}

// document is the part of the graph document that a set of edges needs.
type document struct {
	Edges []struct {
		Client, Server peer
		Uses           []struct {
			Protocol string
			Port     uint16
			Sources  []string
		}
	}
}

type peer struct{ Namespace, Kind, Name, Class string }

func (p peer) String() string {
	if p.Namespace == "" {
		return p.Name
	}
	return p.Namespace + "/" + p.Kind + "/" + p.Name
}

// MappedEdges returns every edge of the map, of all namespaces, sorted: one for each port, and one without port where there was
// none. Only what comes from outside to the API server is left out: that is the person's own kubectl.
func (s Stage) MappedEdges(ctx context.Context) ([]Edge, error) {
	mapped, err := s.Map(ctx)
	return edgesOf(mapped), err
}

// Map returns the same edges, with the sources that have seen them.
func (s Stage) Map(ctx context.Context) ([]Mapped, error) {
	text, err := s.Run(ctx, "list", "--format=json", "--with-internet")
	if err != nil {
		return nil, err
	}
	var d document
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return nil, fmt.Errorf("reading the graph document: %w", err)
	}
	return d.mapped(), nil
}

func (d document) mapped() []Mapped {
	var all []Mapped
	for _, e := range d.Edges {
		if e.Client.Namespace == "" && e.Server == (peer{Namespace: "default", Name: "kubernetes"}) {
			continue
		}
		pair := Mapped{Edge: Edge{Client: e.Client.String(), Server: e.Server.String()}}
		var ports []Mapped
		for _, u := range e.Uses {
			if u.Port == 0 {
				pair.Sources = append(pair.Sources, u.Sources...)
				continue
			}
			port := Edge{Client: pair.Client, Server: pair.Server, Port: fmt.Sprintf("%d/%s", u.Port, u.Protocol)}
			ports = append(ports, Mapped{port, u.Sources})
		}
		for i := range ports {
			ports[i].Sources = append(ports[i].Sources, pair.Sources...)
		}
		if len(ports) == 0 {
			ports = []Mapped{pair}
		}
		all = append(all, ports...)
	}
	slices.SortFunc(all, func(a, b Mapped) int { return compareEdges(a.Edge, b.Edge) })
	return all
}

// Compare returns the edges that are wanted and not there, and those that are there and not wanted. An edge without port, which is
// a name that was looked up, is not wanted only if no port of that server is.
func Compare(got, want []Edge) (missing, extra []Edge) {
	for _, edge := range want {
		if !slices.Contains(got, edge) {
			missing = append(missing, edge)
		}
	}
	for _, edge := range got {
		if !slices.ContainsFunc(want, edge.announces) {
			extra = append(extra, edge)
		}
	}
	return missing, extra
}

// announces reports whether an edge is as wanted, as far as it is known.
func (e Edge) announces(wanted Edge) bool {
	if e.Port == "" {
		wanted.Port = ""
	}
	return e == wanted
}

// Lines writes edges for people, one a line.
func Lines(edges []Edge) string {
	var lines []string
	for _, e := range edges {
		lines = append(lines, e.String())
	}
	return strings.Join(lines, "\n  ")
}
