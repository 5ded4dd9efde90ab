package stage

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ShopEdges returns the true edges of the sample shop, sorted: "<namespace>/<kind>/<name> -> <peer>".
func (s Stage) ShopEdges() ([]string, error) {
	text, err := os.ReadFile(filepath.Join(s.Root, "config/samples/shop/edges.txt"))
	if err != nil {
		return nil, err
	}
	var edges []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			edges = append(edges, line)
		}
	}
	slices.Sort(edges)
	return edges, nil
}

// document is the part of the graph document that a set of edges needs.
type document struct {
	Edges []struct {
		Client, Server peer
	}
}

type peer struct{ Namespace, Kind, Name, Class string }

func (p peer) String() string {
	if p.Namespace == "" {
		return p.Name
	}
	return p.Namespace + "/" + p.Kind + "/" + p.Name
}

// MappedEdges returns every edge of the map, of all namespaces, sorted, in the form of ShopEdges. Only what comes from outside
// to the API server is left out: that is the person's own kubectl.
func (s Stage) MappedEdges(ctx context.Context) ([]string, error) {
	text, err := s.Run(ctx, "list", "--format=json", "--with-internet")
	if err != nil {
		return nil, err
	}
	var d document
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return nil, fmt.Errorf("reading the graph document: %w", err)
	}
	edges := make([]string, 0, len(d.Edges))
	for _, e := range d.Edges {
		if e.Client.Namespace == "" && e.Server == (peer{Namespace: "default", Name: "kubernetes"}) {
			continue
		}
		edges = append(edges, e.Client.String()+" -> "+e.Server.String())
	}
	slices.Sort(edges)
	return slices.Compact(edges), nil
}

// Compare returns the edges that are wanted and not there, and those that are there and not wanted. Both inputs are
// sorted.
func Compare(got, want []string) (missing, extra []string) {
	for _, edge := range want {
		if _, found := slices.BinarySearch(got, edge); !found {
			missing = append(missing, edge)
		}
	}
	for _, edge := range got {
		if _, found := slices.BinarySearch(want, edge); !found {
			extra = append(extra, edge)
		}
	}
	return missing, extra
}
