package dns

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/portolan-io/portolan/internal/capture/frame"
	"github.com/portolan-io/portolan/internal/traffic"
)

const (
	port           = 53
	copiesKept     = 8192
	copiesKeptTime = 2 * time.Second
)

// Source puts one sighting per address of every DNS answer into a window. It is a frame.Decoder; Counts may be called
// from any goroutine.
type Source struct {
	window  *traffic.Window
	name    traffic.Source
	decoder *Decoder
	streams *Streams
	seen    *frame.Copies[question, time.Time]
	counts  [reasons]atomic.Uint64
}

var _ frame.Decoder = (*Source)(nil)

// question is what an answer has in common with its copies on other interfaces. The server is not in it: its address
// changes under NAT.
type question struct {
	client netip.AddrPort
	name   string
	id     uint16
	kind   uint16
}

// New returns a source that fills window with sightings that carry the name: traffic.DNS, or traffic.Offline for a file.
func New(window *traffic.Window, name traffic.Source) *Source {
	return &Source{
		window:  window,
		name:    name,
		decoder: NewDecoder(),
		streams: NewStreams(),
		seen:    frame.NewCopies[question, time.Time](copiesKept),
	}
}

// Handle takes an answer over UDP, or a segment of TCP that may complete some.
func (s *Source) Handle(p *frame.Packet) {
	if p.Source.Port() != port {
		return
	}
	if p.Protocol == frame.ProtocolUDP {
		s.message(p, p.Payload)
		return
	}
	if p.Cut || p.Fragment { // the next segment shows the gap
		s.count(shortened(p), 1)
		return
	}
	messages, lost := s.streams.Segment(Flow{p.Source, p.Destination}, Segment{
		Sequence: p.Sequence, Opening: p.Flags&frame.FlagSYN != 0, Payload: p.Payload, Time: p.Time,
	})
	s.count(TCPGap, lost)
	for _, msg := range messages {
		s.message(p, msg)
	}
}

// Tick forgets connections that have been silent.
func (s *Source) Tick(now time.Time) { s.count(TCPGap, s.streams.Tick(now)) }

// Flush forgets all connections.
func (s *Source) Flush() { s.count(TCPGap, s.streams.Flush()) }

// Counts returns how often there was each reason, in the order of the reasons.
func (s *Source) Counts() []frame.Count {
	out := make([]frame.Count, 0, reasons-1)
	for r := Used + 1; r < reasons; r++ {
		out = append(out, frame.Count{Reason: r.String(), Lost: r.Lost(), N: s.counts[r].Load()})
	}
	return out
}

func (s *Source) count(r Reason, n int) {
	if n > 0 {
		s.counts[r].Add(uint64(n))
	}
}

func (s *Source) message(p *frame.Packet, msg []byte) {
	restarts := s.decoder.names.restarts
	m, reason := s.decoder.Decode(msg, p.Cut || p.Fragment)
	s.count(NamesRestart, s.decoder.names.restarts-restarts)
	if reason == Truncated {
		reason = shortened(p)
	}
	if len(m.Answers) > 0 && s.repeated(p, &m) {
		s.count(Duplicate, 1)
		return
	}
	s.count(reason, 1)
	s.see(p, &m)
}

// shortened is the reason for a packet that lacks its end.
func shortened(p *frame.Packet) Reason {
	if p.Fragment {
		return Fragment
	}
	return Truncated
}

// repeated reports whether the answer was seen in the last two seconds, and remembers it.
func (s *Source) repeated(p *frame.Packet, m *Message) bool {
	q := question{client: p.Destination, name: m.Name, id: m.ID, kind: m.Type}
	if at := s.seen.Find(q); at != nil && p.Time.Sub(*at).Abs() < copiesKeptTime {
		return true
	}
	s.seen.Add(q, p.Time)
	return false
}

func (s *Source) see(p *frame.Packet, m *Message) {
	sighting := traffic.Sighting{
		Source: s.name,
		From:   traffic.Party{Addr: p.Destination.Addr()},
		To:     traffic.Party{Name: m.Name},
		What:   traffic.What{Act: traffic.Lookup, Aliases: m.Aliases, Responder: p.Source.Addr()},
		First:  p.Time,
		Last:   p.Time,
		Count:  1,
	}
	for _, a := range m.Answers {
		sighting.To.Addr = a.Addr
		sighting.TTL = time.Duration(a.TTL) * time.Second
		s.window.Add(sighting)
	}
}
