package intents

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

// parseEdges reads one edge per line: "<peer> -> <peer> [<port>/<protocol>|lookup]... [via <service>,...]", where a peer
// is <namespace>/<kind>/<name>, a name or an address. Lines that begin with # are comments.
func parseEdges(t *testing.T, text string) []graph.Edge {
	t.Helper()
	var edges []graph.Edge
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			edges = append(edges, parseEdge(t, line))
		}
	}
	return edges
}

func parseEdge(t *testing.T, line string) graph.Edge {
	t.Helper()
	words := strings.Fields(line)
	if len(words) < 3 || words[1] != "->" {
		t.Fatalf("edge %q: want <client> -> <server> ...", line)
	}
	e := graph.Edge{Client: parsePeer(words[0]), Server: parsePeer(words[2])}
	for i := 3; i < len(words); i++ {
		if words[i] == "via" {
			e.Services = strings.Split(words[i+1], ",")
			break
		}
		use, err := parseUse(words[i])
		if err != nil {
			t.Fatalf("edge %q: %v", line, err)
		}
		e.Uses = append(e.Uses, graph.Seen{Use: use})
	}
	return e
}

func parsePeer(text string) graph.Peer {
	if who, err := identity.Parse(text); err == nil {
		return graph.Peer{Workload: who}
	}
	if addr, err := netip.ParseAddr(text); err == nil {
		return graph.Peer{Addr: addr}
	}
	return graph.Peer{Name: text}
}

func parseUse(text string) (graph.Use, error) {
	if text == "lookup" {
		return graph.Use{Act: traffic.Lookup, Name: "a.name"}, nil
	}
	number, protocol, _ := strings.Cut(text, "/")
	port, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return graph.Use{}, fmt.Errorf("use %q: want <port>/<protocol> or lookup", text)
	}
	return graph.Use{Act: traffic.Connect, Protocol: traffic.Protocol(protocol), Port: uint16(port)}, nil
}

// sampleHeader is a header with every field.
func sampleHeader() *Header {
	from := time.Date(2026, 11, 13, 7, 0, 0, 0, time.UTC)
	return &Header{
		Version: "v1.4.0", Cluster: "0d5f6c1e-8a57-4f0e-9a7c-1f2f6f2b9b11",
		From: from, To: from.Add(7 * 24 * time.Hour), Completeness: 0.99999,
	}
}
