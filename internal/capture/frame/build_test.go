package frame

import (
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

var newYear = time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)

const (
	client4, server4 = "10.0.0.1", "10.96.0.10"
	client6, server6 = "2001:db8::1", "2001:db8::10"
)

// segment describes a TCP segment or a UDP datagram; the other fields are those that the cases turn.
type segment struct {
	from, to   string // addresses, of one family
	sport      uint16
	dport      uint16
	udp        bool
	flags      uint8
	payload    string
	options    []layers.IPv4Option
	ipv4Flags  layers.IPv4Flag
	offset     uint16  // of an IPv4 fragment, in units of 8 octets
	extensions []uint8 // IPv6 extension headers in order
}

// build returns the packet from the network header on, made by gopacket with right lengths and checksums.
func (s segment) build(t testing.TB) []byte {
	t.Helper()
	from, to := netip.MustParseAddr(s.from), netip.MustParseAddr(s.to)
	protocol := layers.IPProtocolTCP
	if s.udp {
		protocol = layers.IPProtocolUDP
	}
	var ip gopacket.SerializableLayer
	var checksum gopacket.NetworkLayer
	if from.Is4() {
		header := &layers.IPv4{
			Version: 4, TTL: 64, Protocol: protocol, SrcIP: net.IP(from.AsSlice()), DstIP: net.IP(to.AsSlice()),
			Options: s.options, Flags: s.ipv4Flags, FragOffset: s.offset,
		}
		ip, checksum = header, header
	} else {
		header := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: protocol, SrcIP: net.IP(from.AsSlice()), DstIP: net.IP(to.AsSlice())}
		ip, checksum = header, header
	}
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	buffer := gopacket.NewSerializeBuffer()
	must(t, gopacket.SerializeLayers(buffer, options, s.transport(t, checksum), gopacket.Payload(s.payload)))
	rest := s.withExtensions(buffer.Bytes(), uint8(protocol))
	if header, is6 := ip.(*layers.IPv6); is6 && len(s.extensions) > 0 {
		header.NextHeader = layers.IPProtocol(s.extensions[0])
	}
	whole := gopacket.NewSerializeBuffer()
	must(t, gopacket.SerializeLayers(whole, options, ip, gopacket.Payload(rest)))
	return whole.Bytes()
}

func (s segment) transport(t testing.TB, network gopacket.NetworkLayer) gopacket.SerializableLayer {
	t.Helper()
	if s.udp {
		header := &layers.UDP{SrcPort: layers.UDPPort(s.sport), DstPort: layers.UDPPort(s.dport)}
		must(t, header.SetNetworkLayerForChecksum(network))
		return header
	}
	header := &layers.TCP{
		SrcPort: layers.TCPPort(s.sport), DstPort: layers.TCPPort(s.dport), Seq: 0xa16450e5, Window: 65535,
		FIN: s.flags&FlagFIN != 0, SYN: s.flags&FlagSYN != 0, RST: s.flags&FlagRST != 0, ACK: s.flags&FlagACK != 0,
		ECE: s.flags&0x40 != 0, CWR: s.flags&0x80 != 0,
		Options: []layers.TCPOption{{OptionType: layers.TCPOptionKindMSS, OptionLength: 4, OptionData: []byte{5, 180}}},
	}
	must(t, header.SetNetworkLayerForChecksum(network))
	return header
}

// withExtensions puts the extension headers, of 16 octets each and fragment headers of 8, in front of the transport header.
func (s segment) withExtensions(rest []byte, protocol uint8) []byte {
	for i, kind := range slices.Backward(s.extensions) {
		next := protocol
		if i+1 < len(s.extensions) {
			next = s.extensions[i+1]
		}
		header := make([]byte, 16)
		header[0], header[1] = next, 1
		if kind == extensionFragment {
			header = []byte{next, 0, byte(s.offset >> 5), byte(s.offset<<3) | 1, 0, 0, 0, 7}
		}
		rest = append(header, rest...)
	}
	return rest
}

// tagged puts VLAN tags with the ethertypes in front of an IP packet, as it lies behind the first ethertype.
func tagged(packet []byte, inner ...uint16) []byte {
	var out []byte
	for _, t := range inner {
		out = append(out, 0x40, 100, byte(t>>8), byte(t)) // priority 2, VLAN 100: the first bits look like IPv4
	}
	return append(out, packet...)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func answer4() segment {
	return segment{from: server4, to: client4, sport: 53, dport: 4000, udp: true, payload: "answer"}
}

func answer6() segment {
	return segment{from: server6, to: client6, sport: 53, dport: 4000, udp: true, payload: "answer"}
}

func syn4() segment {
	return segment{from: client4, to: server4, sport: 4000, dport: 80, flags: FlagSYN}
}

func syn6() segment {
	return segment{from: client6, to: server6, sport: 4000, dport: 80, flags: FlagSYN}
}

func (s segment) with(change func(*segment)) segment {
	change(&s)
	return s
}
