package frame

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/gopacket/layers"
)

func TestParse(t *testing.T) {
	udp4 := Packet{
		Source: netip.MustParseAddrPort("10.96.0.10:53"), Destination: netip.MustParseAddrPort("10.0.0.1:4000"),
		Protocol: ProtocolUDP, Payload: []byte("answer"), Time: newYear,
	}
	udp6 := udp4
	udp6.Source, udp6.Destination = netip.MustParseAddrPort("[2001:db8::10]:53"), netip.MustParseAddrPort("[2001:db8::1]:4000")
	tcp4 := Packet{
		Source: netip.MustParseAddrPort("10.0.0.1:4000"), Destination: netip.MustParseAddrPort("10.96.0.10:80"),
		Protocol: ProtocolTCP, Flags: FlagSYN, Sequence: 0xa16450e5, Time: newYear,
	}
	tcp6 := tcp4
	tcp6.Source, tcp6.Destination = netip.MustParseAddrPort("[2001:db8::1]:4000"), netip.MustParseAddrPort("[2001:db8::10]:80")
	as := func(p Packet, change func(*Packet)) Packet { change(&p); return p }
	fragmented := func(p *Packet) { p.Fragment = true }
	mapped := answer6().with(func(s *segment) { s.from, s.to = "::ffff:10.96.0.10", "::ffff:10.0.0.1" }).build(t)
	for name, tc := range map[string]struct {
		payload   []byte
		etherType uint16
		want      Packet
	}{
		"UDP over IPv4": {answer4().build(t), EtherTypeIPv4, udp4},
		"UDP over IPv6": {answer6().build(t), EtherTypeIPv6, udp6},
		"TCP over IPv4": {syn4().build(t), EtherTypeIPv4, tcp4},
		"TCP over IPv6": {syn6().build(t), EtherTypeIPv6, tcp6},
		"the version tells when the link type does not": {syn6().build(t), 0, tcp6},
		"padding behind the packet is not payload":      {append(answer4().build(t), 0, 0, 0, 0), EtherTypeIPv4, udp4},
		"options of IPv4 are passed": {
			answer4().with(func(s *segment) {
				s.options = []layers.IPv4Option{{OptionType: 148, OptionLength: 4, OptionData: []byte{0, 0}}}
			}).build(t),
			EtherTypeIPv4, udp4,
		},
		"one VLAN tag":                                  {tagged(syn4().build(t), EtherTypeIPv4), EtherTypeVLAN, tcp4},
		"two VLAN tags":                                 {tagged(syn6().build(t), EtherTypeVLAN, EtherTypeIPv6), EtherTypeQinQ, tcp6},
		"a tag that is named and not shown":             {syn4().build(t), EtherTypeVLAN, tcp4},
		"a tag that is shown and not named":             {tagged(syn4().build(t), EtherTypeIPv4), EtherTypeIPv4, tcp4},
		"two tags that are shown and not named":         {tagged(syn6().build(t), EtherTypeVLAN, EtherTypeIPv6), EtherTypeIPv6, tcp6},
		"a tag not named, with a VLAN like IPv4's bits": {set(tagged(syn4().build(t), EtherTypeIPv4), 0, 0x45), EtherTypeIPv4, tcp4},
		"extension headers of IPv6": {
			syn6().with(func(s *segment) { s.extensions = []uint8{extensionHopByHop, extensionRouting, extensionOptions} }).build(t),
			EtherTypeIPv6, tcp6,
		},
		"eight extension headers, the most there may be": {
			syn6().with(func(s *segment) { s.extensions = []uint8{0, 60, 43, 60, 60, 60, 60, 60} }).build(t), EtherTypeIPv6, tcp6,
		},
		"extension headers behind two tags that are shown": {
			tagged(syn6().with(func(s *segment) { s.extensions = []uint8{0, 60} }).build(t), EtherTypeVLAN, EtherTypeIPv6), EtherTypeQinQ, tcp6,
		},
		"extension headers behind a tag that is not shown": {
			syn6().with(func(s *segment) { s.extensions = []uint8{0, 60} }).build(t), EtherTypeVLAN, tcp6,
		},
		"a service tag that is stripped and one that is not": {tagged(answer4().build(t), EtherTypeIPv4), EtherTypeQinQ, udp4},
		"a fragment behind other extension headers": {
			answer6().with(func(s *segment) { s.extensions = []uint8{0, 44} }).build(t), EtherTypeIPv6, as(udp6, fragmented),
		},
		"the first fragment of IPv4": {
			answer4().with(func(s *segment) { s.ipv4Flags = layers.IPv4MoreFragments }).build(t), EtherTypeIPv4, as(udp4, fragmented),
		},
		"the first fragment of IPv6": {
			answer6().with(func(s *segment) { s.extensions = []uint8{extensionFragment} }).build(t), EtherTypeIPv6, as(udp6, fragmented),
		},
		"IPv4 in IPv6 form is IPv4": {mapped, EtherTypeIPv6, udp4},
		"a packet cut short": {
			answer4().build(t)[:31], EtherTypeIPv4, as(udp4, func(p *Packet) { p.Payload, p.Cut = []byte("ans"), true }),
		},
		"a length of zero means all of the frame": {zeroLength(answer4().build(t)), EtherTypeIPv4, udp4},
	} {
		t.Run(name, func(t *testing.T) {
			var got Packet
			err := Parse(&got, &Frame{Payload: tc.payload, EtherType: tc.etherType, Time: newYear})
			if diff := cmp.Diff(got, tc.want, cmpopts.EquateComparable(netip.AddrPort{}), cmpopts.EquateEmpty()); diff != "" || err != nil {
				t.Errorf("Parse: %v (-got +want):\n%s", err, diff)
			}
		})
	}
}

// zeroLength takes the total length out of an IPv4 header, as segmentation offload does for packets over 64 KiB.
func zeroLength(b []byte) []byte {
	b[2], b[3] = 0, 0
	return b
}

// set returns a copy of b with one octet changed.
func set(b []byte, at int, v byte) []byte {
	out := append([]byte(nil), b...)
	out[at] = v
	return out
}

func TestParseRefuses(t *testing.T) {
	udp, tcp, six := answer4().build(t), syn4().build(t), answer6().build(t)
	nine := make([]uint8, extensionsAtMost+1)
	for i := range nine {
		nine[i] = extensionOptions
	}
	for name, tc := range map[string]struct {
		payload   []byte
		etherType uint16
		want      error
	}{
		"ARP":                                {udp, 0x0806, ErrOther},
		"nothing":                            {nil, 0, ErrOther},
		"an empty packet of IPv4":            {nil, EtherTypeIPv4, ErrMalformed},
		"IPv6 that calls itself IPv4":        {six, EtherTypeIPv4, ErrMalformed},
		"IPv4 that calls itself IPv6":        {tcp, EtherTypeIPv6, ErrMalformed},
		"ICMP":                               {set(udp, 9, 1), EtherTypeIPv4, ErrOther},
		"an IPv4 header of 16 octets":        {set(udp, 0, 0x44), EtherTypeIPv4, ErrMalformed},
		"an IPv4 header behind the end":      {set(udp, 0, 0x4f), EtherTypeIPv4, ErrMalformed},
		"a total length below the header's":  {set(udp, 3, 19), EtherTypeIPv4, ErrMalformed},
		"a later fragment of IPv4":           {answer4().with(func(s *segment) { s.offset = 185 }).build(t), EtherTypeIPv4, ErrFragment},
		"a later fragment of IPv6":           {answer6().with(func(s *segment) { s.offset = 185; s.extensions = []uint8{extensionFragment} }).build(t), EtherTypeIPv6, ErrFragment},
		"more than eight extension headers":  {syn6().with(func(s *segment) { s.extensions = nine }).build(t), EtherTypeIPv6, ErrOther},
		"an extension header behind the end": {set(syn6().with(func(s *segment) { s.extensions = []uint8{extensionOptions} }).build(t), 41, 255), EtherTypeIPv6, ErrMalformed},
		"half a UDP header":                  {udp[:24], EtherTypeIPv4, ErrMalformed},
		"a UDP length below the header's":    {set(udp, 25, 7), EtherTypeIPv4, ErrMalformed},
		"a UDP length over the packet's":     {set(udp, 25, 99), EtherTypeIPv4, ErrMalformed},
		"half a TCP header":                  {tcp[:39], EtherTypeIPv4, ErrMalformed},
		"a TCP header of 16 octets":          {set(tcp, 32, 0x40), EtherTypeIPv4, ErrMalformed},
		"a TCP header behind the end":        {set(tcp, 32, 0xf0), EtherTypeIPv4, ErrMalformed},
		"a third VLAN tag":                   {tagged(tcp, EtherTypeVLAN, EtherTypeVLAN, EtherTypeIPv4), EtherTypeVLAN, ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			if err := Parse(&Packet{}, &Frame{Payload: tc.payload, EtherType: tc.etherType}); !errors.Is(err, tc.want) {
				t.Errorf("Parse: %v, want %v", err, tc.want)
			}
		})
	}
}

// FuzzParse checks that no frame stops the parser, that a packet lies within its frame, and that its parts fit together.
// It does not check the values; the tables do.
func FuzzParse(f *testing.F) {
	for _, s := range []segment{answer4(), answer6(), syn4(), syn6()} {
		f.Add(s.build(f), uint16(0))
		f.Add(tagged(s.build(f), EtherTypeVLAN, EtherTypeIPv4), uint16(EtherTypeQinQ))
	}
	f.Add(syn6().with(func(s *segment) { s.extensions = []uint8{0, 43, 44, 60} }).build(f), uint16(EtherTypeIPv6))
	f.Fuzz(func(t *testing.T, payload []byte, etherType uint16) {
		var p Packet
		if Parse(&p, &Frame{Payload: payload, EtherType: etherType}) != nil {
			return
		}
		if p.Protocol != ProtocolTCP && p.Protocol != ProtocolUDP || len(p.Payload) > len(payload) {
			t.Fatalf("protocol %d, %d octets of %d", p.Protocol, len(p.Payload), len(payload))
		}
		if s, d := p.Source.Addr(), p.Destination.Addr(); !s.IsValid() || !d.IsValid() || s.Is4In6() || d.Is4In6() {
			t.Fatalf("addresses %s and %s", s, d)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for name, payload := range map[string][]byte{"UDP over IPv4": answer4().build(b), "TCP over IPv6": syn6().build(b)} {
		b.Run(name, func(b *testing.B) {
			f := Frame{Payload: payload}
			var p Packet
			b.ReportAllocs()
			for b.Loop() {
				if err := Parse(&p, &f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
