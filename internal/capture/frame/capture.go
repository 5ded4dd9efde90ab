package frame

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

// Options says how the kernel hands packets over. The zero value of a field means its default.
type Options struct {
	RingBytes  int  // memory of the ring, a multiple of BlockBytes; 8 MiB
	BlockBytes int  // the kernel hands over a block when it is full or 50 ms old; 256 KiB, a power of two
	Plain      bool // read packet by packet without a ring: slower, for kernels that refuse the ring
}

const (
	defaultRingBytes  = 8 << 20
	defaultBlockBytes = 256 << 10
	leastBlockBytes   = 128 << 10 // a packet that offload has joined has up to 64 KiB
	mostRingBytes     = 1 << 30
)

func (o Options) withDefaults() Options {
	if o.RingBytes == 0 {
		o.RingBytes = defaultRingBytes
	}
	if o.BlockBytes == 0 {
		o.BlockBytes = defaultBlockBytes
	}
	return o
}

// Validate returns one error per field that the kernel would refuse.
func (o Options) Validate() error {
	o = o.withDefaults()
	var errs []error
	if b := o.BlockBytes; b < leastBlockBytes || b > mostRingBytes || b&(b-1) != 0 {
		errs = append(errs, fmt.Errorf("block of %d bytes: want a power of two from %d to %d", b, leastBlockBytes, mostRingBytes))
	} else if r := o.RingBytes; r < 2*b || r > mostRingBytes || r%b != 0 {
		errs = append(errs, fmt.Errorf("ring of %d bytes: want a multiple of the block's %d bytes, at least two and at most %d bytes", r, b, mostRingBytes))
	}
	return errors.Join(errs...)
}

const (
	tickEvery       = 200 * time.Millisecond
	settle          = 100 * time.Millisecond // a packet is handed over within this time, unless a burst delays it
	statisticsEvery = time.Second
)

// Capture takes packets from all interfaces of the network namespace it runs in, loopback excepted. It never puts an
// interface into promiscuous mode. All methods but Run are safe for concurrent use.
type Capture struct {
	options Options
	status  atomic.Pointer[Status]

	received, kernel atomic.Uint64 // sums of the kernel's own statistics, which reset on each read
	refused          refusals
	failures         failures
}

// refusals counts frames that give no packet.
type refusals struct{ malformed, fragments, other atomic.Uint64 }

func (r *refusals) count(why error) {
	switch {
	case errors.Is(why, ErrMalformed):
		r.malformed.Add(1)
	case errors.Is(why, ErrFragment):
		r.fragments.Add(1)
	default:
		r.other.Add(1)
	}
}

func (r *refusals) counts() []Count {
	return []Count{
		{Reason: "malformed", Lost: true, N: r.malformed.Load()},
		{Reason: "fragment", Lost: true, N: r.fragments.Load()},
		{Reason: "other-protocol", N: r.other.Load()},
	}
}

// Why a capture does not begin or go on, as Failures names it.
const (
	notPermitted = "not-permitted" // the capability NET_RAW is missing, or a security module forbids it
	notSupported = "not-supported" // the kernel has no packet sockets
	brokenOff    = "broken-off"    // it had begun
	otherFailure = "other"
)

// failures counts the runs of a capture that failed.
type failures struct{ notPermitted, notSupported, brokenOff, other atomic.Uint64 }

func (f *failures) count(reason string) {
	switch reason {
	case notPermitted:
		f.notPermitted.Add(1)
	case notSupported:
		f.notSupported.Add(1)
	case brokenOff:
		f.brokenOff.Add(1)
	default:
		f.other.Add(1)
	}
}

// New returns a capture that has not begun.
func New(o Options) *Capture {
	c := &Capture{options: o.withDefaults()}
	c.status.Store(&Status{State: Off, Sentence: "packet capture has not started"})
	return c
}

// intake is one way to get packets from a packet socket.
type intake interface {
	// take hands over all packets that the kernel has ready, without waiting, and returns how many.
	take(fd int, handle func(*Frame)) (int, error)
	close() error
}

// Run captures until ctx ends, and gives every packet to every decoder in order. It returns nil when ctx has ended, after
// the decoders' Flush, and an error when the capture cannot begin or cannot go on. The error is one sentence for a person,
// with cause and remedy; Status has the same one. Run leaves nothing behind and may be called again, but not twice at once.
func (c *Capture) Run(ctx context.Context, decoders ...Decoder) error {
	err := c.run(ctx, decoders)
	if err != nil {
		c.status.Store(&Status{State: Off, Sentence: err.Error()})
		return err
	}
	c.status.Store(&Status{State: Off, Sentence: "packet capture was stopped"})
	return nil
}

func (c *Capture) run(ctx context.Context, decoders []Decoder) error {
	s, status, err := begin(c.options)
	if err != nil {
		c.failures.count(reasonOf(err))
		return fmt.Errorf("packet capture is off: %w", err)
	}
	defer s.close()
	c.status.Store(&status)
	stop := context.AfterFunc(ctx, s.wake)
	defer stop()

	line := line{refused: &c.refused, decoders: decoders}
	err = c.loop(ctx, s, &line)
	c.readStatistics(s)
	line.flush()
	if err != nil {
		c.failures.count(brokenOff)
	}
	return err
}

// begin returns a socket that captures, and what a person should know about it.
func begin(o Options) (*socket, Status, error) {
	if err := o.Validate(); err != nil {
		return nil, Status{}, err
	}
	return open(o)
}

func (c *Capture) loop(ctx context.Context, s *socket, l *line) error {
	handle := l.handle // one closure for all packets
	read := time.Now()
	for {
		now := time.Now()
		if err := s.until(now.Add(tickEvery)); err != nil {
			return fmt.Errorf("packet capture is off: setting the time limit of a read: %w", err)
		}
		select { // after the time limit was set: a later end finds the limit and shortens it
		case <-ctx.Done():
			return nil
		default:
		}
		n, err := s.take(handle)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("packet capture is off: reading packets: %w; restart the agent", err)
		}
		if n == 0 { // nothing is waiting, so what comes now is young
			l.last = time.Now().Add(-settle).UTC()
		}
		l.tick()
		if now.Sub(read) >= statisticsEvery {
			c.readStatistics(s)
			read = now
		}
	}
}

func (c *Capture) readStatistics(s *socket) {
	received, dropped := s.statistics()
	c.received.Add(received)
	c.kernel.Add(dropped)
}

// Status returns what a person should know of the capture now.
func (c *Capture) Status() Status { return *c.status.Load() }

// Received returns how many packets passed the filter and were handed over by the kernel. It lags by up to a second.
func (c *Capture) Received() uint64 { return c.received.Load() }

// Counts returns the counts of packets that no decoder was given. The order is fixed.
func (c *Capture) Counts() []Count {
	return append([]Count{{Reason: "kernel", Lost: true, N: c.kernel.Load()}}, c.refused.counts()...)
}

// Failures returns how often Run failed, by reason: "not-permitted" without the capability, "not-supported" by a kernel
// without packet sockets, "broken-off" after it had begun, and "other". The order is fixed; reasons with none are there too.
func (c *Capture) Failures() []Count {
	return []Count{
		{Reason: notPermitted, Lost: true, N: c.failures.notPermitted.Load()},
		{Reason: notSupported, Lost: true, N: c.failures.notSupported.Load()},
		{Reason: brokenOff, Lost: true, N: c.failures.brokenOff.Load()},
		{Reason: otherFailure, Lost: true, N: c.failures.other.Load()},
	}
}

// line is the way of one packet: parsed once, then handed to each decoder.
type line struct {
	refused  *refusals
	decoders []Decoder
	packet   Packet
	last     time.Time // of the latest packet
}

func (l *line) handle(f *Frame) {
	l.last = f.Time
	if err := Parse(&l.packet, f); err != nil {
		l.refused.count(err)
		return
	}
	for _, d := range l.decoders {
		d.Handle(&l.packet)
	}
}

func (l *line) tick() {
	for _, d := range l.decoders {
		d.Tick(l.last)
	}
}

func (l *line) flush() {
	for _, d := range l.decoders {
		d.Flush()
	}
}
