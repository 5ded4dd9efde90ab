package role

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/portolan-io/portolan/internal/capture/conntrack"
	"github.com/portolan-io/portolan/internal/capture/dns"
	"github.com/portolan-io/portolan/internal/capture/frame"
	"github.com/portolan-io/portolan/internal/capture/socket"
	"github.com/portolan-io/portolan/internal/capture/syn"
	"github.com/portolan-io/portolan/internal/traffic"
	"github.com/portolan-io/portolan/internal/wire"
)

// eye is a part of the agent that sees by itself. run returns nil when its context has ended, and one sentence with cause
// and remedy when it cannot see; then it may be called again. status is safe at any time, from any goroutine.
//
// failures is as safe; it counts by reason how often run failed.
type eye struct {
	run      func(context.Context) error
	status   func() frame.Status
	failures func() []frame.Count
}

// counting returns an eye that counts its failures: those for want of a capability apart.
func counting(run func(context.Context) error, status func() frame.Status) *eye {
	var refused, other atomic.Uint64
	return &eye{
		status: status,
		run: func(ctx context.Context) error {
			err := run(ctx)
			switch {
			case errors.Is(err, fs.ErrPermission):
				refused.Add(1)
			case err != nil:
				other.Add(1)
			}
			return err
		},
		failures: func() []frame.Count {
			return []frame.Count{{Reason: "not-permitted", Lost: true, N: refused.Load()}, {Reason: "other", Lost: true, N: other.Load()}}
		},
	}
}

// source is one source of sightings with the eye that it sees by. counts is safe at any time, from any goroutine.
type source struct {
	name   traffic.Source
	eye    *eye
	counts func() []frame.Count
}

// eyes are all that an agent sees by. Each eye runs by itself: what delays or ends one leaves the others alone.
type eyes struct {
	window  *traffic.Window
	packets *frame.Capture // runs only for sources that read packets
	all     []*eye
	sources []source // that are on
}

// newEyes builds the sources that are on.
func newEyes(o AgentOptions, window *traffic.Window) *eyes {
	e := &eyes{window: window, packets: frame.New(o.Capture)}
	e.capture(o)
	if o.Socket {
		s := socket.New(window, o.Sockets)
		e.open(counting(s.Run, s.Status), source{name: traffic.Socket, counts: s.Counts})
	}
	if o.Conntrack {
		s := conntrack.New(window)
		e.open(counting(s.Run, s.Status), source{name: traffic.Flow, counts: s.Counts})
	}
	return e
}

// capture opens the eye that takes packets. The sources that read them share it.
func (e *eyes) capture(o AgentOptions) {
	var decoders []frame.Decoder
	var readers []source
	if o.DNS {
		s := dns.New(e.window, traffic.DNS)
		decoders, readers = append(decoders, s), append(readers, source{name: traffic.DNS, counts: s.Counts})
	}
	if o.SYN {
		s := syn.New(e.window, traffic.SYN)
		decoders, readers = append(decoders, s), append(readers, source{name: traffic.SYN, counts: s.Counts})
	}
	if len(decoders) > 0 {
		run := func(ctx context.Context) error { return e.packets.Run(ctx, decoders...) }
		e.open(&eye{run, e.packets.Status, e.packets.Failures}, readers...)
	}
}

func (e *eyes) open(by *eye, sources ...source) {
	e.all = append(e.all, by)
	for _, s := range sources {
		s.eye = by
		e.sources = append(e.sources, s)
	}
}

const (
	retryEye  = 30 * time.Second // before an eye that could not see is tried again: the cause may be repaired
	watchEyes = time.Second      // how often it is looked whether there is something to say
)

// run lets all eyes see until ctx ends, and says when one of them begins to be limited and when it no longer is.
func (e *eyes) run(ctx context.Context, log *slog.Logger) {
	var running sync.WaitGroup
	said := make([]frame.Status, len(e.all))
	for i, one := range e.all {
		said[i] = one.status()
		running.Go(func() {
			for ctx.Err() == nil && one.run(ctx) != nil {
				pause(ctx, retryEye)
			}
		})
	}
	for pause(ctx, watchEyes); ctx.Err() == nil; pause(ctx, watchEyes) {
		e.say(said, log)
	}
	running.Wait()
}

// say logs each status that is another one than was said before.
func (e *eyes) say(said []frame.Status, log *slog.Logger) {
	for i, one := range e.all {
		now := one.status()
		before := said[i]
		said[i] = now
		switch {
		case now == before:
		case now.State == frame.Off:
			log.Error("a source does not run", "sources", e.seenBy(one), "why", now.Sentence, "retry", retryEye.String())
		case now.State == frame.Degraded:
			log.Warn("a source is limited", "sources", e.seenBy(one), "why", now.Sentence)
		default:
			log.Info("a source runs", "sources", e.seenBy(one))
		}
	}
}

// seenBy names the sources that see by an eye.
func (e *eyes) seenBy(one *eye) string {
	var names []string
	for _, s := range e.sources {
		if s.eye == one {
			names = append(names, string(s.name))
		}
	}
	return strings.Join(names, ", ")
}

// pause returns after d, or earlier when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// ready says why the agent is not ready; empty when it is. One source that runs is enough.
func (e *eyes) ready() string {
	var why []string
	for _, one := range e.all {
		status := one.status()
		if status.State != frame.Off {
			return ""
		}
		why = append(why, status.Sentence)
	}
	return strings.Join(why, "\n")
}

// limits returns the sentences of the eyes that do not see, or not all.
func (e *eyes) limits() []string {
	var all []string
	for _, one := range e.all {
		if status := one.status(); status.State != frame.On {
			all = append(all, status.Sentence)
		}
	}
	return all
}

// captureName is the name under which counts of the packet ring appear, which no single source owns.
const captureName = "capture"

// status is what the agent says of itself with each batch.
func (e *eyes) status() wire.Status {
	var s wire.Status
	for _, source := range e.sources {
		now := source.eye.status()
		s.Sources = append(s.Sources, wire.SourceState{
			Source: string(source.name), Running: now.State != frame.Off, Message: now.Sentence,
		})
		s.Counters = append(s.Counters, counters(string(source.name), source.counts())...)
	}
	s.Counters = append(s.Counters, counters(captureName, e.packets.Counts())...)
	s.Counters = append(s.Counters, wire.Counter{
		Source: captureName, Reason: "window-full", Dropped: true, Value: e.window.Overflow(),
	})
	return s
}

func counters(source string, counts []frame.Count) []wire.Counter {
	out := make([]wire.Counter, 0, len(counts))
	for _, c := range counts {
		out = append(out, wire.Counter{Source: source, Reason: c.Reason, Dropped: c.Lost, Value: c.N})
	}
	return out
}
