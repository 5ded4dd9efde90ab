package dns

import (
	"cmp"
	"net/netip"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/portolan-io/portolan/internal/capture/frame"
	"github.com/portolan-io/portolan/internal/traffic"
)

var (
	netAddresses = cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{})
	byAddress    = cmpopts.SortSlices(func(a, b traffic.Sighting) bool {
		return cmp.Or(a.To.Addr.Compare(b.To.Addr), a.From.Addr.Compare(b.From.Addr)) < 0
	})
)

func lookup(client, name, addr string, change ...func(*traffic.Sighting)) traffic.Sighting {
	s := traffic.Sighting{
		Source: traffic.DNS,
		From:   traffic.Party{Addr: netip.MustParseAddr(client)},
		To:     traffic.Party{Name: name, Addr: netip.MustParseAddr(addr)},
		What:   traffic.What{Act: traffic.Lookup, Responder: netip.MustParseAddr("10.96.0.10")},
		First:  newYear, Last: newYear, TTL: time.Minute, Count: 1,
	}
	for _, c := range change {
		c(&s)
	}
	return s
}

// counts returns the reasons that a source has counted.
func counts(s *Source) map[string]uint64 {
	out := map[string]uint64{}
	for _, c := range s.Counts() {
		if c.N > 0 {
			out[c.Reason] = c.N
		}
	}
	return out
}

// packet carries payload from the DNS server 10.96.0.10 to 10.0.0.1, port 4000.
func packet(protocol uint8, payload []byte, change ...func(*frame.Packet)) *frame.Packet {
	p := &frame.Packet{
		Source: netip.MustParseAddrPort("10.96.0.10:53"), Destination: netip.MustParseAddrPort("10.0.0.1:4000"),
		Protocol: protocol, Payload: payload, Time: newYear,
	}
	for _, c := range change {
		c(p)
	}
	return p
}

func udp(payload []byte, change ...func(*frame.Packet)) *frame.Packet {
	return packet(frame.ProtocolUDP, payload, change...)
}

func tcp(payload []byte, change ...func(*frame.Packet)) *frame.Packet {
	return packet(frame.ProtocolTCP, payload, change...)
}

func after(d time.Duration) func(*frame.Packet) {
	return func(p *frame.Packet) { p.Time = p.Time.Add(d) }
}

func to(client string) func(*frame.Packet) {
	return func(p *frame.Packet) { p.Destination = netip.MustParseAddrPort(client) }
}

func from(server string) func(*frame.Packet) {
	return func(p *frame.Packet) { p.Source = netip.MustParseAddrPort(server) }
}

func sequence(n uint32) func(*frame.Packet) { return func(p *frame.Packet) { p.Sequence = n } }

func fragment(p *frame.Packet) { p.Fragment = true }

func cut(p *frame.Packet) { p.Cut = true }

func TestSource(t *testing.T) {
	const www = "www.example."
	one := answer{id: 1, name: www, records: records(address(www, "192.0.2.1"))}.build(t)
	two := answer{id: 2, name: www, records: records(address(www, "192.0.2.1"), address(www, "192.0.2.2"))}.build(t)
	six := answer{id: 1, name: www, kind: dnsmessage.TypeAAAA, records: records(address(www, "2001:db8::1"))}.build(t)
	none := answer{id: 3, name: www}.build(t)
	other := answer{id: 4, name: "api.example.", records: records(address("api.example.", "192.0.2.4"))}.build(t)
	stream := framed(one, other)

	first := lookup("10.0.0.1", "www.example", "192.0.2.1")
	second := lookup("10.0.0.1", "www.example", "192.0.2.2")
	api := lookup("10.0.0.1", "api.example", "192.0.2.4")
	twice := lookup("10.0.0.1", "www.example", "192.0.2.1", func(s *traffic.Sighting) {
		s.Count, s.Last = 2, newYear.Add(copiesKeptTime)
	})
	for name, tc := range map[string]struct {
		packets []*frame.Packet
		want    []traffic.Sighting
		counts  map[string]uint64
	}{
		"X1: the answer of one address": {
			[]*frame.Packet{captured(t, x1)},
			[]traffic.Sighting{lookup("10.101.81.13", "sts.us-east-1.amazonaws.com", "72.21.206.96", func(s *traffic.Sighting) {
				s.What.Responder = netip.MustParseAddr("208.91.112.52")
			})},
			nil,
		},
		"X2: an alias, and names that are not compressed": {
			[]*frame.Packet{captured(t, x2)},
			[]traffic.Sighting{lookup("10.244.0.9", "api.otterize-dev.com", "11.220.2.0", func(s *traffic.Sighting) {
				s.TTL = 6 * time.Second
				s.What.Responder, s.What.Aliases = netip.MustParseAddr("10.244.0.2"), "internal.otterize-dev.com"
			})},
			nil,
		},
		"each address makes a sighting":                 {[]*frame.Packet{udp(two)}, []traffic.Sighting{first, second}, nil},
		"a copy on another interface counts once":       {[]*frame.Packet{udp(one), udp(one)}, []traffic.Sighting{first}, map[string]uint64{"duplicate": 1}},
		"a copy behind NAT of the server counts once":   {[]*frame.Packet{udp(one), udp(one, from("10.0.0.7:53"))}, []traffic.Sighting{first}, map[string]uint64{"duplicate": 1}},
		"the same answer two seconds later counts anew": {[]*frame.Packet{udp(one), udp(one, after(copiesKeptTime))}, []traffic.Sighting{twice}, nil},
		"another client counts for itself": {
			[]*frame.Packet{udp(one), udp(one, to("10.0.0.2:4000"))},
			[]traffic.Sighting{first, lookup("10.0.0.2", "www.example", "192.0.2.1")},
			nil,
		},
		"another port of the client counts anew": {
			[]*frame.Packet{udp(one), udp(one, to("10.0.0.1:4001"), after(copiesKeptTime))}, []traffic.Sighting{twice}, nil,
		},
		"an answer that goes out counts": {
			[]*frame.Packet{udp(one, func(p *frame.Packet) { p.Outgoing = true })}, []traffic.Sighting{first}, nil,
		},
		"a client of IPv6": {
			[]*frame.Packet{udp(one, to("[2001:db8::5]:4000"), from("[2001:db8::53]:53"))},
			[]traffic.Sighting{lookup("2001:db8::5", "www.example", "192.0.2.1", func(s *traffic.Sighting) {
				s.What.Responder = netip.MustParseAddr("2001:db8::53")
			})},
			nil,
		},
		"an address of IPv6 over IPv4": {
			[]*frame.Packet{udp(six)}, []traffic.Sighting{lookup("10.0.0.1", "www.example", "2001:db8::1")}, nil,
		},
		"an address of IPv6 over IPv6": {
			[]*frame.Packet{udp(six, to("[2001:db8::5]:4000"), from("[2001:db8::53]:53"))},
			[]traffic.Sighting{lookup("2001:db8::5", "www.example", "2001:db8::1", func(s *traffic.Sighting) {
				s.What.Responder = netip.MustParseAddr("2001:db8::53")
			})},
			nil,
		},
		"questions for A and for AAAA with one number are two": {
			[]*frame.Packet{udp(one), udp(six)}, []traffic.Sighting{first, lookup("10.0.0.1", "www.example", "2001:db8::1")}, nil,
		},
		"empty answers are counted for each copy":      {[]*frame.Packet{udp(none), udp(none)}, nil, map[string]uint64{"no-address": 2}},
		"a first fragment is read as far as it goes":   {[]*frame.Packet{udp(two[:len(two)-3], fragment)}, []traffic.Sighting{first}, map[string]uint64{"fragment": 1}},
		"a packet cut short is read as far as it goes": {[]*frame.Packet{udp(two[:len(two)-3], cut)}, []traffic.Sighting{first}, map[string]uint64{"truncated": 1}},
		"packets from another port are left alone":     {[]*frame.Packet{udp(one, from("10.96.0.10:5353"))}, nil, nil},
		"two messages in one segment of TCP":           {[]*frame.Packet{tcp(stream)}, []traffic.Sighting{first, api}, nil},
		"a message in two segments, each twice": {
			[]*frame.Packet{tcp(stream[:9]), tcp(stream[:9]), tcp(stream[9:], sequence(9)), tcp(stream[9:], sequence(9))},
			[]traffic.Sighting{first, api},
			nil,
		},
		"copies of whole messages over TCP count once": {[]*frame.Packet{tcp(stream), tcp(stream)}, []traffic.Sighting{first, api}, map[string]uint64{"duplicate": 2}},
		"a gap in TCP loses the message it is in": {
			[]*frame.Packet{tcp(stream[:9]), tcp(stream[12:], sequence(12))}, []traffic.Sighting{api}, map[string]uint64{"tcp-gap": 1},
		},
		"a beginning without an end is lost": {[]*frame.Packet{tcp(stream[:9])}, nil, map[string]uint64{"tcp-gap": 1}},
		"a fragment of TCP is not read":      {[]*frame.Packet{tcp(stream, fragment)}, nil, map[string]uint64{"fragment": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			w := traffic.NewWindow(0)
			s := New(w, traffic.DNS)
			for _, p := range tc.packets {
				s.Handle(p)
			}
			s.Tick(newYear)
			s.Flush()
			if diff := gocmp.Diff(w.Drain(nil, 0), tc.want, netAddresses, byAddress, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("sightings (-got +want):\n%s", diff)
			}
			if diff := gocmp.Diff(counts(s), tc.counts, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("counts (-got +want):\n%s", diff)
			}
		})
	}
}

func TestSourceCountsRestartsOfTheNameTable(t *testing.T) {
	s := New(traffic.NewWindow(0), traffic.DNS)
	for i := range mostNames + 1 {
		name := netip.AddrFrom4([4]byte{'a', 'b', byte(i >> 8), byte(i)}).String() + ".example."
		s.Handle(udp(answer{id: uint16(i), name: name, records: records(address(name, "192.0.2.1"))}.build(t)))
	}
	if got := counts(s)["names-restart"]; got != 1 {
		t.Errorf("%d restarts, want 1", got)
	}
}

func TestSourceAllocatesNothing(t *testing.T) {
	s := New(traffic.NewWindow(0), traffic.DNS)
	p := udp(fourBehindAlias().build(t))
	s.Handle(p)
	if got := testing.AllocsPerRun(1000, func() {
		p.Time = p.Time.Add(copiesKeptTime)
		s.Handle(p)
	}); got != 0 {
		t.Errorf("%v allocations for an answer, want none", got)
	}
}
