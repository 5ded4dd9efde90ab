package syn

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/portolan-io/portolan/internal/capture/frame"
	"github.com/portolan-io/portolan/internal/traffic"
)

var newYear = time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)

// x3 is a SYN as it was captured without a link layer, the worked example X3. Its IP checksum is zero.
//
//	0000  45 00 00 40 00 00 40 00 40 06 00 00 0a 00 02 30   E..@..@.@......0
//	0010  0a f4 78 4e d9 3d 1f 40 a1 64 50 e5 00 00 00 00   ..xN.=.@.dP.....
//	0020  b0 02 ff ff fe 34 00 00 02 04 3f d8 01 03 03 06   .....4....?.....
//	0030  01 01 08 0a b6 a6 45 bc 00 00 00 00 04 02 00 00   ......E.........
const x3 = `
	4500004000004000400600000a0002300af4784e
	d93d1f40a16450e500000000b002fffffe34000002043fd8010303060101080ab6a645bc0000000004020000`

func captured(t testing.TB) frame.Frame {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(x3), ""))
	if err != nil {
		t.Fatal(err)
	}
	return frame.Frame{Payload: b, Time: newYear}
}

func parsed(t testing.TB, f frame.Frame) *frame.Packet {
	t.Helper()
	var p frame.Packet
	if err := frame.Parse(&p, &f); err != nil {
		t.Fatal(err)
	}
	return &p
}

// syn is the first packet of a connection from 10.0.0.1, port 4000, to 10.96.0.20, port 80.
func syn(change ...func(*frame.Packet)) *frame.Packet {
	p := &frame.Packet{
		Source: netip.MustParseAddrPort("10.0.0.1:4000"), Destination: netip.MustParseAddrPort("10.96.0.20:80"),
		Protocol: frame.ProtocolTCP, Flags: frame.FlagSYN, Sequence: 1, Time: newYear,
	}
	for _, c := range change {
		c(p)
	}
	return p
}

func outgoing(p *frame.Packet) { p.Outgoing = true }

func to(server string) func(*frame.Packet) {
	return func(p *frame.Packet) { p.Destination = netip.MustParseAddrPort(server) }
}

func by(client string) func(*frame.Packet) {
	return func(p *frame.Packet) { p.Source = netip.MustParseAddrPort(client) }
}

func numbered(sequence uint32) func(*frame.Packet) {
	return func(p *frame.Packet) { p.Sequence = sequence }
}

func flags(f uint8) func(*frame.Packet) { return func(p *frame.Packet) { p.Flags = f } }

func after(d time.Duration) func(*frame.Packet) {
	return func(p *frame.Packet) { p.Time = p.Time.Add(d) }
}

// connection is the sighting of one connection that the window has folded, so without the client's port.
func connection(client, server string, change ...func(*traffic.Sighting)) traffic.Sighting {
	to := netip.MustParseAddrPort(server)
	s := traffic.Sighting{
		Source: traffic.SYN,
		From:   traffic.Party{Addr: netip.MustParseAddr(client)},
		To:     traffic.Party{Addr: to.Addr(), Port: to.Port()},
		What:   traffic.What{Act: traffic.Connect, Protocol: traffic.TCP},
		First:  newYear, Last: newYear, Count: 1,
	}
	for _, c := range change {
		c(&s)
	}
	return s
}

func translated(server string) func(*traffic.Sighting) {
	return func(s *traffic.Sighting) { s.What.Translated = netip.MustParseAddrPort(server) }
}

func times(n uint64) func(*traffic.Sighting) { return func(s *traffic.Sighting) { s.Count = n } }

func counts(s *Source) map[string]uint64 {
	out := map[string]uint64{}
	for _, c := range s.Counts() {
		if c.N > 0 {
			out[c.Reason] = c.N
		}
	}
	return out
}

func TestSource(t *testing.T) {
	plain := connection("10.0.0.1", "10.96.0.20:80")
	example := connection("10.0.2.48", "10.244.120.78:8000")
	for name, tc := range map[string]struct {
		packets []*frame.Packet
		want    []traffic.Sighting
		counts  map[string]uint64
	}{
		"X3: a captured SYN":                       {[]*frame.Packet{parsed(t, captured(t))}, []traffic.Sighting{example}, nil},
		"X4: the same SYN twice":                   {[]*frame.Packet{parsed(t, captured(t)), parsed(t, captured(t))}, []traffic.Sighting{example}, map[string]uint64{"duplicate": 1}},
		"a repeat after a second":                  {[]*frame.Packet{syn(), syn(after(time.Second))}, []traffic.Sighting{plain}, map[string]uint64{"duplicate": 1}},
		"a second connection of the same client":   {[]*frame.Packet{syn(), syn(by("10.0.0.1:4001"))}, []traffic.Sighting{connection("10.0.0.1", "10.96.0.20:80", times(2))}, nil},
		"the same ports with a new first sequence": {[]*frame.Packet{syn(), syn(numbered(9))}, []traffic.Sighting{connection("10.0.0.1", "10.96.0.20:80", times(2))}, nil},
		"ECE and CWR may be set":                   {[]*frame.Packet{syn(flags(0xc2))}, []traffic.Sighting{plain}, nil},
		"SYN-ACK is no connection":                 {[]*frame.Packet{syn(flags(frame.FlagSYN | frame.FlagACK))}, nil, nil},
		"RST and FIN are no connections":           {[]*frame.Packet{syn(flags(frame.FlagSYN | frame.FlagRST)), syn(flags(frame.FlagSYN | frame.FlagFIN))}, nil, nil},
		"UDP is no connection":                     {[]*frame.Packet{syn(func(p *frame.Packet) { p.Protocol = frame.ProtocolUDP })}, nil, nil},
		"a SYN that only goes out makes none":      {[]*frame.Packet{syn(outgoing)}, nil, map[string]uint64{"outgoing": 1}},
		"a copy behind DNAT names the real server": {
			[]*frame.Packet{syn(), syn(), syn(to("10.0.0.9:8080"), outgoing), syn(to("10.0.0.9:8080"), outgoing)},
			[]traffic.Sighting{connection("10.0.0.1", "10.96.0.20:80", translated("10.0.0.9:8080"))},
			map[string]uint64{"duplicate": 3},
		},
		"a received copy behind DNAT does so too": {
			[]*frame.Packet{syn(), syn(to("10.0.0.9:80"))},
			[]traffic.Sighting{connection("10.0.0.1", "10.96.0.20:80", translated("10.0.0.9:80"))},
			map[string]uint64{"duplicate": 1},
		},
		"two connections to one Service reach two pods": {
			[]*frame.Packet{syn(), syn(to("10.0.0.9:80"), outgoing), syn(numbered(2)), syn(numbered(2), to("10.0.0.8:80"), outgoing)},
			[]traffic.Sighting{
				connection("10.0.0.1", "10.96.0.20:80", translated("10.0.0.8:80")),
				connection("10.0.0.1", "10.96.0.20:80", translated("10.0.0.9:80")),
			},
			map[string]uint64{"duplicate": 2},
		},
		"IPv6": {
			[]*frame.Packet{syn(by("[2001:db8::1]:4000"), to("[2001:db8::2]:443"))},
			[]traffic.Sighting{connection("2001:db8::1", "[2001:db8::2]:443")},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := traffic.NewWindow(0)
			s := New(w, traffic.SYN)
			for _, p := range tc.packets {
				s.Handle(p)
			}
			s.Flush()
			if diff := cmp.Diff(w.Drain(nil, 0), tc.want, netAddresses, byServer, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("sightings (-got +want):\n%s", diff)
			}
			if diff := cmp.Diff(counts(s), tc.counts, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("counts (-got +want):\n%s", diff)
			}
		})
	}
}

var (
	netAddresses = cmp.Options{cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{}), cmpopts.IgnoreFields(traffic.Sighting{}, "Ports")}
	byServer     = cmpopts.SortSlices(func(a, b traffic.Sighting) bool { return a.What.Translated.Compare(b.What.Translated) < 0 })
)

// TestAFileMayBeRecordedInTheClient: all its SYNs go out.
func TestAFileMayBeRecordedInTheClient(t *testing.T) {
	w := traffic.NewWindow(0)
	s := New(w, traffic.Offline)
	s.Handle(syn(outgoing))
	s.Handle(syn(outgoing))
	s.Flush()
	want := connection("10.0.0.1", "10.96.0.20:80")
	want.Source = traffic.Offline
	if diff := cmp.Diff(w.Drain(nil, 0), []traffic.Sighting{want}, netAddresses); diff != "" {
		t.Errorf("sightings (-got +want):\n%s", diff)
	}
}

func TestSourceKeepsTheClientsPort(t *testing.T) {
	p := syn()
	c := Connection{Client: p.Source, Server: p.Destination, Time: p.Time}
	if got := c.sighting(traffic.SYN).From.Port; got != 4000 {
		t.Errorf("From.Port = %d, want 4000", got)
	}
}

func TestSourceGivesOutAfterItsPatience(t *testing.T) {
	//  0 ms       200 ms         450 ms
	//  |-- first ----- 250 ms --|
	//             |-- second -----------|
	w := traffic.NewWindow(0)
	s := New(w, traffic.SYN)
	s.Handle(syn())
	s.Handle(syn(to("10.96.0.21:80"), numbered(2), after(200*time.Millisecond)))
	for _, step := range []struct {
		at   time.Duration
		want int
	}{{249 * time.Millisecond, 0}, {250 * time.Millisecond, 1}, {449 * time.Millisecond, 1}, {450 * time.Millisecond, 2}} {
		if s.Tick(newYear.Add(step.at)); w.Len() != step.want {
			t.Errorf("%s: the window has %d sightings, want %d", step.at, w.Len(), step.want)
		}
	}
}

// TestALateCopyBehindDNATAmendsTheSighting: the node had to find out the neighbour first, for a second and more.
func TestALateCopyBehindDNATAmendsTheSighting(t *testing.T) {
	w := traffic.NewWindow(0)
	s := New(w, traffic.SYN)
	late := syn(to("10.0.0.9:8080"), outgoing, after(1100*time.Millisecond))
	s.Handle(syn())
	s.Handle(syn(by("10.0.0.1:4001"))) // of the same pair, never translated
	s.Tick(newYear.Add(time.Second))
	s.Handle(late)
	s.Handle(late) // on another interface
	want := []traffic.Sighting{
		connection("10.0.0.1", "10.96.0.20:80"),
		connection("10.0.0.1", "10.96.0.20:80", translated("10.0.0.9:8080")),
	}
	if diff := cmp.Diff(w.Drain(nil, 0), want, netAddresses, byServer); diff != "" {
		t.Errorf("sightings (-got +want):\n%s", diff)
	}
	s.Handle(syn(to("10.0.0.8:8080"), outgoing, after(6*time.Second))) // the batch is on its way
	if diff := cmp.Diff(counts(s), map[string]uint64{"duplicate": 3, "late-translation": 1}); diff != "" || w.Len() != 0 {
		t.Errorf("%d sightings, and counts (-got +want):\n%s", w.Len(), diff)
	}
}

func TestSourceDoesNotWaitForAClockThatWasSetBack(t *testing.T) {
	w := traffic.NewWindow(0)
	s := New(w, traffic.SYN)
	s.Handle(syn())
	if s.Tick(newYear.Add(-time.Hour)); w.Len() != 1 {
		t.Errorf("the window has %d sightings, want 1", w.Len())
	}
}

func TestSourceGivesOutWhatItMustForget(t *testing.T) {
	w := traffic.NewWindow(2 * remembered)
	s := New(w, traffic.SYN)
	for i := range uint32(remembered + 3) {
		s.Handle(syn(numbered(i), to(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 80).String())))
	}
	if w.Len() != 3 {
		t.Errorf("the window has %d sightings, want the 3 that had to leave", w.Len())
	}
	if s.Flush(); w.Len() != remembered+3 {
		t.Errorf("the window has %d sightings after Flush, want %d", w.Len(), remembered+3)
	}
}

// However the copies of connections mix, and whenever time passes, each connection counts once.
func TestSourceLawOfCopies(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := traffic.NewWindow(0)
		s := New(w, traffic.SYN)
		seen := map[uint32]bool{}
		for range rapid.IntRange(0, 60).Draw(r, "packets") {
			n := rapid.Uint32Range(0, 9).Draw(r, "connection")
			p := syn(numbered(n))
			p.Outgoing = rapid.Bool().Draw(r, "outgoing")
			if rapid.Bool().Draw(r, "behind DNAT") {
				p.Destination = netip.MustParseAddrPort("10.0.0.9:8080")
			}
			seen[n] = seen[n] || !p.Outgoing
			if s.Handle(p); rapid.Bool().Draw(r, "time passes") {
				s.Tick(newYear.Add(patience))
			}
		}
		s.Flush()
		var got, want uint64
		for _, sighting := range w.Drain(nil, 0) {
			got += sighting.Count
		}
		for _, received := range seen {
			if received {
				want++
			}
		}
		if got != want {
			r.Fatalf("counted %d connections, want %d", got, want)
		}
	})
}

// FuzzSource checks that no frame stops the way from frame to sighting, and that a frame never makes more than one.
func FuzzSource(f *testing.F) {
	f.Add(captured(f).Payload, uint16(0), false)
	f.Add(captured(f).Payload, uint16(frame.EtherTypeVLAN), true)
	f.Fuzz(func(t *testing.T, payload []byte, etherType uint16, outgoing bool) {
		w := traffic.NewWindow(0)
		s := New(w, traffic.SYN)
		var p frame.Packet
		if frame.Parse(&p, &frame.Frame{Payload: payload, EtherType: etherType, Outgoing: outgoing, Time: newYear}) != nil {
			return
		}
		s.Handle(&p)
		s.Handle(&p)
		s.Flush()
		if got := w.Drain(nil, 0); len(got) > 1 || len(got) == 1 && (got[0].Count != 1 || outgoing) {
			t.Fatalf("sightings %v", got)
		}
	})
}

// BenchmarkFrameToWindow is the cost of one connection from the network header to the window, without an allocation.
func BenchmarkFrameToWindow(b *testing.B) {
	s := New(traffic.NewWindow(0), traffic.SYN)
	f := captured(b)
	var p frame.Packet
	b.ReportAllocs()
	sequence := uint32(0)
	for b.Loop() {
		if err := frame.Parse(&p, &f); err != nil {
			b.Fatal(err)
		}
		sequence++
		p.Sequence = sequence
		s.Handle(&p)
		s.Tick(newYear.Add(patience))
	}
}

// BenchmarkDuplicate is the cost of a copy on a further interface.
func BenchmarkDuplicate(b *testing.B) {
	s := New(traffic.NewWindow(0), traffic.SYN)
	p := parsed(b, captured(b))
	b.ReportAllocs()
	for b.Loop() {
		s.Handle(p)
	}
}
