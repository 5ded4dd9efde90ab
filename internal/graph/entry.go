package graph

import (
	"math"
	"slices"
	"time"

	"github.com/portolan-io/portolan/internal/traffic"
)

// entry is what the graph keeps of one edge. Times are nanoseconds since 1970, which halves them. What a known observation
// needs stands together, because reading memory is most of what it costs.
type entry struct {
	earlier  []spell // before the latest, sorted
	overflow uint64
	activity *activity // nil while nothing happens

	key         pair
	next        *entry // with the same hash
	hostNetwork bool
	private     bool
	past        bool   // it left the map, and every use of it is over
	changed     uint64 // number of the latest change
	others      uint64 // what happened without a port in the present window
	latest      spell
	uses        []use // sorted
	services    []string
}

type use struct {
	key      Use
	target   uint16
	over     bool       // it left the map
	changed  uint64     // number of its latest change
	evidence []evidence // sorted by source
}

type evidence struct {
	source      traffic.Source
	first, last int64
	count       uint64 // what a store has; see Adopt and Settle
	fresh       uint64 // what no store has yet
}

// manner says what becomes of the count and the times of an observation.
type manner uint8

const (
	observed   manner = iota // the count is new, and the times are a stretch of a spell
	remembered               // the same, and it is no activity of now
	restored                 // the count is new; spells come apart
	adopted                  // the count takes the place of what a store was known to have; spells come apart
)

// newEntry returns an entry with one use and no evidence. Most edges have one use with one piece of evidence, and one
// Service at most, so room for these is in the same piece of memory.
func newEntry(key *pair, first Use) *entry {
	fresh := &struct {
		entry

		firstService  [1]string
		firstUse      [1]use
		firstEvidence [1]evidence
	}{}
	fresh.key = *key
	fresh.firstUse[0] = use{key: first, over: true, evidence: fresh.firstEvidence[:0]}
	fresh.uses, fresh.services = fresh.firstUse[:], fresh.firstService[:0]
	fresh.latest = none()
	return &fresh.entry
}

// merge adds an observation of this edge. What was last seen before the horizon is not in the map.
func (e *entry) merge(o *Observation, how manner, l *Limits, horizon int64) Bound {
	v := evidence{source: o.Source, first: nanoseconds(o.First), last: nanoseconds(o.Last)}
	if v.last < v.first {
		v.first, v.last = v.last, v.first
	}
	at, known := e.find(&o.Use)
	if !known {
		if bound := e.room(o, l, v.last < horizon); bound != Kept {
			e.overflow++
			return bound
		}
		at, _ = e.find(&o.Use)
		e.uses = slices.Insert(e.uses, at, use{key: o.Use, over: true})
	}
	e.hostNetwork = e.hostNetwork || o.HostNetwork
	e.private = e.private || o.Private
	e.called(o.Service)
	u := &e.uses[at]
	u.changed = e.changed
	u.aim(o.TargetPort)
	if bound := u.merge(v, o.Count, how); bound != Kept {
		return bound
	}
	u.over = u.over && v.last < horizon
	if how <= remembered {
		e.saw(spell{v.first, v.last}, int64(l.SpellGap))
	}
	return Kept
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

// room makes room for the use of o as a new one, or says which bound has none. Uses that are over give theirs up to one
// that is not.
func (e *entry) room(o *Observation, l *Limits, over bool) Bound {
	if !o.fits() {
		return TooLong
	}
	most, bound := l.most(o.Use.Act)
	have, past := 0, 0
	for i := range e.uses {
		if e.uses[i].key.Act == o.Use.Act {
			have++
			if e.uses[i].over {
				past++
			}
		}
	}
	switch {
	case have < most:
		return Kept
	case over || past == 0:
		return bound
	default:
		e.uses = slices.DeleteFunc(e.uses, func(u use) bool { return u.over && u.key.Act == o.Use.Act })
		return Kept
	}
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

func (u *use) merge(v evidence, count uint64, how manner) Bound {
	at, known := u.witness(v.source)
	if !known {
		if len(u.evidence) >= maxSources {
			return FullEvidence
		}
		u.evidence = slices.Insert(u.evidence, at, v)
	}
	have := &u.evidence[at]
	have.first, have.last = min(have.first, v.first), max(have.last, v.last)
	if how == adopted {
		have.count = count
	} else {
		have.fresh = sum(have.fresh, count)
	}
	return Kept
}

// witness returns the place of a source among the evidence, and whether it is there.
func (u *use) witness(source traffic.Source) (int, bool) {
	return slices.BinarySearchFunc(u.evidence, source, func(v evidence, source traffic.Source) int {
		switch {
		case v.source < source:
			return -1
		case v.source > source:
			return 1
		default:
			return 0
		}
	})
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
