package wire

import (
	"sync"
	"time"
)

// epochKey is one run of one agent.
type epochKey struct {
	node, pod string
	epoch     uint64
}

// page is what the ledger holds of one run.
type page struct {
	committed uint64 // highest number stored
	seen      time.Time
	taken     uint64  // number of a batch that is in the map and perhaps not stored yet; 0 for none
	receipt   Receipt // of that batch
}

// ledger remembers which batches were merged, so that a repetition changes nothing. Agents send in order, one at a time,
// therefore the highest number of each epoch is all it takes. It is bounded, forgets an epoch after a day of silence,
// and is safe for concurrent use; two requests of one epoch at a time are the caller's to prevent.
//
// What a sink stores survives a restart: it is given back as HandlerOptions.Committed.
type ledger struct {
	mu    sync.Mutex
	pages map[epochKey]page
	limit int
}

const (
	forgetAfter = 24 * time.Hour
	maxEpochs   = 20_000
	maxGap      = 1 << 16 // one odd number must not drown the count
)

func newLedger(limit int, before []Committed) *ledger {
	l := &ledger{pages: make(map[epochKey]page), limit: limit}
	for _, c := range before {
		l.makeRoom(c.Seen)
		l.pages[epochKey{node: c.Node, pod: c.Pod, epoch: c.Epoch}] = page{committed: c.Seq, seen: c.Seen}
	}
	return l
}

// underway returns the receipt of a batch that is in the map, and nil for one that is not, or is stored and known so.
func (l *ledger) underway(key epochKey, seq uint64) Receipt {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.pages[key]; known.taken == seq {
		return known.receipt
	}
	return nil
}

// take notes that batch seq is in the map. acknowledged is as in commit.
func (l *ledger) take(key epochKey, seq, acknowledged uint64, receipt Receipt, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.page(key, seq, acknowledged, now)
	known.seen, known.taken, known.receipt = now, seq, receipt
	l.pages[key] = known
}

// page returns what is known of an epoch. For one that is not known acknowledged stands in: the highest number that the agent
// has an answer for.
func (l *ledger) page(key epochKey, seq, acknowledged uint64, now time.Time) page {
	known, ok := l.pages[key]
	if !ok {
		l.makeRoom(now)
		known.committed = min(acknowledged, seq-1)
	}
	return known
}

// merged reports whether a batch of this number, or a higher one, was merged in this epoch.
func (l *ledger) merged(key epochKey, seq uint64, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	known, ok := l.pages[key]
	return ok && now.Sub(known.seen) < forgetAfter && seq <= known.committed
}

// commit notes that batch seq is stored, and returns how many batches before it never came. acknowledged is the highest
// number the agent has an answer for; it stands in for an epoch that a restarted operator does not remember.
func (l *ledger) commit(key epochKey, seq, acknowledged uint64, now time.Time) (gap uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.page(key, seq, acknowledged, now)
	if seq > known.committed {
		gap = min(seq-known.committed-1, maxGap)
	}
	l.pages[key] = page{committed: max(seq, known.committed), seen: now}
	return gap
}

// touch keeps the memory of an epoch that sends no batches at present.
func (l *ledger) touch(key epochKey, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known, ok := l.pages[key]; ok {
		known.seen = now
		l.pages[key] = known
	}
}

// makeRoom forgets silent epochs when the ledger is full, and the longest silent one if all are fresh.
func (l *ledger) makeRoom(now time.Time) {
	if len(l.pages) < l.limit {
		return
	}
	var oldest epochKey
	first := true
	for key, known := range l.pages {
		if now.Sub(known.seen) >= forgetAfter {
			delete(l.pages, key)
			continue
		}
		if first || known.seen.Before(l.pages[oldest].seen) {
			oldest, first = key, false
		}
	}
	if len(l.pages) >= l.limit {
		delete(l.pages, oldest)
	}
}
