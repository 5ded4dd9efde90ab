package graph

import (
	"hash/maphash"
	"net/netip"
	"slices"
)

// Activity is how much was going on between two peers in the latest window that is over, against the window before it; see
// Roll. It is no fact: it depends on when windows end.
//
// Where ports of clients were seen, each address and port is one connection. Otherwise lookups and the like are counted.
type Activity struct {
	Current   int  `json:"current"`
	Added     int  `json:"added"`     // of Current, those that the window before did not have
	Removed   int  `json:"removed"`   // what the window before had and this one has not
	Ports     bool `json:"ports"`     // Current counts connections by their ports
	Saturated bool `json:"saturated"` // there were more connections than are told apart
}

// maxCallers is how many connections of an edge are told apart in a window.
const maxCallers = 256

// activity is what happens on one edge, but for what has no port in the present window: that is in the entry itself, which
// spares whoever merges a look at other memory. It is there while something does.
type activity struct {
	now, before window
	known       bool // there was a window before
	shown       Activity
}

// window is what happened in one.
type window struct {
	callers []uint64 // hashes of addresses and ports of clients, sorted
	full    bool
	others  uint64 // what had no port
}

// note adds what an observation says to the present window.
func (e *entry) note(seed maphash.Seed, o *Observation) {
	if len(o.Ports) == 0 {
		e.others = sum(e.others, o.Count)
		return
	}
	if e.activity == nil {
		e.activity = &activity{}
	}
	for _, port := range o.Ports {
		e.activity.now.call(maphash.Comparable(seed, netip.AddrPortFrom(o.Caller, port)))
	}
}

func (w *window) call(caller uint64) {
	at, known := slices.BinarySearch(w.callers, caller)
	switch {
	case known:
	case len(w.callers) >= maxCallers:
		w.full = true
	default:
		w.callers = slices.Insert(w.callers, at, caller)
	}
}

// count returns how much happened; ports win.
func (w *window) count() (n int, ports bool) {
	if len(w.callers) > 0 {
		return len(w.callers), true
	}
	const most = 1 << 31
	return int(min(w.others, most)), false
}

// Roll ends the present window of every edge, and begins the next. Edges on which nothing happened in two windows have no
// activity any more, and give its memory back. Whoever keeps the graph calls it in equal periods, whether anybody reads or not.
func (g *Graph) Roll() {
	for i := range g.shards {
		s := &g.shards[i]
		s.mu.Lock()
		for _, from := range s.clients {
			for _, e := range from.edges {
				e.roll()
			}
		}
		s.mu.Unlock()
	}
}

func (e *entry) roll() {
	if e.activity == nil {
		if e.others == 0 {
			return
		}
		e.activity = &activity{}
	}
	e.activity.now.others, e.others = e.others, 0
	if !e.activity.roll() {
		e.activity = nil
	}
}

// roll reports whether there is anything left to show.
func (a *activity) roll() bool {
	now, before := a.now, a.before
	current, ports := now.count()
	previous, portsBefore := before.count()
	a.shown = Activity{Current: current, Ports: ports, Saturated: now.full, Added: current}
	if a.known {
		a.shown.Removed = previous
	}
	if ports && portsBefore {
		same := shared(now.callers, before.callers)
		a.shown.Added, a.shown.Removed = current-same, previous-same
	}
	a.before, a.now, a.known = now, window{}, true
	return current+previous > 0
}

// shared returns how many values two sorted lists have in common.
func shared(a, b []uint64) (n int) {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			a = a[1:]
		case a[0] > b[0]:
			b = b[1:]
		default:
			n, a, b = n+1, a[1:], b[1:]
		}
	}
	return n
}
