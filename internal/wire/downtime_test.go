package wire

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portolan-io/portolan/internal/traffic"
)

const downtime = 10 * time.Minute

// lookupOf returns the i-th of many different lookups: a client, one of 500 names, one of its addresses.
func lookupOf(i int) traffic.Sighting {
	s := fullLookup()
	s.From.Addr = netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})
	s.To.Name = fmt.Sprintf("service-%d.team-%d.svc.cluster.local", i%500, i%40)
	s.What.Aliases = ""
	return s
}

// TestTenMinutesWithoutAnOperatorCostNoEdge: whatever a node sees in ten minutes waits in the queue, at the default bounds.
func TestTenMinutesWithoutAnOperatorCostNoEdge(t *testing.T) {
	for name, tc := range map[string]struct {
		second func(n int) []traffic.Sighting // what is seen in the n-th second
		edges  int
	}{
		"the same 1,000 pairs all the time": {
			func(n int) []traffic.Sighting { return connections(200 * (n%5 + 1))[200*(n%5):] }, 1_000,
		},
		"10 new pairs a second": {
			func(n int) []traffic.Sighting { return connections(10 * (n + 1))[10*n:] }, 6_000,
		},
		"10 lookups a second that nobody made before, beside 500 that come again every five": {
			func(n int) []traffic.Sighting {
				var all []traffic.Sighting
				for i := range 100 {
					all = append(all, lookupOf(100*(n%5)+i))
				}
				for i := range 10 {
					all = append(all, lookupOf(500+10*n+i))
				}
				return all
			}, 6_500,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				l := startLine(t, SenderOptions{}, func(int) fault {
					if time.Since(began) < downtime {
						return unreachable
					}
					return fine
				})
				var offered uint64
				for n := range int(downtime / time.Second) {
					for _, s := range tc.second(n) {
						l.window.Add(s)
						offered += s.Count
					}
					time.Sleep(time.Second)
				}
				most := l.sender.Stats()
				time.Sleep(time.Minute)
				synctest.Wait()
				t.Logf("%d batches of %d KiB waited at the end", most.QueueBatches, most.QueueBytes>>10)
				stats := l.sender.Stats()
				if lost := stats.DroppedQueueFull + l.window.Overflow(); lost != 0 || l.sink.total() != offered {
					t.Errorf("of %d sightings %d arrived and %d were lost: %+v", offered, l.sink.total(), lost, stats)
				}
				if got := l.sink.edges(); got != tc.edges {
					t.Errorf("%d edges arrived, want %d", got, tc.edges)
				}
				l.end(t)
			})
		})
	}
}

// TestWhatTheQueueCannotHoldIsCounted: twice as much that is new as the queue can hold.
func TestWhatTheQueueCannotHoldIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		l := startLine(t, SenderOptions{MaxBytes: 128 << 10}, func(int) fault {
			if time.Since(began) < downtime {
				return unreachable
			}
			return fine
		})
		for n := range 600 {
			for _, s := range connections(10 * (n + 1))[10*n:] {
				l.window.Add(s)
			}
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		stats := l.sender.Stats()
		if stats.DroppedQueueFull == 0 || l.sink.total()+stats.DroppedQueueFull != 6_000 {
			t.Errorf("%d arrived and %d were counted as lost, want 6000 in all", l.sink.total(), stats.DroppedQueueFull)
		}
		if l.sink.total() < 1_000 {
			t.Errorf("%d arrived, want what a queue of 128 KiB holds", l.sink.total())
		}
		l.end(t)
	})
}

func TestAQueueMergesWhateverRepeatsItself(t *testing.T) {
	// The oldest two have nothing in common, and together more sightings than a request may hold.
	q := newQueue(3, 8<<20)
	q.push(mustBatch(t, connections(MaxSightings)...))
	q.push(mustBatch(t, connection(MaxSightings, 1), connection(MaxSightings+1, 1)))
	q.push(mustBatch(t, connection(MaxSightings, 10)))
	q.push(mustBatch(t, connection(1, 100)))
	wantWaiting(t, q, MaxSightings, 12, 100)
	q.push(mustBatch(t, connection(2, 1000)))
	wantWaiting(t, q, MaxSightings, 112, 1000)
	if q.load().dropped != 0 {
		t.Errorf("dropped = %d, want 0", q.load().dropped)
	}
}
