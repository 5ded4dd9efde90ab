package dns

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// framed puts the two-byte length in front of each message.
func framed(messages ...[]byte) []byte {
	var out []byte
	for _, m := range messages {
		out = binary.BigEndian.AppendUint16(out, uint16(len(m)))
		out = append(out, m...)
	}
	return out
}

func flowNumber(n int) Flow {
	client := netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)})
	return Flow{Source: netip.MustParseAddrPort("10.96.0.10:53"), Destination: netip.AddrPortFrom(client, 4000)}
}

// body is a message of n octets for streams, which do not look inside.
func body(fill string, n int) []byte { return []byte(strings.Repeat(fill, n)) }

func TestStreams(t *testing.T) {
	first, second := body("a", 20), body("b", 30)
	both := framed(first, second) // 22 octets, then 32
	long := framed(body("l", 20_000), second)
	const isn = 0xffff_fff0 // sequence numbers wrap inside the messages
	type segment struct {
		from, to int // of the stream
		opening  bool
		at       time.Duration
	}
	for name, tc := range map[string]struct {
		stream   []byte
		segments []segment
		want     [][]byte
		lost     int
	}{
		"two messages in one segment are both there":            {both, []segment{{to: 54}}, [][]byte{first, second}, 0},
		"a message in three segments is put together":           {both, []segment{{to: 1}, {from: 1, to: 2}, {from: 2, to: 54}}, [][]byte{first, second}, 0},
		"an empty segment is ignored":                           {both, []segment{{to: 10}, {from: 10, to: 10}, {from: 10, to: 22}}, [][]byte{first}, 0},
		"a copy of a segment gives nothing":                     {both, []segment{{to: 10}, {to: 10}, {from: 10, to: 54}, {from: 10, to: 54}}, [][]byte{first, second}, 0},
		"a repeat that overlaps gives its new part":             {both, []segment{{to: 10}, {from: 5, to: 54}}, [][]byte{first, second}, 0},
		"a gap inside a message loses this message only":        {both, []segment{{to: 10}, {from: 15, to: 54}}, [][]byte{second}, 1},
		"a gap over the end of a message loses the segment too": {both, []segment{{to: 10}, {from: 25, to: 54}}, nil, 1},
		"a message over 16 KiB in parts is passed over":         {long, []segment{{to: 10_000}, {from: 10_000, to: 20_034}}, [][]byte{second}, 1},
		"a message over 16 KiB in one segment is whole":         {long, []segment{{to: 20_034}}, [][]byte{body("l", 20_000), second}, 0},
		"half a length and an overflow are passed over":         {long, []segment{{to: 1}, {from: 1, to: 20_034}}, [][]byte{second}, 1},
		"a new connection with the same ports begins afresh":    {both, []segment{{to: 10}, {opening: true, to: 0}, {to: 54}}, [][]byte{first, second}, 1},
		"a beginning that is never continued is lost":           {both, []segment{{to: 10}, {from: 54, to: 54, at: 6 * time.Second}}, nil, 1},
		"a length below that of a header ends the flow":         {framed(first, nil, second), []segment{{to: 10}, {from: 10, to: 56}}, [][]byte{first, {}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := NewStreams()
			var got [][]byte
			var lost int
			for _, g := range tc.segments {
				lost += s.Tick(newYear.Add(g.at))
				messages, n := s.Segment(flowNumber(1), Segment{
					Sequence: isn + uint32(g.from), Opening: g.opening, Payload: tc.stream[g.from:g.to], Time: newYear.Add(g.at),
				})
				for _, m := range messages {
					got = append(got, slices.Clone(m))
				}
				lost += n
			}
			if diff := cmp.Diff(got, tc.want, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("messages (-got +want):\n%s", diff)
			}
			if lost != tc.lost {
				t.Errorf("lost %d messages, want %d", lost, tc.lost)
			}
		})
	}
}

func TestStreamsHoldNoMoreThanTheirBound(t *testing.T) {
	s := NewStreams()
	lost := 0
	for n := range mostFlows + 10 {
		_, l := s.Segment(flowNumber(n), Segment{Payload: framed(body("a", 20))[:10], Time: newYear.Add(time.Duration(n))})
		lost += l
	}
	if len(s.flows) != mostFlows || lost != 10 {
		t.Errorf("%d flows are kept and %d messages lost, want %d and 10", len(s.flows), lost, mostFlows)
	}
	if _, kept := s.flows[flowNumber(9)]; kept {
		t.Error("the longest silent flow must leave first")
	}
	if got := s.Flush(); got != mostFlows || len(s.flows) != 0 {
		t.Errorf("Flush() = %d and leaves %d flows, want %d and none", got, len(s.flows), mostFlows)
	}
}

// A message arrives exactly once however the stream is cut into segments, and however often they are repeated in order.
func TestStreamsLawOfSegments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		messages := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), headerLength, 400), 1, 8).Draw(t, "messages")
		stream := framed(messages...)
		sequence := rapid.Uint32().Draw(t, "sequence")
		s := NewStreams()
		var got [][]byte
		for at := 0; at < len(stream); {
			n := rapid.IntRange(1, len(stream)-at).Draw(t, "length")
			back := 0
			if len(s.flows) > 0 { // the flow is known from its first incomplete message on
				back = rapid.IntRange(0, min(at, 50)).Draw(t, "repeated")
			}
			out, lost := s.Segment(flowNumber(1), Segment{Sequence: sequence + uint32(at-back), Payload: stream[at-back : at+n], Time: newYear})
			if lost != 0 {
				t.Fatalf("lost %d messages", lost)
			}
			for _, m := range out {
				got = append(got, slices.Clone(m))
			}
			at += n
		}
		if diff := cmp.Diff(got, messages); diff != "" {
			t.Fatalf("messages (-got +want):\n%s", diff)
		}
	})
}
