package wire

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"
)

// AgentState is what the operator last heard from the agent of one node.
type AgentState struct {
	Agent
	Status
	Epoch        uint64
	LastSeen     time.Time     // the operator's clock
	Skew         time.Duration // the operator's clock less the agent's, the way between them included
	Acknowledged uint64        // sightings the agent knows as delivered in this epoch
	Unknown      Unknown       // what its pod sent, in all requests that were taken, and this operator does not know
}

// Dropped returns how many sightings the agent lost in this epoch, by its own counters.
func (a AgentState) Dropped() uint64 {
	var sum uint64
	for _, c := range a.Counters {
		if c.Dropped {
			sum += c.Value
		}
	}
	return sum
}

// Blind reports whether the agent named its sources and none of them runs: it lives and sees nothing.
func (a AgentState) Blind() bool {
	return len(a.Sources) > 0 && !slices.ContainsFunc(a.Sources, func(s SourceState) bool { return s.Running })
}

// Completeness returns acknowledged / (acknowledged + dropped), from 0 to 1; 1 while nothing was seen at all, and 0 for
// an agent that is blind: what it misses nobody can count.
func (a AgentState) Completeness() float64 {
	acknowledged, dropped := float64(a.Acknowledged), float64(a.Dropped())
	switch {
	case a.Blind():
		return 0
	case acknowledged+dropped == 0:
		return 1
	}
	return acknowledged / (acknowledged + dropped)
}

// Roster holds the newest state of each node's agent, whichever replica heard it. It is bounded and safe for concurrent use.
type Roster struct {
	mu     sync.Mutex
	states map[string]AgentState // by node; lists in them are never changed once they are here
	unkept map[string]bool       // nodes heard here since Unkept named them
	told   time.Time             // when Unkept last named some
	limit  int
}

const (
	maxAgents = 10_000
	keepEvery = 5 * time.Second // between two answers of Unkept
)

// NewRoster returns a roster that has heard of no agent.
func NewRoster() *Roster { return &Roster{limit: maxAgents} }

// note replaces the state of a node. What is unknown adds up as long as the pod stays the same; note reports whether this
// is the first of it.
func (r *Roster) note(state AgentState) (firstUnknown bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, known := r.states[state.Node]
	if known && before.Pod == state.Pod {
		state.Unknown = before.Unknown.plus(state.Unknown)
	} else {
		before = AgentState{}
	}
	r.put(state, true)
	return before.Unknown.Fields == 0 && state.Unknown.Fields > 0
}

// Recall takes in states that were recorded, by this replica before it started or by another one. The newest of a node counts;
// a time that lies ahead is now. What cannot be read is left out, and one error tells of all of it.
func (r *Roster) Recall(records []Record, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var first error
	bad := 0
	for _, record := range records {
		state, err := record.read()
		if err != nil {
			first, bad = cmp.Or(first, err), bad+1
			continue
		}
		if state.LastSeen.After(now) {
			state.LastSeen = now
		}
		if now.Sub(state.LastSeen) < forgetAfter && state.LastSeen.After(r.states[state.Node].LastSeen) {
			r.put(state, false)
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d cannot be read: %w", bad, len(records), first)
	}
	return nil
}

// Unkept returns the states that were heard here since it last did, and nothing within five seconds of that; with whole it
// returns all states at once.
func (r *Roster) Unkept(whole bool, now time.Time) []Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !whole && now.Sub(r.told) < keepEvery {
		return nil
	}
	var records []Record
	for node, state := range r.states {
		if whole || r.unkept[node] {
			records = append(records, state.record())
		}
	}
	if len(records) > 0 {
		r.told = now
	}
	clear(r.unkept)
	return records
}

// put keeps a state, and forgets the oldest where that is one too many.
func (r *Roster) put(state AgentState, unkept bool) {
	if r.states == nil {
		r.states, r.unkept = make(map[string]AgentState), make(map[string]bool)
	}
	r.states[state.Node], r.unkept[state.Node] = state, unkept
	if len(r.states) > r.limit {
		r.forgetOldest()
	}
}

func (r *Roster) forgetOldest() {
	oldest, first := "", true
	for node, state := range r.states {
		if first || state.LastSeen.Before(r.states[oldest].LastSeen) {
			oldest, first = node, false
		}
	}
	r.forget(oldest)
}

func (r *Roster) forget(node string) {
	delete(r.states, node)
	delete(r.unkept, node)
}

// list returns a deep copy sorted by node, without agents that were silent for a day.
func (r *Roster) list(now time.Time) []AgentState {
	r.mu.Lock()
	defer r.mu.Unlock()
	var states []AgentState
	for node, state := range r.states {
		if now.Sub(state.LastSeen) >= forgetAfter {
			r.forget(node)
			continue
		}
		state.Counters, state.Sources = slices.Clone(state.Counters), slices.Clone(state.Sources)
		state.Unknown.Names = slices.Clone(state.Unknown.Names)
		states = append(states, state)
	}
	slices.SortFunc(states, func(a, b AgentState) int { return cmp.Compare(a.Node, b.Node) })
	return states
}
