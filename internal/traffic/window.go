package traffic

import (
	"sync"
	"time"
)

// Window folds repeated sightings of one interval into one each. It is bounded: a sighting with a new key that finds the
// window full is counted as overflow and forgotten. It is safe for concurrent use by any number of sources and one
// reader. Adding a known key allocates nothing.
type Window struct {
	mu       sync.Mutex
	limit    int
	folded   map[key]*tally
	spare    []*tally // tallies of drained windows, kept to be used again
	overflow uint64
}

// key is what two sightings have in common when they are repeats. The client's port is not in it: every connection has
// another one.
type key struct {
	source   Source
	from, to Party
	what     What
}

type tally struct {
	first, last time.Time
	ttl         time.Duration
	count       uint64
	ports       []uint16 // of the client, sorted
}

// DefaultWindowKeys is the default bound of a Window: how many different sightings it holds.
const DefaultWindowKeys = 20_000

// NewWindow returns an empty window that holds at most limit different sightings. A limit below 1 means
// DefaultWindowKeys.
func NewWindow(limit int) *Window {
	if limit < 1 {
		limit = DefaultWindowKeys
	}
	return &Window{limit: limit, folded: make(map[key]*tally)}
}

// Add folds s into the window and reports whether it was kept. It is false only when s is new and the window is full;
// the loss is in Overflow.
func (w *Window) Add(s Sighting) bool {
	k := keyOf(&s)
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.add(k, s)
}

// Replace takes said out of the window and adds better, which says more of the same. It reports false, and changes nothing,
// when said is not there any more, or when there is no room for better.
func (w *Window) Replace(said, better Sighting) bool {
	from, to := keyOf(&said), keyOf(&better)
	w.mu.Lock()
	defer w.mu.Unlock()
	t, there := w.folded[from]
	if !there || t.count < said.Count {
		return false
	}
	if _, known := w.folded[to]; !known && len(w.folded) >= w.limit && t.count > said.Count {
		return false
	}
	if t.count -= said.Count; t.count == 0 {
		w.spare = append(w.spare, t)
		delete(w.folded, from)
	}
	return w.add(to, better)
}

func keyOf(s *Sighting) key {
	k := key{source: s.Source, from: s.From, to: s.To, what: s.What}
	k.from.Port = 0
	return k
}

func (w *Window) add(k key, s Sighting) bool {
	if t, known := w.folded[k]; known {
		t.fold(s)
		return true
	}
	if len(w.folded) >= w.limit {
		w.overflow += s.Count
		return false
	}
	w.folded[k] = w.newTally(s)
	return true
}

func (t *tally) fold(s Sighting) {
	if s.First.Before(t.first) {
		t.first = s.First
	}
	if s.Last.After(t.last) {
		t.last = s.Last
	}
	t.ttl = max(t.ttl, s.TTL)
	t.count += s.Count
	t.addPorts(&s)
}

func (w *Window) newTally(s Sighting) *tally {
	t := &tally{}
	if n := len(w.spare); n > 0 {
		t, w.spare = w.spare[n-1], w.spare[:n-1]
	}
	*t = tally{first: s.First, last: s.Last, ttl: s.TTL, count: s.Count}
	t.addPorts(&s)
	return t
}

// Drain appends at most most folded sightings to dst, in no order, forgets them, and returns the extended slice.
// most below 1 means all.
func (w *Window) Drain(dst []Sighting, most int) []Sighting {
	w.mu.Lock()
	defer w.mu.Unlock()
	if most < 1 {
		most = len(w.folded)
	}
	for k, t := range w.folded {
		if most == 0 {
			break
		}
		most--
		dst = append(dst, Sighting{
			Source: k.source, From: k.from, To: k.to, What: k.what,
			First: t.first, Last: t.last, TTL: t.ttl, Count: t.count, Ports: t.ports,
		})
		w.spare = append(w.spare, t)
		delete(w.folded, k)
	}
	return dst
}

// Len returns how many different sightings the window holds.
func (w *Window) Len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.folded)
}

// Overflow returns how many sightings were refused since the window was made, because it was full.
func (w *Window) Overflow() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.overflow
}
