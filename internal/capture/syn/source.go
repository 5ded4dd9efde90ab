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
// the SYN are absorbed, until 16,384 younger connections have come. A copy behind DNAT that comes later, because the node
// first had to find out the neighbour that it goes to, amends the sighting as long as the window has it.
//
// A file may have been recorded in the client itself, where every SYN goes out, so there one that only goes out makes a
// connection, too. Recorded on a node it may show a client whose address was translated once more; what comes from the
// address of a node is no edge.
type Source struct {
	window *traffic.Window
	name   traffic.Source
	seen   *frame.Copies[attempt, waiting]
	given  uint64 // connections of seen with a lower number are in the window

	duplicates, outgoing, late atomic.Uint64
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
	given              bool // it is in the window, or was
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
		if p.Destination != known.server && p.Destination != known.translated {
			s.translate(k, known, p.Destination)
		}
		s.duplicates.Add(1)
		return
	}
	if p.Outgoing && s.name != traffic.Offline {
		s.outgoing.Add(1)
		return
	}
	if s.seen.Added()-s.given == remembered { // the oldest connection is about to be forgotten
		s.give()
	}
	s.seen.Add(k, waiting{server: p.Destination, at: p.Time})
}

// translate notes where the node has sent a connection.
func (s *Source) translate(k attempt, w *waiting, to netip.AddrPort) {
	before := w.connection(k)
	w.translated = to
	if !w.given {
		return
	}
	after := w.connection(k)
	if !s.window.Replace(before.sighting(s.name), after.sighting(s.name)) {
		s.late.Add(1)
	}
}

func (w *waiting) connection(k attempt) Connection {
	return Connection{Client: k.client, Server: w.server, Translated: w.translated, Time: w.at}
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
	w.given = true
	c := w.connection(*k)
	s.window.Add(c.sighting(s.name))
}

// Counts returns how many packets made no sighting: copies and repeats of a known SYN, SYNs that only ever went out, and
// copies behind DNAT that came too late to say so.
func (s *Source) Counts() []frame.Count {
	return []frame.Count{
		{Reason: "duplicate", N: s.duplicates.Load()},
		{Reason: "outgoing", N: s.outgoing.Load()},
		{Reason: "late-translation", N: s.late.Load()}, // the connection is told, as one to its Service
	}
}
