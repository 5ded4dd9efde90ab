package wire

import (
	"cmp"
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

// roster holds the newest state of each node's agent. It is bounded and safe for concurrent use.
type roster struct {
	mu     sync.Mutex
	states map[string]AgentState // by node; lists in them are never changed once they are here
	limit  int
}

const maxAgents = 10_000

func newRoster(limit int) *roster {
	return &roster{states: make(map[string]AgentState), limit: limit}
}

// note replaces the state of a node. What is unknown adds up as long as the pod stays the same; note reports whether this
// is the first of it.
func (r *roster) note(state AgentState) (firstUnknown bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, known := r.states[state.Node]
	if !known && len(r.states) >= r.limit {
		r.forgetOldest()
	}
	if known && before.Pod == state.Pod {
		state.Unknown = before.Unknown.plus(state.Unknown)
	} else {
		before = AgentState{}
	}
	r.states[state.Node] = state
	return before.Unknown.Fields == 0 && state.Unknown.Fields > 0
}

func (r *roster) forgetOldest() {
	oldest, first := "", true
	for node, state := range r.states {
		if first || state.LastSeen.Before(r.states[oldest].LastSeen) {
			oldest, first = node, false
		}
	}
	delete(r.states, oldest)
}

// list returns a deep copy sorted by node, without agents that were silent for a day.
func (r *roster) list(now time.Time) []AgentState {
	r.mu.Lock()
	defer r.mu.Unlock()
	var states []AgentState
	for node, state := range r.states {
		if now.Sub(state.LastSeen) >= forgetAfter {
			delete(r.states, node)
			continue
		}
		state.Counters, state.Sources = slices.Clone(state.Counters), slices.Clone(state.Sources)
		state.Unknown.Names = slices.Clone(state.Unknown.Names)
		states = append(states, state)
	}
	slices.SortFunc(states, func(a, b AgentState) int { return cmp.Compare(a.Node, b.Node) })
	return states
}
