package wire

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portolan-io/portolan/internal/traffic"
	"github.com/portolan-io/portolan/internal/wire/wirepb"
)

// Agent names the agent of one node.
type Agent struct {
	Node    string // name of the node
	Pod     string // name of the agent's pod
	Version string // for people
}

// Counter is one cumulative count of an agent. Its values only rise within an epoch.
type Counter struct {
	Source  string // source that counts, or Delivery
	Reason  string // for example malformed or queue-full
	Dropped bool   // information was lost; otherwise the input carried none by design
	Value   uint64
}

// SourceState says whether a source of an agent runs.
type SourceState struct {
	Source  string
	Running bool
	Message string // one sentence with cause and remedy if it does not run, or runs with limits; else empty
}

// Status is what an agent says of itself beside its sightings.
type Status struct {
	Counters []Counter
	Sources  []SourceState
}

// What one request may hold beside its sightings.
const (
	maxCounters = 200
	maxSources  = 32
	maxMessage  = 1024
	maxVersion  = 128
)

// envelope is what a report and a heartbeat have in common.
type envelope interface {
	GetAgent() *wirepb.Agent
	GetEpoch() uint64
	GetSentAt() *timestamppb.Timestamp
	GetCounters() []*wirepb.Counter
	GetSources() []*wirepb.SourceState
	GetAcknowledgedSeq() uint64
	GetAcknowledged() uint64
}

// greeting is an envelope that was checked.
type greeting struct {
	agent           Agent
	epoch           uint64
	sentAt          time.Time
	status          Status
	acknowledgedSeq uint64
	acknowledged    uint64
	unknown         Unknown // what else the request held
}

// readEnvelope checks everything of a request but its batch. An error names the field.
func readEnvelope(e envelope) (greeting, error) {
	g := greeting{epoch: e.GetEpoch(), acknowledgedSeq: e.GetAcknowledgedSeq(), acknowledged: e.GetAcknowledged()}
	var err error
	if g.agent, err = readAgent(e.GetAgent()); err != nil {
		return g, err
	}
	if g.epoch == 0 {
		return g, errors.New("epoch is missing; want a random number that is not 0")
	}
	if g.sentAt, err = timeFromWire("sent_at", e.GetSentAt()); err != nil {
		return g, err
	}
	if g.status.Counters, err = readCounters(e.GetCounters()); err != nil {
		return g, err
	}
	g.status.Sources, err = readSources(e.GetSources())
	return g, err
}

func readAgent(w *wirepb.Agent) (Agent, error) {
	a := Agent{Node: w.GetNode(), Pod: w.GetPod(), Version: w.GetVersion()}
	switch {
	case w == nil:
		return a, errors.New("agent is missing")
	case a.Node == "":
		return a, errors.New("agent.node is missing")
	}
	if err := traffic.CheckText(a.Node, maxName); err != nil {
		return a, fmt.Errorf("agent.node: %w", err)
	}
	if err := traffic.CheckText(a.Pod, maxName); err != nil {
		return a, fmt.Errorf("agent.pod: %w", err)
	}
	if err := traffic.CheckText(a.Version, maxVersion); err != nil {
		return a, fmt.Errorf("agent.version: %w", err)
	}
	return a, nil
}

func readCounters(list []*wirepb.Counter) ([]Counter, error) {
	if len(list) > maxCounters {
		return nil, fmt.Errorf("counters: has %d entries, over %d", len(list), maxCounters)
	}
	counters := make([]Counter, len(list))
	for i, w := range list {
		if err := traffic.CheckText(w.GetSource(), maxLabel); err != nil {
			return nil, fmt.Errorf("counters[%d].source: %w", i, err)
		}
		if err := traffic.CheckText(w.GetReason(), maxLabel); err != nil {
			return nil, fmt.Errorf("counters[%d].reason: %w", i, err)
		}
		counters[i] = Counter{Source: w.GetSource(), Reason: w.GetReason(), Dropped: w.GetDropped(), Value: w.GetValue()}
	}
	return counters, nil
}

func readSources(list []*wirepb.SourceState) ([]SourceState, error) {
	if len(list) > maxSources {
		return nil, fmt.Errorf("sources: has %d entries, over %d", len(list), maxSources)
	}
	states := make([]SourceState, len(list))
	for i, w := range list {
		if err := traffic.CheckText(w.GetSource(), maxLabel); err != nil {
			return nil, fmt.Errorf("sources[%d].source: %w", i, err)
		}
		if n := len(w.GetMessage()); n > maxMessage {
			return nil, fmt.Errorf("sources[%d].message: has %d bytes, over %d", i, n, maxMessage)
		}
		states[i] = SourceState{Source: w.GetSource(), Running: w.GetRunning(), Message: w.GetMessage()}
	}
	return states, nil
}

func (a Agent) toWire() *wirepb.Agent {
	return &wirepb.Agent{Node: a.Node, Pod: a.Pod, Version: a.Version}
}

// toWire cuts what is too long or too much, so that an odd status never costs a batch.
func (s Status) toWire() ([]*wirepb.Counter, []*wirepb.SourceState) {
	counters := make([]*wirepb.Counter, 0, len(s.Counters))
	for _, c := range s.Counters[:min(len(s.Counters), maxCounters)] {
		counters = append(counters, &wirepb.Counter{Source: c.Source, Reason: c.Reason, Dropped: c.Dropped, Value: c.Value})
	}
	sources := make([]*wirepb.SourceState, 0, len(s.Sources))
	for _, state := range s.Sources[:min(len(s.Sources), maxSources)] {
		sources = append(sources, &wirepb.SourceState{Source: state.Source, Running: state.Running, Message: cut(state.Message, maxMessage)})
	}
	return counters, sources
}

// cut returns the longest beginning of text that is valid UTF-8 and has at most most bytes.
func cut(text string, most int) string {
	text = strings.ToValidUTF8(text, "?")
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
