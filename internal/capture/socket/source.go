// Package socket makes sightings of the TCP connections that are open on a node, those included that were opened before
// the agent began and those whose packets the node does not see.
//
// It must not capture packets, change a socket, or stay in another network namespace than its own.
package socket

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/portolan-io/portolan/internal/capture/frame"
	"github.com/portolan-io/portolan/internal/traffic"
)

// Options says where and how often to look. The zero value of a field means its default.
type Options struct {
	Proc   string        // where the node's /proc is mounted; /host/proc
	Period time.Duration // between the beginnings of two looks; 5 s. It grows when looks take long
}

const (
	defaultProc   = "/host/proc"
	defaultPeriod = 5 * time.Second
	longestPeriod = time.Minute
	portions      = 100                    // of which a look may take one: the 50 ms of the budget
	catchUp       = 500 * time.Millisecond // until the next look while there is something that was never read
)

// Validate returns an error for a period that makes no sense.
func (o Options) Validate() error {
	if o.Period != 0 && (o.Period < time.Second || o.Period > longestPeriod) {
		return fmt.Errorf("socket-period %s: want 1s to %s", o.Period, longestPeriod)
	}
	return nil
}

func (o Options) withDefaults() Options {
	if o.Proc == "" {
		o.Proc = defaultProc
	}
	if o.Period == 0 {
		o.Period = defaultPeriod
	}
	return o
}

// Source looks at the sockets of the network namespaces of a node and puts those of clients into a window: one sighting
// for each connection that is new, and about one a minute for each pair that stays connected. All methods but Run are
// safe for concurrent use.
type Source struct {
	window *traffic.Window
	proc   proc
	period time.Duration
	status atomic.Pointer[frame.Status]

	counted tally
	known   map[uint64]*memory // of network namespaces, by the inode numbers of their lists
	table   Table
	buffer  []byte        // of a small file
	enters  bool          // namespaces of others
	portion time.Duration // that a look may take
	unread  bool          // the last look has left namespaces that were never read
}

// New returns a source that has not begun.
func New(window *traffic.Window, o Options) *Source {
	o = o.withDefaults()
	s := &Source{
		window:  window,
		proc:    proc(o.Proc),
		period:  o.Period,
		portion: o.Period / portions,
		buffer:  make([]byte, mostSmall),
	}
	s.status.Store(&frame.Status{State: frame.Off, Sentence: "socket scan has not started"})
	return s
}

// Run looks until ctx ends, and then returns nil. It returns an error, one sentence for a person with cause and remedy
// that Status has, too, when it cannot look. It leaves nothing behind and may be called again, but not twice at once.
func (s *Source) Run(ctx context.Context) error {
	s.enters = mayEnter()
	pace := pace{base: s.period, period: s.period}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			s.status.Store(&frame.Status{State: frame.Off, Sentence: "socket scan was stopped"})
			return nil
		case <-timer.C:
		}
		began := time.Now()
		limit, err := s.look(ctx, began.UTC())
		if err != nil {
			err = fmt.Errorf("socket scan is off: %w", err)
			s.status.Store(&frame.Status{State: frame.Off, Sentence: err.Error()})
			return err
		}
		took := time.Since(began)
		s.status.Store(status(limit, pace.after(took)))
		timer.Reset(s.pause(pace.period, took))
	}
}

// pause returns the time until the next look.
func (s *Source) pause(period, took time.Duration) time.Duration {
	if s.unread {
		return min(period, catchUp)
	}
	return max(period-took, 0)
}

// status says what limits the source; the first that does.
func status(limits ...string) *frame.Status {
	for _, limit := range limits {
		if limit != "" {
			return &frame.Status{State: frame.Degraded, Sentence: "socket scan is degraded: " + limit}
		}
	}
	return &frame.Status{State: frame.On}
}

// pace is how often to look: at most a tenth of the time is spent on it, as long as the period can grow.
type pace struct{ base, period time.Duration }

const (
	share = 10 // of the period that a look may take, as a fraction
	spare = 4  // how much less than that it must take before the period shrinks again
)

// after adapts the period to how long a look took, and says so when it is longer than it should be.
func (p *pace) after(took time.Duration) (limit string) {
	switch {
	case took > p.period/share:
		p.period = min(2*p.period, max(longestPeriod, p.base))
	case took < p.period/share/spare:
		p.period = max(p.period/2, p.base)
	}
	if p.period == p.base {
		return ""
	}
	return fmt.Sprintf("a look at all sockets takes %s, so there is one every %s instead of every %s and short connections may be missed; give the agent more CPU",
		took.Round(time.Millisecond), p.period, p.base)
}

// Status returns what a person should know of the source now.
func (s *Source) Status() frame.Status { return *s.status.Load() }

// Counts returns how many sockets made no sighting, by reason, in a fixed order. A socket counts in each look.
func (s *Source) Counts() []frame.Count { return s.counted.counts() }
