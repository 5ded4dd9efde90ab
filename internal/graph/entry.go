package graph

import (
	"math"
	"slices"
	"time"

	"github.com/portolan-io/portolan/internal/traffic"
)

// entry is what the graph keeps of one edge. Times are nanoseconds since 1970, which halves them.
type entry struct {
	key         pair
	next        *entry // with the same hash
	uses        []use  // sorted
	services    []string
	overflow    uint64
	changed     uint64 // number of the latest change
	hostNetwork bool
	private     bool
}

type use struct {
	key      Use
	target   uint16
	evidence []evidence // sorted by source
}

type evidence struct {
	source      traffic.Source
	first, last int64
	count       uint64
}

// newEntry returns an entry with one use and no evidence. Most edges have one use with one piece of evidence, so room for
// these is in the same piece of memory.
func newEntry(key *pair, first Use) *entry {
	fresh := &struct {
		entry

		firstUse      [1]use
		firstEvidence [1]evidence
	}{}
	fresh.key = *key
	fresh.firstUse[0] = use{key: first, evidence: fresh.firstEvidence[:0]}
	fresh.uses = fresh.firstUse[:]
	return &fresh.entry
}

// merge adds an observation of this edge.
func (e *entry) merge(o *Observation, l *Limits) Bound {
	at, known := e.find(&o.Use)
	if !known {
		if bound := e.room(o, l); bound != Kept {
			e.overflow++
			return bound
		}
		e.uses = slices.Insert(e.uses, at, use{key: o.Use})
	}
	e.hostNetwork = e.hostNetwork || o.HostNetwork
	e.private = e.private || o.Private
	e.called(o.Service)
	e.uses[at].aim(o.TargetPort)
	return e.uses[at].merge(evidence{
		source: o.Source, first: nanoseconds(o.First), last: nanoseconds(o.Last), count: o.Count,
	})
}

// find returns the place of a use, and whether it is there.
func (e *entry) find(key *Use) (int, bool) {
	low, high := 0, len(e.uses)
	for low < high {
		middle := int(uint(low+high) / 2)
		switch c := compareUses(&e.uses[middle].key, key); {
		case c == 0:
			return middle, true
		case c < 0:
			low = middle + 1
		default:
			high = middle
		}
	}
	return low, false
}

// room returns Kept when the edge can take the use of o as a new one.
func (e *entry) room(o *Observation, l *Limits) Bound {
	if !o.fits() {
		return TooLong
	}
	most, bound := l.most(o.Use.Act)
	have := 0
	for i := range e.uses {
		if e.uses[i].key.Act == o.Use.Act {
			have++
		}
	}
	if have >= most {
		return bound
	}
	return Kept
}

// called adds a Service name. Of more than maxServices the smallest stay, so that their order does not matter.
func (e *entry) called(service string) {
	if service == "" || len(service) > maxName {
		return
	}
	at, known := slices.BinarySearch(e.services, service)
	if known || at == maxServices {
		return
	}
	e.services = slices.Insert(e.services, at, service)
	if len(e.services) > maxServices {
		e.services = slices.Delete(e.services, maxServices, len(e.services))
	}
}

// aim adds a target port: the smallest stays.
func (u *use) aim(port uint16) {
	if port != 0 && (u.target == 0 || port < u.target) {
		u.target = port
	}
}

func (u *use) merge(v evidence) Bound {
	if v.last < v.first {
		v.first, v.last = v.last, v.first
	}
	at, known := slices.BinarySearchFunc(u.evidence, v.source, func(v evidence, source traffic.Source) int {
		switch {
		case v.source < source:
			return -1
		case v.source > source:
			return 1
		default:
			return 0
		}
	})
	if !known {
		if len(u.evidence) >= maxSources {
			return FullEvidence
		}
		u.evidence = slices.Insert(u.evidence, at, v)
		return Kept
	}
	have := &u.evidence[at]
	have.first, have.last = min(have.first, v.first), max(have.last, v.last)
	have.count = sum(have.count, v.count)
	return Kept
}

// last returns the latest moment of the use.
func (u *use) last() int64 {
	last := int64(math.MinInt64)
	for i := range u.evidence {
		last = max(last, u.evidence[i].last)
	}
	return last
}

// last returns the latest moment of the edge.
func (e *entry) last() int64 {
	last := int64(math.MinInt64)
	for i := range e.uses {
		last = max(last, e.uses[i].last())
	}
	return last
}

// sum adds counts and stays at the largest one instead of starting over.
func sum(a, b uint64) uint64 {
	if a > math.MaxUint64-b {
		return math.MaxUint64
	}
	return a + b
}

// nanoseconds returns t since 1970, at the nearest end of what an int64 holds when t is outside (years 1678 to 2262).
func nanoseconds(t time.Time) int64 {
	const most = math.MaxInt64 / int64(time.Second)
	switch s := t.Unix(); {
	case s >= most:
		return math.MaxInt64
	case s <= -most:
		return math.MinInt64
	default:
		return t.UnixNano()
	}
}

func instant(ns int64) time.Time { return time.Unix(0, ns).UTC() }
