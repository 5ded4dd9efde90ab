package graph

import (
	"slices"
	"strings"
	"time"

	"github.com/portolan-io/portolan/internal/identity"
)

// Filter says which edges a reader wants. The zero Filter means all.
type Filter struct {
	Namespaces   []string  // namespaces of the client, or of the server when the client is outside; empty means all
	Server       Server    // when set: every edge of every client that calls this server
	InsideOnly   bool      // without edges that cross the border of the cluster
	Since, Until time.Time // of the latest sighting, both inclusive; zero means no bound

	Without map[identity.Workload]bool // edges with one of these at either end are left out
}

// Server names a server as people write it: by the name of its workload or of one of its Services.
type Server struct{ Namespace, Name string }

// Cursor is a reader's place in the sequence of changes. The zero Cursor is before the first one. It has no meaning for
// another Graph.
type Cursor uint64

// View returns the edges that pass the filter, sorted by client and then by server. What it returns is a deep copy. An edge
// that comes while it is made may be missing.
func (g *Graph) View(f Filter) []Edge {
	return g.collect(copier{edges: make([]Edge, 0, f.room(g))}, f.asks(false), f.keep())
}

// Since returns the uses that were seen after the cursor, each with all its evidence, as edges that are sorted and deep
// copies, and the cursor for the next call. Each reader has a cursor of its own. A change is never missed; one that happens
// during the call may be returned by this call and by the next.
func (g *Graph) Since(c Cursor) ([]Edge, Cursor) { return g.since(c, copier{after: uint64(c)}) }

// Touched is Since with all uses of the edges.
func (g *Graph) Touched(c Cursor) ([]Edge, Cursor) { return g.since(c, copier{}) }

func (g *Graph) since(c Cursor, to copier) ([]Edge, Cursor) {
	next := Cursor(g.changes.Load()) // before the first shard is read, so that nothing slips through behind it
	return g.collect(to, func(*client) bool { return true }, func(e *entry) bool { return e.seenAfter(uint64(c)) }), next
}

// seenAfter reports whether a use in the map was seen after that change.
func (e *entry) seenAfter(change uint64) bool {
	return e.changed > change && !e.past &&
		slices.ContainsFunc(e.uses, func(u use) bool { return !u.over && u.changed > change })
}

// asks returns whether edges of a client may pass. It spares a look at each of them. A client that called a server only in
// the past counts where the past is asked for.
func (f Filter) asks(past bool) func(*client) bool {
	return func(c *client) bool {
		if len(f.Namespaces) > 0 && c.peer.Inside() && !slices.Contains(f.Namespaces, c.peer.Workload.Namespace) {
			return false
		}
		return f.Server == Server{} || slices.ContainsFunc(c.edges, func(e *entry) bool {
			return (past || !e.past) && f.Server.named(e.key.server.Workload, e.services)
		})
	}
}

// named reports whether people would call that server by the name; '.' and '_' in it are the same.
func (s Server) named(server identity.Workload, services []string) bool {
	if server.IsZero() || server.Namespace != s.Namespace {
		return false
	}
	return strings.ReplaceAll(server.Name, ".", "_") == strings.ReplaceAll(s.Name, ".", "_") || slices.Contains(services, s.Name)
}

// keep returns what the filter says of one edge of a client that it asks for.
func (f Filter) keep() func(*entry) bool {
	from, to := nanoseconds(f.Since), nanoseconds(f.Until)
	return func(e *entry) bool {
		if e.past || !f.within(e) {
			return false
		}
		if f.Since.IsZero() && f.Until.IsZero() {
			return true
		}
		last := e.last()
		return (f.Since.IsZero() || last >= from) && (f.Until.IsZero() || last <= to)
	}
}

// within reports whether the two ends of the edge are where the filter wants them.
func (f *Filter) within(e *entry) bool {
	if !f.InsideOnly && len(f.Namespaces) == 0 && len(f.Without) == 0 {
		return true
	}
	if f.InsideOnly && e.key.crosses() || f.Without[e.key.client.Workload] || f.Without[e.key.server.Workload] {
		return false
	}
	return len(f.Namespaces) == 0 || slices.Contains(f.Namespaces, e.key.home().Namespace)
}

// room returns how many edges may pass: all where nothing is asked for, else nobody knows.
func (f Filter) room(g *Graph) int {
	if len(f.Namespaces) > 0 || len(f.Without) > 0 || f.Server != (Server{}) || !f.Since.IsZero() || !f.Until.IsZero() {
		return 0
	}
	return g.Len()
}

// collect copies the edges that keep wants of the clients that asks wants, in order.
func (g *Graph) collect(c copier, asks func(*client) bool, keep func(*entry) bool) []Edge {
	for _, from := range g.clients(asks, keep) {
		c.addFrom(from, keep)
	}
	return c.edges
}

// copiedAtOnce is how many edges are looked at under a lock: a third of a millisecond of copying.
const copiedAtOnce = 1024

// addFrom copies the edges of a client, some at a time, so that a client of very many holds up no writer.
func (c *copier) addFrom(from *client, keep func(*entry) bool) {
	var next *Peer // server of the edge to go on with
	for more := true; more; {
		from.shard.mu.Lock()
		at := 0
		if next != nil {
			at, _ = from.find(next)
		}
		end := min(at+copiedAtOnce, len(from.edges))
		for _, e := range from.edges[at:end] {
			if keep(e) {
				c.add(e)
			}
		}
		if more = end < len(from.edges); more {
			next = &from.edges[end].key.server
		}
		from.shard.mu.Unlock()
	}
}

// clients returns, in order, the clients that asks wants and of which keep wants an edge. One shard is locked at a time.
func (g *Graph) clients(asks func(*client) bool, keep func(*entry) bool) []*client {
	var all []*client
	for i := range g.shards {
		s := &g.shards[i]
		s.mu.Lock()
		for _, c := range s.clients {
			if asks(c) && slices.ContainsFunc(c.edges, keep) {
				all = append(all, c)
			}
		}
		s.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b *client) int { return comparePeers(&a.peer, &b.peer) })
	return all
}
