package wire

import (
	"testing"

	"github.com/portolan-io/portolan/internal/traffic"
)

func mustBatch(t testing.TB, sightings ...traffic.Sighting) batch {
	t.Helper()
	b, err := newBatch(sightings)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// waiting returns the weights of the batches in the queue, oldest first.
func waiting(q *queue) []uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	var weights []uint64
	for i := range q.batches {
		weights = append(weights, q.batches[i].weight)
	}
	return weights
}

func wantWaiting(t *testing.T, q *queue, want ...uint64) {
	t.Helper()
	got := waiting(q)
	if len(got) != len(want) {
		t.Fatalf("batches waiting = %v, want %v", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("batches waiting = %v, want %v", got, want)
		}
	}
}

func TestAFullQueueMergesTheTwoOldestNeverSent(t *testing.T) {
	q := newQueue(3, 1<<20)
	q.push(mustBatch(t, connection(0, 1)))
	if b, _ := q.next(); b.seq != 1 {
		t.Fatalf("the first batch has number %d, want 1", b.seq)
	}
	q.push(mustBatch(t, connection(1, 10)))
	q.push(mustBatch(t, connection(1, 20), connection(2, 100)))
	q.push(mustBatch(t, connection(3, 1000)))

	wantWaiting(t, q, 1, 130, 1000)
	if got := q.batches[1].sightings; got != 2 {
		t.Errorf("the merged batch has %d sightings, want 2: repeats are folded", got)
	}
	if q.load().dropped != 0 {
		t.Errorf("dropped = %d, want 0", q.load().dropped)
	}
	if b, _ := q.next(); b.seq != 1 || b.weight != 1 {
		t.Errorf("the batch that was sent is %+v now, want it unchanged", b)
	}
}

func TestAMergeKeepsNumbersWithoutAGap(t *testing.T) {
	q := newQueue(1, 1<<20)
	q.push(mustBatch(t, connection(1, 1)))
	q.push(mustBatch(t, connection(2, 1)))
	if b, _ := q.next(); b.seq != 1 || b.weight != 2 {
		t.Errorf("next = number %d with weight %d, want 1 and 2", b.seq, b.weight)
	}
}

func TestWhenMergingMakesNoRoomTheOldestNeverSentIsDroppedAndLeavesAGap(t *testing.T) {
	first, second, third := mustBatch(t, connection(0, 1)), mustBatch(t, connection(1, 10)), mustBatch(t, connection(2, 100))
	q := newQueue(64, len(first.body)+len(second.body))
	q.push(first)
	q.next()
	q.push(second)
	q.push(third)

	wantWaiting(t, q, 1, 100)
	if got := q.load().dropped; got != 10 {
		t.Errorf("dropped = %d, want 10", got)
	}
	q.settle()
	if b, _ := q.next(); b.seq != 3 {
		t.Errorf("the batch after the dropped one has number %d, want 3", b.seq)
	}
}

func TestABatchBeyondTheBoundOfTheQueueIsCounted(t *testing.T) {
	q := newQueue(64, 10)
	q.push(mustBatch(t, connection(0, 7)))
	wantWaiting(t, q)
	if got := q.load(); got.dropped != 7 || got.bytes != 0 {
		t.Errorf("load = %+v, want 7 dropped and no bytes", got)
	}
}

func TestBatchesThatWouldBeTooLargeTogetherAreNotMerged(t *testing.T) {
	half := connections(MaxSightings)
	if _, merged := merge(new(mustBatch(t, half...)), new(mustBatch(t, connection(MaxSightings+1, 1)))); merged {
		t.Error("merged more than 10,000 sightings into one batch")
	}
	long := connections(2_000)
	for i := range long {
		long[i].From.Name = longestName()
	}
	if _, merged := merge(new(mustBatch(t, long...)), new(mustBatch(t, connections(5_000)...))); !merged {
		t.Error("did not merge two batches of together less than 1 MiB")
	}
	other := connections(4_000)[2_000:]
	for i := range other {
		other[i].From.Name = longestName()
	}
	if _, merged := merge(new(mustBatch(t, long...)), new(mustBatch(t, other...))); merged {
		t.Error("merged more than 1 MiB into one batch")
	}
}

func TestLargeBatchesAreCutByBytes(t *testing.T) {
	list := connections(MaxSightings)
	name := longestName()
	for i := range list {
		list[i].From.Name, list[i].To.Name = name, name
	}
	batches, err := cutBatches(list)
	if err != nil {
		t.Fatal(err)
	}
	sightings := 0
	for _, b := range batches {
		sightings += b.sightings
		if len(b.body) > maxBody {
			t.Errorf("a batch has %d bytes, over %d", len(b.body), maxBody)
		}
	}
	if sightings != len(list) || len(batches) < 2 {
		t.Errorf("%d sightings in %d batches, want %d in several", sightings, len(batches), len(list))
	}
}

func longestName() string {
	name := make([]byte, maxName)
	for i := range name {
		name[i] = 'a'
		if i%50 == 49 {
			name[i] = '.'
		}
	}
	return string(name)
}
