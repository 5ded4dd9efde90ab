package wire

import (
	"encoding/json"
	"fmt"
	"time"
)

// Record is the state of a node's agent in a form that outlives the process and that other replicas read. It is comparable.
type Record struct {
	Node  string
	Seen  time.Time // when a replica last heard the agent, by the clock of that one
	State string    // the rest, as only this package reads it
}

// recordedState is what a Record keeps beside the node and the time.
type recordedState struct {
	Pod          string        `json:"pod"`
	Version      string        `json:"version,omitempty"`
	Epoch        uint64        `json:"epoch"`
	Skew         time.Duration `json:"skew,omitempty"`
	Acknowledged uint64        `json:"acknowledged,omitempty"`
	Counters     []Counter     `json:"counters,omitempty"`
	Sources      []SourceState `json:"sources,omitempty"`
	Unknown      Unknown       `json:"unknown,omitzero"`
}

func (a AgentState) record() Record {
	text, err := json.Marshal(recordedState{
		Pod: a.Pod, Version: a.Version, Epoch: a.Epoch, Skew: a.Skew, Acknowledged: a.Acknowledged,
		Counters: a.Counters, Sources: a.Sources, Unknown: a.Unknown,
	})
	if err != nil {
		text = nil // texts and numbers can always be written
	}
	return Record{Node: a.Node, Seen: a.LastSeen, State: string(text)}
}

// read returns the state that was recorded. It is checked as if the agent had sent it.
func (r Record) read() (AgentState, error) {
	var s recordedState
	if err := json.Unmarshal([]byte(r.State), &s); err != nil {
		return AgentState{}, fmt.Errorf("agent of node %s: %w", shown(r.Node), err)
	}
	if len(s.Counters) > maxCounters || len(s.Sources) > maxSources || len(s.Unknown.Names) > maxUnknownNames {
		return AgentState{}, fmt.Errorf("agent of node %s: has %d counters, %d sources and %d unknown fields, over %d, %d or %d",
			shown(r.Node), len(s.Counters), len(s.Sources), len(s.Unknown.Names), maxCounters, maxSources, maxUnknownNames)
	}
	agent, err := readAgent(Agent{Node: r.Node, Pod: s.Pod, Version: s.Version}.toWire())
	if err != nil {
		return AgentState{}, fmt.Errorf("agent of node %s: %w", shown(r.Node), err)
	}
	return AgentState{
		Agent: agent, Status: Status{Counters: s.Counters, Sources: s.Sources},
		Epoch: s.Epoch, LastSeen: r.Seen, Skew: s.Skew, Acknowledged: s.Acknowledged, Unknown: s.Unknown,
	}, nil
}
