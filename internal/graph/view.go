package graph

import (
	"slices"
	"strings"
	"time"
)

// Filter says which edges a reader wants. The zero Filter means all.
type Filter struct {
	Namespaces   []string  // namespaces of the client, or of the server when the client is outside; empty means all
	Server       Server    // when set: every edge of every client that calls this server
	InsideOnly   bool      // without edges that cross the border of the cluster
	Since, Until time.Time // of the latest sighting, both inclusive; zero means no bound
}

// Server names a server as people write it: by the name of its workload or of one of its Services.
type Server struct{ Namespace, Name string }

// Cursor is a reader's place in the sequence of changes. The zero Cursor is before the first one. It has no meaning for
// another Graph.
type Cursor uint64

// View returns the edges that pass the filter, sorted by client and then by server. What it returns is a deep copy.
func (g *Graph) View(f Filter) []Edge {
	keep := f.keep()
	if f.Server != (Server{}) {
		keep = g.callersOf(f.Server, keep)
	}
	return g.collect(f.room(g), keep)
}

// Since returns the edges that changed after the cursor, sorted and as deep copies, and the cursor for the next call. A
// change is never missed; one that happens during the call may be returned by this call and by the next.
func (g *Graph) Since(c Cursor) ([]Edge, Cursor) {
	next := Cursor(g.changes.Load()) // before the first shard is read, so that nothing slips through behind it
	return g.collect(0, func(e *entry) bool { return e.changed > uint64(c) }), next
}

// keep returns the filter as one function, without what needs a look at other edges.
func (f Filter) keep() func(*entry) bool {
	from, to := nanoseconds(f.Since), nanoseconds(f.Until)
	return func(e *entry) bool {
		if f.InsideOnly && e.key.crosses() {
			return false
		}
		if len(f.Namespaces) > 0 {
			if home, _ := e.key.home(); !slices.Contains(f.Namespaces, home.Namespace) {
				return false
			}
		}
		if f.Since.IsZero() && f.Until.IsZero() {
			return true
		}
		last := e.last()
		return (f.Since.IsZero() || last >= from) && (f.Until.IsZero() || last <= to)
	}
}

// room returns how many edges may pass: all where nothing is asked for, else nobody knows.
func (f Filter) room(g *Graph) int {
	if len(f.Namespaces) > 0 || f.Server != (Server{}) || !f.Since.IsZero() || !f.Until.IsZero() {
		return 0
	}
	return g.Len()
}

// callersOf narrows keep to the clients that call that server.
func (g *Graph) callersOf(server Server, keep func(*entry) bool) func(*entry) bool {
	callers := make(map[Peer]struct{})
	g.each(func(e *entry) {
		if server.is(e.key.server, e.services) {
			callers[e.key.client] = struct{}{}
		}
	})
	return func(e *entry) bool {
		_, calls := callers[e.key.client]
		return calls && keep(e)
	}
}

// is reports whether people would call that peer by the name; '.' and '_' in it are the same.
func (s Server) is(p Peer, services []string) bool {
	if !p.Inside() || p.Workload.Namespace != s.Namespace {
		return false
	}
	return strings.ReplaceAll(p.Workload.Name, ".", "_") == strings.ReplaceAll(s.Name, ".", "_") || slices.Contains(services, s.Name)
}

// each calls visit for every edge, one shard locked at a time. visit must not keep what it gets.
func (g *Graph) each(visit func(*entry)) {
	for i := range g.shards {
		s := &g.shards[i]
		s.mu.Lock()
		s.each(visit)
		s.mu.Unlock()
	}
}

// collect copies the edges that keep wants and sorts them, the latter without any lock. room is how many there may be.
func (g *Graph) collect(room int, keep func(*entry) bool) []Edge {
	c := copier{edges: make([]Edge, 0, room)}
	g.each(func(e *entry) {
		if keep(e) {
			c.add(e)
		}
	})
	return c.sorted()
}
