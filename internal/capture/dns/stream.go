package dns

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// Flow names one direction of a TCP connection.
type Flow struct{ Source, Destination netip.AddrPort }

// Segment is what one TCP segment carries.
type Segment struct {
	Sequence uint32 // of the first octet of Payload
	Opening  bool   // SYN is set: a new connection
	Payload  []byte
	Time     time.Time
}

// Streams cuts the segments of DNS over TCP into messages. A segment that holds whole messages, as nearly all do, needs
// no memory. For the others it keeps the beginning of a message, for at most 256 flows of 16 KiB. Capture may begin in
// the middle of a connection: the first segment of a flow is taken to start with a message. It is pure: time comes with
// the segments. It is not safe for concurrent use.
//
// Source: RFC 1035 section 4.2.2, RFC 7766 section 8.
type Streams struct {
	flows    map[Flow]*flow
	spare    []*flow
	messages [][]byte
	handed   []byte // memory of the message that was put together last
	lost     int
}

// flow is a connection of which some message came in parts.
//
//	  message           message                  message
//	[ll|........] … [ll|........|       ] … [skip        ][ll|…
//	                 part        ▲                ▲
//	                            next             next
type flow struct {
	next uint32 // sequence number that the next segment should have
	part []byte // beginning of a message, its length included
	skip int    // octets to pass over until the next message
	last time.Time
}

const (
	mostFlows    = 256
	mostPart     = 16 << 10
	idleFlow     = 5 * time.Second
	lengthOctets = 2
)

// NewStreams returns streams without a flow.
func NewStreams() *Streams { return &Streams{flows: make(map[Flow]*flow, mostFlows)} }

// Segment takes the next segment of a flow and returns the messages that it completes, in order, without their lengths,
// and how many messages were lost with a gap, an overflow, or for want of room. Copies and repeats of a segment give
// nothing. The messages are valid until the next call.
func (s *Streams) Segment(of Flow, g Segment) (messages [][]byte, lost int) {
	s.messages, s.lost = s.messages[:0], 0
	if g.Opening {
		s.forget(of)
		g.Sequence++
	}
	if len(g.Payload) == 0 {
		return nil, s.lost
	}
	f := s.flows[of]
	if f == nil {
		s.begin(of, g)
		return s.messages, s.lost
	}
	f.last = g.Time
	payload, known := s.arrange(f, g)
	if !known {
		s.forget(of)
		return nil, s.lost
	}
	f.next += uint32(len(payload))
	if !s.resume(f, payload) {
		s.forget(of)
	}
	return s.messages, s.lost
}

// begin takes a segment of an unknown flow, and remembers the flow only if a message goes on behind it.
func (s *Streams) begin(of Flow, g Segment) {
	rest, sound := s.cut(g.Payload)
	if !sound || len(rest) == 0 {
		return
	}
	f := s.open(of, g.Time)
	f.next = g.Sequence + uint32(len(g.Payload))
	s.keep(f, rest)
}

// cut takes the whole messages off b and returns what is left. It is not sound, and the rest is not to be trusted, after
// a length that no message has; that message is handed on, to be counted by who reads it.
func (s *Streams) cut(b []byte) (rest []byte, sound bool) {
	for len(b) >= lengthOctets {
		length := int(binary.BigEndian.Uint16(b))
		if length < headerLength {
			s.messages = append(s.messages, b[lengthOctets:lengthOctets])
			return nil, false
		}
		if len(b) < lengthOctets+length {
			break
		}
		s.messages = append(s.messages, b[lengthOctets:lengthOctets+length])
		b = b[lengthOctets+length:]
	}
	return b, true
}

// arrange returns the part of the segment that is new, and leaves f.next at the first octet of it. It is false when
// octets are missing and nobody knows where the next message starts.
func (s *Streams) arrange(f *flow, g Segment) ([]byte, bool) {
	ahead := int(int32(g.Sequence - f.next))
	if ahead <= 0 {
		return g.Payload[min(-ahead, len(g.Payload)):], true
	}
	missing := f.missing()
	if len(f.part) > 0 || ahead > missing {
		s.lost++
	}
	f.part = f.part[:0]
	if ahead > missing {
		return nil, false
	}
	f.skip = missing - ahead
	f.next = g.Sequence
	return g.Payload, true
}

// missing returns how many octets the present message still lacks; 0 when that is unknown or there is no message.
func (f *flow) missing() int {
	if len(f.part) < lengthOctets {
		return f.skip
	}
	return lengthOctets + int(binary.BigEndian.Uint16(f.part)) - len(f.part)
}

// resume goes on with the flow. It is false when the flow makes no sense any more.
func (s *Streams) resume(f *flow, b []byte) (sound bool) {
	if len(b) == 0 {
		return true
	}
	if len(f.part) == 1 { // half a length
		f.part, b = append(f.part, b[0]), b[1:]
		s.bound(f)
	}
	if len(f.part) > 0 {
		taken := min(f.missing(), len(b))
		f.part, b = append(f.part, b[:taken]...), b[taken:]
		if f.missing() > 0 {
			return true
		}
		if !s.complete(f) {
			return false
		}
	}
	passed := min(f.skip, len(b))
	f.skip -= passed
	rest, sound := s.cut(b[passed:])
	s.keep(f, rest)
	return sound
}

// complete hands on the message that f holds. Its memory is not used again before the next call.
func (s *Streams) complete(f *flow) (sound bool) {
	_, sound = s.cut(f.part)
	f.part, s.handed = s.handed[:0], f.part
	return sound
}

// keep remembers the beginning of a message.
func (s *Streams) keep(f *flow, rest []byte) {
	if len(rest) == 0 {
		return
	}
	f.part = append(f.part[:0], rest...)
	s.bound(f)
}

// bound gives up a message that is too long to be kept; the one behind it will be read.
func (s *Streams) bound(f *flow) {
	if missing := f.missing(); len(f.part)+missing > mostPart {
		f.part, f.skip = f.part[:0], missing
		s.lost++
	}
}

func (s *Streams) open(of Flow, at time.Time) *flow {
	if len(s.flows) >= mostFlows {
		s.forgetOldest()
	}
	f := &flow{}
	if n := len(s.spare); n > 0 {
		f, s.spare = s.spare[n-1], s.spare[:n-1]
	}
	*f = flow{part: f.part[:0], last: at}
	s.flows[of] = f
	return f
}

func (s *Streams) forgetOldest() {
	var oldest Flow
	var last time.Time
	for of, f := range s.flows {
		if last.IsZero() || f.last.Before(last) {
			oldest, last = of, f.last
		}
	}
	s.forget(oldest)
}

func (s *Streams) forget(of Flow) {
	f, known := s.flows[of]
	if !known {
		return
	}
	if len(f.part) > 0 {
		s.lost++
	}
	delete(s.flows, of)
	s.spare = append(s.spare, f)
}

// Tick forgets the flows that have been silent for five seconds, and returns how many messages were lost with them.
func (s *Streams) Tick(now time.Time) (lost int) {
	s.lost = 0
	for of, f := range s.flows {
		if now.Sub(f.last).Abs() > idleFlow {
			s.forget(of)
		}
	}
	return s.lost
}

// Flush forgets all flows, and returns how many messages were lost with them.
func (s *Streams) Flush() (lost int) {
	s.lost = 0
	for of := range s.flows {
		s.forget(of)
	}
	return s.lost
}
