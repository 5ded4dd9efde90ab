package store

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"time"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
)

// inside is what the text of a workload begins with.
const inside = "w/"

// peerText writes a peer as the store keeps it. No part but the last holds a '/'.
func peerText(p graph.Peer) string {
	switch {
	case p.Inside():
		return inside + p.Workload.Namespace + "/" + p.Workload.Kind + "/" + p.Workload.Name
	case p.Name != "":
		return "n/" + p.Name
	default:
		return "a/" + p.Addr.String()
	}
}

// parsePeer reads what peerText wrote.
func parsePeer(text string) (graph.Peer, error) {
	class, rest, _ := strings.Cut(text, "/")
	switch class {
	case "w":
		if parts := strings.SplitN(rest, "/", 3); len(parts) == 3 && parts[0] != "" && parts[2] != "" {
			return graph.Peer{Workload: identity.Workload{Namespace: parts[0], Kind: parts[1], Name: parts[2]}}, nil
		}
	case "n":
		if rest != "" {
			return graph.Peer{Name: rest}, nil
		}
	case "a":
		if addr, err := netip.ParseAddr(rest); err == nil {
			return graph.Peer{Addr: addr}, nil
		}
	}
	return graph.Peer{}, fmt.Errorf("%q is no peer", text)
}

// moment returns nanoseconds since 1970. The graph keeps no time outside of what these can say.
func moment(t time.Time) int64 { return t.UnixNano() }

func instant(ns int64) time.Time { return time.Unix(0, ns).UTC() }

// count writes a count into a signed column.
func count(n uint64) int64 { return int64(min(n, math.MaxInt64)) }

// table is one table that merges row by row.
type table struct {
	name, columns, key string
	width              int    // number of columns
	merge              string // what becomes of a row that is there
}

// The tables of the map. Every merge is commutative and, but for the count, idempotent.
func edgeTable() table {
	return table{
		name: "edges", width: 7, key: "client, server",
		columns: "client, server, host_network, private, overflow, last_seen, change",
		merge: "host_network = (edges.host_network OR excluded.host_network), private = (edges.private OR excluded.private)," +
			" overflow = GREATEST(edges.overflow, excluded.overflow), last_seen = GREATEST(edges.last_seen, excluded.last_seen)," +
			" change = GREATEST(edges.change, excluded.change)",
	}
}

func serviceTable() table {
	return table{
		name: "services", width: 4, key: "client, server, name", columns: "client, server, name, last_seen",
		merge: "last_seen = GREATEST(services.last_seen, excluded.last_seen)",
	}
}

func spellTable() table {
	return table{
		name: "spells", width: 4, key: "client, server, first_seen", columns: "client, server, first_seen, last_seen",
		merge: "last_seen = GREATEST(spells.last_seen, excluded.last_seen)",
	}
}

// evidenceTable adds counts and stays at the largest one instead of failing.
func evidenceTable() table {
	return table{
		name: "evidence", width: 11, key: "client, server, act, protocol, port, name, source",
		columns: "client, server, act, protocol, port, name, source, target_port, first_seen, last_seen, sightings",
		merge: "target_port = CASE WHEN evidence.target_port = 0 THEN excluded.target_port WHEN excluded.target_port = 0 THEN evidence.target_port" +
			" ELSE LEAST(evidence.target_port, excluded.target_port) END," +
			" first_seen = LEAST(evidence.first_seen, excluded.first_seen), last_seen = GREATEST(evidence.last_seen, excluded.last_seen)," +
			" sightings = evidence.sightings + LEAST(excluded.sightings, 9223372036854775807 - evidence.sightings)",
	}
}

// mapTables returns the names of the tables of the map.
func mapTables() []string {
	return []string{edgeTable().name, serviceTable().name, evidenceTable().name, spellTable().name}
}

// statement returns the upsert of n rows.
func (t table) statement(n int) string {
	var text strings.Builder
	fmt.Fprintf(&text, "INSERT INTO %s (%s) VALUES ", t.name, t.columns)
	parameter := 0
	for row := range n {
		if row > 0 {
			text.WriteString(", ")
		}
		for column := range t.width {
			separator := ", "
			if column == 0 {
				separator = "("
			}
			parameter++
			fmt.Fprintf(&text, "%s$%d", separator, parameter)
		}
		text.WriteString(")")
	}
	fmt.Fprintf(&text, " ON CONFLICT (%s) DO UPDATE SET %s", t.key, t.merge)
	return text.String()
}
