package dns

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"
)

// FuzzDecode checks that no message stops the decoder, and that what it gives is fit for YAML, bounded and repeatable. It
// does not check that the answers are those that the message means; the tables do.
func FuzzDecode(f *testing.F) {
	f.Add(captured(f, x1).Payload, false)
	f.Add(captured(f, x2).Payload, false)
	f.Add(captured(f, x2).Payload[:90], true)
	f.Add(fourBehindAlias().build(f), false)
	f.Add(chain(mostSteps+1).build(f), false)
	d := NewDecoder()
	f.Fuzz(func(t *testing.T, msg []byte, cut bool) {
		before := slices.Clone(msg)
		m, reason := d.Decode(msg, cut)
		if !slices.Equal(msg, before) {
			t.Fatal("the message was changed")
		}
		checkMessage(t, m, reason)
		again, sameReason := NewDecoder().Decode(msg, cut)
		if again.Name != m.Name || again.Aliases != m.Aliases || !slices.Equal(again.Answers, m.Answers) || sameReason != reason {
			t.Fatalf("a fresh decoder reads %v, %s; a used one %v, %s", again, sameReason, m, reason)
		}
	})
}

func checkMessage(t *testing.T, m Message, reason Reason) {
	t.Helper()
	if len(m.Answers) > mostRecords || (len(m.Answers) > 0) == (m.Name == "") {
		t.Fatalf("%d answers for the name %q", len(m.Answers), m.Name)
	}
	if len(m.Answers) == 0 && reason == Used || len(m.Answers) > 0 && reason != Used && !reason.Lost() {
		t.Fatalf("%d answers, and the reason is %s", len(m.Answers), reason)
	}
	for _, a := range m.Answers {
		if !a.Addr.IsValid() || a.Addr.Is4In6() || a.TTL > 1<<31-1 {
			t.Fatalf("answer %v", a)
		}
	}
	names := strings.Fields(m.Aliases)
	if len(names) > mostAliases || strings.Join(names, " ") != m.Aliases {
		t.Fatalf("aliases %q", m.Aliases)
	}
	if m.Name != "" {
		names = append(names, m.Name)
	}
	for _, n := range names {
		foreign := func(r rune) bool {
			return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-_.", r)
		}
		if len(n) > 253 || strings.ContainsFunc(n, foreign) || strings.Contains(n, "..") || n[0] == '.' || n[len(n)-1] == '.' {
			t.Fatalf("name %q", n)
		}
	}
}

// FuzzStream feeds one connection with segments that the input describes: two octets say how far the sequence number
// jumps, one how long the segment is. It checks that nothing stops the streams, that they stay within their bounds, and
// that no octet of memory is handed out twice. It does not check which messages come out; the law of segments does.
func FuzzStream(f *testing.F) {
	f.Add([]byte{0, 0, 9, 0, 20, 1, 2, 3, 4, 5, 6, 7, 0, 0, 13, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20})
	f.Add([]byte{0, 0, 1, 0, 0, 0, 1, 14, 0, 0, 200})
	f.Add([]byte{0, 0, 3, 0xff, 0xff, 1, 0, 9, 3, 0, 0, 0, 0xff, 0xf0, 20, 1, 1})
	f.Fuzz(func(t *testing.T, script []byte) {
		s := NewStreams()
		var sequence uint32
		at := newYear
		for len(script) >= 3 {
			sequence += uint32(int32(int16(binary.BigEndian.Uint16(script))))
			n := min(int(script[2]), len(script)-3)
			of := flowNumber(int(script[2]) % 2)
			messages, lost := s.Segment(of, Segment{Sequence: sequence, Payload: script[3 : 3+n], Time: at, Opening: script[2] == 255})
			total := 0
			for _, m := range messages {
				total += len(m)
			}
			if lost < 0 || lost > 3 || total > mostPart+n {
				t.Fatalf("%d lost, %d octets", lost, total)
			}
			for _, fl := range s.flows {
				if len(fl.part) > mostPart || fl.skip < 0 || fl.skip > 0 && len(fl.part) > 0 {
					t.Fatalf("flow with a part of %d octets, skipping %d", len(fl.part), fl.skip)
				}
			}
			sequence += uint32(n)
			at = at.Add(time.Duration(n) * 10 * time.Millisecond)
			script = script[3+n:]
			s.Tick(at)
		}
		s.Flush()
	})
}
