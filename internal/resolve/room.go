package resolve

import (
	"sync"
	"time"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/traffic"
)

// Room is where sightings wait that may resolve later. It is bounded in number and in time, and safe for concurrent use.
type Room struct {
	mu       sync.Mutex
	limit    int
	patience time.Duration
	waiting  []waiter // in the order in which they came
	closed   bool     // nobody comes back for what waits
}

type waiter struct {
	Delivery

	since time.Time
}

// Refusal is a sighting that made no edge, and why.
type Refusal struct {
	Sighting traffic.Sighting
	Reason   Reason
}

// The default bounds of a Room.
const (
	DefaultRoomLimit = 50_000
	DefaultPatience  = 30 * time.Second
)

// NewRoom returns an empty room for at most limit sightings, each for at most patience. A value below 1 means the
// default.
func NewRoom(limit int, patience time.Duration) *Room {
	if limit < 1 {
		limit = DefaultRoomLimit
	}
	if patience < 1 {
		patience = DefaultPatience
	}
	return &Room{limit: limit, patience: patience}
}

// Put lets d wait from now on. When the room is full the oldest sighting leaves for it, and when the room is closed d itself
// does: then it is returned, and why is WaitFull or Shutdown. Otherwise why is Resolved.
func (r *Room) Put(d Delivery, now time.Time) (left Delivery, why Reason) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return d, Shutdown
	}
	if len(r.waiting) >= r.limit {
		left, why = r.waiting[0].Delivery, WaitFull
		r.waiting = r.waiting[1:]
	}
	r.waiting = append(r.waiting, waiter{Delivery: d, since: now})
	return left, why
}

// Settled is a sighting that waits no longer: with observations and the reason Resolved, or with why there are none.
type Settled struct {
	Delivery

	Reason   Reason
	Observed []graph.Observation
}

// Retry resolves everything that waits once more and returns what is settled now: resolved, refused for a final reason,
// or refused because its time is up. A connection across the border is resolved by address when its time is up. The rest
// goes on waiting. resolve is called without a lock.
func (r *Room) Retry(now time.Time, resolve func(Delivery) ([]graph.Observation, Reason)) []Settled {
	var settled []Settled
	var patient []waiter
	for _, w := range r.take() {
		observed, reason := resolve(w.Delivery)
		if reason.Waits() && now.Sub(w.since) < r.patience {
			patient = append(patient, w)
			continue
		}
		if reason == Awaiting {
			reason = Resolved
		}
		settled = append(settled, Settled{Delivery: w.Delivery, Reason: reason, Observed: observed})
	}
	return append(settled, r.back(patient)...)
}

// take empties the room.
func (r *Room) take() []waiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.waiting
	r.waiting = nil
	return all
}

// back puts those that were taken in front of those that came meanwhile, and returns the oldest that have no place.
func (r *Room) back(patient []waiter) []Settled {
	r.mu.Lock()
	defer r.mu.Unlock()
	limit, why := r.limit, WaitFull
	if r.closed {
		limit, why = 0, Shutdown
	}
	var settled []Settled
	for len(patient) > 0 && len(patient)+len(r.waiting) > limit {
		settled = append(settled, Settled{Delivery: patient[0].Delivery, Reason: why})
		patient = patient[1:]
	}
	r.waiting = append(patient, r.waiting...)
	return settled
}

// Close empties the room for ever and returns what waited, in the order in which it came.
func (r *Room) Close() []Delivery {
	r.mu.Lock()
	r.closed = true
	all := r.waiting
	r.waiting = nil
	r.mu.Unlock()
	deliveries := make([]Delivery, len(all))
	for i, w := range all {
		deliveries[i] = w.Delivery
	}
	return deliveries
}

// Len returns how many sightings wait.
func (r *Room) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.waiting)
}
