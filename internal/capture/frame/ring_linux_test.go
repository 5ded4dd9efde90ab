package frame

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/portolan-io/portolan/internal/testkit/node"
)

// A kernel that refuses the ring is simulated by a ring that every kernel refuses.
func TestOpenReadsOneByOneWhenTheRingIsRefused(t *testing.T) {
	node.Isolated(t, func(t *testing.T) {
		s, status, err := open(Options{RingBytes: 3 << 20, BlockBytes: 1 << 20 / 3})
		must(t, err)
		defer s.close()
		if _, plainly := s.intake.(*plain); !plainly || s.ring {
			t.Errorf("the intake is %T, want plain reading", s.intake)
		}
		const want = "packet capture is degraded: the kernel refused a packet ring of 3145728 bytes: invalid argument, so packets are read one by one"
		if status.State != Degraded || !strings.HasPrefix(status.Sentence, want) {
			t.Errorf("status %+v, want degraded: %s…", status, want)
		}
	})
}

func TestSocketErrorsNameCauseRemedyAndReason(t *testing.T) {
	for cause, want := range map[error]struct{ remedy, reason string }{
		unix.EPERM:        {"add the NET_RAW capability", "not-permitted"},
		unix.EACCES:       {"add the NET_RAW capability", "not-permitted"},
		unix.EAFNOSUPPORT: {"CONFIG_PACKET", "not-supported"},
		unix.EMFILE:       {"file descriptors", "other"},
	} {
		err := socketError(cause)
		if got := err.Error(); !strings.Contains(got, cause.Error()) || !strings.Contains(got, want.remedy) {
			t.Errorf("%v gives %q, want it to name %q", cause, got, want.remedy)
		}
		if got := reasonOf(err); got != want.reason {
			t.Errorf("%v is counted as %q, want %q", cause, got, want.reason)
		}
	}
}

// filledBlock lays the payloads out as the kernel does in a block of a TPACKET_V3 ring.
func filledBlock(payloads ...[]byte) []byte {
	native := binary.NativeEndian
	const first = 48
	block := make([]byte, first)
	native.PutUint32(block[blockStatus:], unix.TP_STATUS_USER)
	native.PutUint32(block[blockCount:], uint32(len(payloads)))
	native.PutUint32(block[blockFirst:], first)
	for _, p := range payloads {
		head := make([]byte, 96+(len(p)+15)/16*16)
		native.PutUint32(head[headNext:], uint32(len(head)))
		native.PutUint32(head[headSeconds:], uint32(newYear.Unix()))
		native.PutUint32(head[headNanos:], 5)
		native.PutUint32(head[headKept:], uint32(len(p)))
		native.PutUint32(head[headLength:], uint32(len(p)+1))
		native.PutUint16(head[headPayload:], 96)
		binary.BigEndian.PutUint16(head[headEtherType:], EtherTypeIPv4)
		native.PutUint32(head[headInterface:], 3)
		head[headDirection] = unix.PACKET_OUTGOING
		copy(head[96:], p)
		block = append(block, head...)
	}
	return block
}

func TestWalkBlock(t *testing.T) {
	var got []string
	n := walkBlock(filledBlock([]byte("first"), []byte("second")), func(f *Frame) {
		got = append(got, string(f.Payload))
		if !f.Outgoing || !f.Cut || f.Interface != 3 || f.EtherType != EtherTypeIPv4 || !f.Time.Equal(newYear.Add(5)) {
			t.Errorf("frame %+v", f)
		}
	})
	if want := []string{"first", "second"}; n != 2 || !slices.Equal(got, want) {
		t.Errorf("walkBlock handed over %d frames %q, want %q", n, got, want)
	}
}

// FuzzWalkBlock checks that no block leads out of itself. It does not check what the frames say.
func FuzzWalkBlock(f *testing.F) {
	f.Add(filledBlock([]byte("first"), []byte("second")))
	f.Add(filledBlock())
	f.Fuzz(func(t *testing.T, block []byte) {
		if len(block) < 48 {
			return // a block is at least a page
		}
		count := binary.NativeEndian.Uint32(block[blockCount:])
		if n := walkBlock(block, func(f *Frame) { _ = len(f.Payload) }); uint32(n) > count {
			t.Fatalf("%d frames of %d", n, count)
		}
	})
}

// BenchmarkRing is the cost of a packet from the ring to the parsed packet.
func BenchmarkRing(b *testing.B) {
	answer := answer4().build(b)
	block := filledBlock(slices.Repeat([][]byte{answer}, 1000)...)
	l := line{refused: &refusals{}}
	b.ReportAllocs()
	for b.Loop() {
		if n := walkBlock(block, l.handle); n != 1000 {
			b.Fatal(n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/packet")
}
