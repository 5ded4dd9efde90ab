package syn

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/portolan-io/portolan/internal/capture/frame"
	"github.com/portolan-io/portolan/internal/traffic"
)

const (
	remembered = 16_384
	// patience is how long a connection waits for its copy behind DNAT. On one node the copy follows within
	// microseconds; the capture hands packets over up to 100 ms late.
	patience = 250 * time.Millisecond
)

// Source puts one sighting per attempted TCP connection into a window. It is a frame.Decoder; Counts may be called from
// any goroutine.
//
// The same SYN crosses several interfaces and is one connection:
//
//	pod ──veth──▶ node ──DNAT──▶ uplink        the received copy makes the connection, with the address that the client used;
//	     received        outgoing              a copy to another address says what the node made of it
//
// So a connection waits a quarter of a second before it becomes a sighting. Then its copies and the client's repeats of
// the SYN are absorbed, until 16,384 younger connections have come.
type Source struct {
	window *traffic.Window
	name   traffic.Source
	seen   *frame.Copies[attempt, waiting]
	given  uint64 // connections of seen with a lower number are in the window

	duplicates, outgoing atomic.Uint64
}

var _ frame.Decoder = (*Source)(nil)

// attempt is what a SYN has in common with its copies and repeats.
type attempt struct {
	client   netip.AddrPort
	sequence uint32
}

type waiting struct {
	server, translated netip.AddrPort
	at                 time.Time
}

// New returns a source that fills window with sightings that carry the name: traffic.SYN, or traffic.Offline for a file.
func New(window *traffic.Window, name traffic.Source) *Source {
	return &Source{window: window, name: name, seen: frame.NewCopies[attempt, waiting](remembered)}
}

// Handle takes a SYN and leaves every other packet alone.
func (s *Source) Handle(p *frame.Packet) {
	if !Opens(p) {
		return
	}
	k := attempt{client: p.Source, sequence: p.Sequence}
	if known := s.seen.Find(k); known != nil {
		if p.Destination != known.server {
			known.translated = p.Destination // read by nobody if the connection is in the window already
		}
		s.duplicates.Add(1)
		return
	}
	if p.Outgoing {
		s.outgoing.Add(1)
		return
	}
	if s.seen.Added()-s.given == remembered { // the oldest connection is about to be forgotten
		s.give()
	}
	s.seen.Add(k, waiting{server: p.Destination, at: p.Time})
}

// Tick gives out the connections that have waited long enough. One from the future, after the clock was set back, waits
// no longer either.
func (s *Source) Tick(now time.Time) {
	for s.given < s.seen.Added() {
		if _, w := s.seen.At(s.given); now.Sub(w.at).Abs() < patience {
			return
		}
		s.give()
	}
}

// Flush gives out all connections.
func (s *Source) Flush() {
	for s.given < s.seen.Added() {
		s.give()
	}
}

// give puts the oldest connection that waits into the window.
func (s *Source) give() {
	k, w := s.seen.At(s.given)
	s.given++
	c := Connection{Client: k.client, Server: w.server, Translated: w.translated, Time: w.at}
	s.window.Add(c.sighting(s.name))
}

// Counts returns how many packets made no sighting: copies and repeats of a known SYN, and SYNs that only ever went out.
func (s *Source) Counts() []frame.Count {
	return []frame.Count{
		{Reason: "duplicate", N: s.duplicates.Load()},
		{Reason: "outgoing", N: s.outgoing.Load()},
	}
}
