package wire

import "sync"

// queue holds the batches that were cut and not yet answered, oldest first. It is bounded in batches and in bytes. Only
// its first batch was ever sent. It is safe for concurrent use by one that pushes and one that sends.
//
// When a batch does not fit, two neighbours that were never sent become one, repeats folded: the oldest two that fit into
// one request and, where bytes are short, that repeat each other enough to make room. Where there are no such two, the
// oldest goes, counted. A batch that was sent may be in the operator's map already, so it is neither changed nor dropped
// here.
type queue struct {
	mu         sync.Mutex
	batches    []batch
	bytes      int
	lastSeq    uint64
	dropped    uint64        // weight of the batches that had to go
	ready      chan struct{} // holds a token after a push
	maxBatches int
	maxBytes   int
}

func newQueue(maxBatches, maxBytes int) *queue {
	return &queue{ready: make(chan struct{}, 1), maxBatches: maxBatches, maxBytes: maxBytes}
}

// push appends b.
func (q *queue) push(b batch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.batches = append(q.batches, b)
	q.bytes += len(b.body)
	for q.over() && q.shrink() {
	}
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

func (q *queue) over() bool {
	return len(q.batches) > q.maxBatches || q.bytes > q.maxBytes
}

// shrink makes the queue one batch shorter. It reports false when only a batch that was sent is left.
func (q *queue) shrink() bool {
	first := 0
	if len(q.batches) > 0 && q.batches[0].seq != 0 {
		first = 1
	}
	if first >= len(q.batches) {
		return false
	}
	for i := first; i+1 < len(q.batches); i++ {
		if q.mergeAt(i) {
			return true
		}
	}
	q.dropAt(first)
	return true
}

// worthwhile is the part of the older batch that a merge must save when bytes are short, as a fraction: otherwise it makes
// a batch that is dear to lose, and no room.
const worthwhile = 4

// mergeAt replaces batches i and i+1 by one, if that helps. What was found of two batches is remembered: folding them is
// dear, and their contents never change.
func (q *queue) mergeAt(i int) bool {
	old, next := &q.batches[i], &q.batches[i+1]
	crowded := len(q.batches) > q.maxBatches
	if old.apart || old.unlike && !crowded {
		return false
	}
	merged, ok := merge(old, next)
	if !ok {
		old.apart = true
		return false
	}
	saved := len(old.body) + len(next.body) - len(merged.body)
	if !crowded && saved < len(old.body)/worthwhile {
		old.unlike = true
		return false
	}
	q.batches[i+1] = merged
	q.bytes -= saved
	q.remove(i)
	return true
}

// dropAt forgets batch i. It uses up the number the batch would have had, so that the operator sees the gap.
func (q *queue) dropAt(i int) {
	q.dropped += q.batches[i].weight
	q.bytes -= len(q.batches[i].body)
	q.lastSeq++
	q.remove(i)
}

func (q *queue) remove(i int) {
	copy(q.batches[i:], q.batches[i+1:])
	q.batches[len(q.batches)-1] = batch{}
	q.batches = q.batches[:len(q.batches)-1]
}

// next returns the oldest batch, which has its number from now on, and reports whether there is one. The batch stays in
// the queue until settle.
func (q *queue) next() (batch, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.batches) == 0 {
		return batch{}, false
	}
	if q.batches[0].seq == 0 {
		q.lastSeq++
		q.batches[0].seq = q.lastSeq
	}
	return q.batches[0], true
}

// settle removes the batch that next returned: it was acknowledged, or given up by the caller, who counts it.
func (q *queue) settle() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.bytes -= len(q.batches[0].body)
	q.remove(0)
}

// load is the state of a queue at one moment.
type load struct {
	batches, bytes int
	weight         uint64 // what the waiting sightings stand for
	dropped        uint64 // weight of all batches that had to go so far
}

func (q *queue) load() load {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := load{batches: len(q.batches), bytes: q.bytes, dropped: q.dropped}
	for i := range q.batches {
		l.weight += q.batches[i].weight
	}
	return l
}
