package resolve

import (
	"cmp"
	"slices"
	"sync"

	"github.com/portolan-io/portolan/internal/traffic"
)

// Ledger counts every refusal by reason and source and keeps the latest examples of each reason, so that somebody can be
// told why an edge is missing. It is bounded and safe for concurrent use.
type Ledger struct {
	mu       sync.Mutex
	counts   map[account]*tally
	examples map[Reason]*examples
}

type account struct {
	reason Reason
	source traffic.Source
}

// tally is how many refusals an account has, and the newest of them.
type tally struct {
	count  uint64
	newest traffic.Sighting
}

// examples is a ring: next is the place of the oldest once it is full.
type examples struct {
	ring []traffic.Sighting
	next int
}

// ExamplesPerReason is how many refused sightings a Ledger keeps of each reason.
const ExamplesPerReason = 100

// otherSource stands for every source that this version does not know, so that nothing from outside grows the ledger.
const otherSource traffic.Source = "other"

// Count is how many sightings of one source were refused for one reason.
type Count struct {
	Reason Reason
	Source traffic.Source
	Count  uint64
	Newest traffic.Sighting // the latest of them
}

// NewLedger returns an empty ledger.
func NewLedger() *Ledger {
	return &Ledger{counts: make(map[account]*tally), examples: make(map[Reason]*examples)}
}

// Refuse writes down a refusal. It counts 1, however often the sighting was folded.
func (l *Ledger) Refuse(r Refusal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := account{r.Reason, knownSource(r.Sighting.Source)}
	counted, known := l.counts[key]
	if !known {
		counted = &tally{}
		l.counts[key] = counted
	}
	counted.count++
	counted.newest = r.Sighting
	kept, known := l.examples[r.Reason]
	if !known {
		kept = &examples{}
		l.examples[r.Reason] = kept
	}
	kept.add(r.Sighting)
}

func (e *examples) add(s traffic.Sighting) {
	if len(e.ring) < ExamplesPerReason {
		e.ring = append(e.ring, s)
		return
	}
	e.ring[e.next] = s
	e.next = (e.next + 1) % ExamplesPerReason
}

func knownSource(s traffic.Source) traffic.Source {
	switch s {
	case traffic.DNS, traffic.SYN, traffic.Socket, traffic.Flow, traffic.Kafka, traffic.Envoy, traffic.Spans, traffic.Offline:
		return s
	default:
		return otherSource
	}
}

// Counts returns all counts, sorted by reason and source.
func (l *Ledger) Counts() []Count {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]Count, 0, len(l.counts))
	for a, n := range l.counts {
		all = append(all, Count{Reason: a.reason, Source: a.source, Count: n.count, Newest: n.newest})
	}
	slices.SortFunc(all, func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Source, b.Source))
	})
	return all
}

// Examples returns the latest sightings that were refused for that reason, the oldest first, at most ExamplesPerReason.
func (l *Ledger) Examples(reason Reason) []traffic.Sighting {
	l.mu.Lock()
	defer l.mu.Unlock()
	kept, known := l.examples[reason]
	if !known {
		return nil
	}
	return append(slices.Clone(kept.ring[kept.next:]), kept.ring[:kept.next]...)
}
