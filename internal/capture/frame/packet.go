package frame

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"time"
)

// Transport protocols, as the IP header numbers them.
const (
	ProtocolTCP = 6
	ProtocolUDP = 17
)

// TCP flags of RFC 9293 section 3.1 that decoders look at.
const (
	FlagFIN = 0x01
	FlagSYN = 0x02
	FlagRST = 0x04
	FlagACK = 0x10
)

// Packet is the transport header of a frame and what follows it.
type Packet struct {
	Source, Destination netip.AddrPort // unmapped: an IPv4 address is never in IPv6 form
	Protocol            uint8          // ProtocolTCP or ProtocolUDP
	Flags               uint8          // of TCP
	Sequence            uint32         // of TCP: of the first octet of Payload, or of the SYN
	Payload             []byte         // ends where the IP and UDP headers say, padding is gone
	Fragment            bool           // the first fragment of a packet: Payload is its beginning
	Cut                 bool           // the capture ends before the packet does: Payload is its beginning
	Outgoing            bool           // as in Frame
	Interface           int            // as in Frame
	Time                time.Time      // as in Frame
}

// What Parse says of a frame that gives no packet.
var (
	ErrMalformed = errors.New("a header does not fit into the frame or contradicts it")
	ErrOther     = errors.New("neither TCP nor UDP over IPv4 or IPv6")
	ErrFragment  = errors.New("a later fragment, which has no transport header")
)

const (
	vlanTagLength     = 4
	maxVLANTags       = 2
	ipv4HeaderLength  = 20
	ipv6HeaderLength  = 40
	tcpHeaderLength   = 20
	udpHeaderLength   = 8
	extensionsAtMost  = 8
	extensionLeast    = 8 // octets of every extension header, and the unit of their lengths
	extensionHopByHop = 0
	extensionRouting  = 43
	extensionFragment = 44
	extensionOptions  = 60 // destination options
)

// Parse reads the network and transport headers of f into p, whatever p held before. On an error p is of no use.
//
// Lengths come from the IP header, so Ethernet padding is ignored; a total length of zero, as segmentation offload
// leaves it, means all of the frame. Checksums are never verified, because offload leaves them unfinished. At most two
// VLAN tags and eight IPv6 extension headers are walked. It allocates nothing and keeps nothing but slices of f.Payload.
//
// Errors: ErrMalformed, ErrOther, ErrFragment. Source: RFC 791, RFC 8200, RFC 9293, RFC 768, IEEE 802.1Q.
func Parse(p *Packet, f *Frame) error {
	b, version := network(f.Payload, f.EtherType)
	*p = Packet{Outgoing: f.Outgoing, Interface: f.Interface, Time: f.Time, Cut: f.Cut}
	switch version {
	case 4:
		return p.ipv4(b)
	case 6:
		return p.ipv6(b)
	}
	return ErrOther
}

// network returns the IP packet in the frame and its version, 0 for another protocol.
//
// The kernel is of two minds about VLAN tags that it has not stripped. It may name the ethertype of a tag and show the
// tag; or name it and show the IP header, on the way out; or, from Linux 6.11 on, show a tag and name what is behind it.
// So what is named is believed only as far as the packet agrees.
func network(b []byte, etherType uint16) (packet []byte, version int) {
	switch etherType {
	case EtherTypeIPv4:
		version = 4
	case EtherTypeIPv6:
		version = 6
	case EtherTypeVLAN, EtherTypeQinQ:
		if inner, v := untag(b); v != 0 {
			return inner, v
		}
		return b, firstBits(b)
	case 0:
		return b, firstBits(b)
	default:
		return nil, 0
	}
	if !agrees(b, version) {
		if inner, v := untag(b); agrees(inner, v) {
			return inner, v
		}
	}
	return b, version
}

// untag returns what is behind the one or two VLAN tags that b starts with, and its IP version, 0 if it is something else.
func untag(b []byte) (packet []byte, version int) {
	for range maxVLANTags {
		if len(b) < vlanTagLength {
			break
		}
		etherType := binary.BigEndian.Uint16(b[2:])
		b = b[vlanTagLength:]
		switch etherType {
		case EtherTypeIPv4:
			return b, 4
		case EtherTypeIPv6:
			return b, 6
		case EtherTypeVLAN, EtherTypeQinQ:
			continue
		}
		break
	}
	return nil, 0
}

// agrees reports whether b looks like a whole packet of the IP version.
func agrees(b []byte, version int) bool {
	switch {
	case version == 4 && len(b) >= ipv4HeaderLength && b[0] >= 0x45 && firstBits(b) == 4:
		return int(binary.BigEndian.Uint16(b[2:])) <= len(b)
	case version == 6 && len(b) >= ipv6HeaderLength && firstBits(b) == 6:
		return ipv6HeaderLength+int(binary.BigEndian.Uint16(b[4:])) <= len(b)
	}
	return false
}

// firstBits is where an IP packet has its version.
func firstBits(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	return int(b[0] >> 4)
}

func (p *Packet) ipv4(b []byte) error {
	if len(b) < ipv4HeaderLength || b[0]>>4 != 4 {
		return ErrMalformed
	}
	header := int(b[0]&0x0f) * 4
	total := int(binary.BigEndian.Uint16(b[2:]))
	if header < ipv4HeaderLength || len(b) < header || (total != 0 && total < header) {
		return ErrMalformed
	}
	fragment := binary.BigEndian.Uint16(b[6:])
	if fragment&0x1fff != 0 {
		return ErrFragment
	}
	p.Fragment = fragment&0x2000 != 0
	p.Protocol = b[9]
	source := netip.AddrFrom4([4]byte(b[12:16]))
	destination := netip.AddrFrom4([4]byte(b[16:20]))
	return p.transport(p.within(b, total)[header:], source, destination)
}

func (p *Packet) ipv6(b []byte) error {
	if len(b) < ipv6HeaderLength || b[0]>>4 != 6 {
		return ErrMalformed
	}
	total := 0
	if length := int(binary.BigEndian.Uint16(b[4:])); length != 0 {
		total = ipv6HeaderLength + length
	}
	source := netip.AddrFrom16([16]byte(b[8:24])).Unmap()
	destination := netip.AddrFrom16([16]byte(b[24:40])).Unmap()
	rest, err := p.extensions(b[6], p.within(b, total)[ipv6HeaderLength:])
	if err != nil {
		return err
	}
	return p.transport(rest, source, destination)
}

// within returns the first total octets of b, or all of b when it is shorter or total is 0, and notes what is missing.
func (p *Packet) within(b []byte, total int) []byte {
	switch {
	case total == 0:
		return b
	case total > len(b):
		p.Cut = true
		return b
	}
	p.Cut = false // the capture lost nothing but padding
	return b[:total]
}

// extensions walks the IPv6 extension headers and returns what follows them.
func (p *Packet) extensions(next uint8, b []byte) ([]byte, error) {
	for range extensionsAtMost {
		switch next {
		case extensionHopByHop, extensionRouting, extensionOptions, extensionFragment:
		default:
			p.Protocol = next
			return b, nil
		}
		if len(b) < extensionLeast {
			return nil, ErrMalformed
		}
		length := (int(b[1]) + 1) * extensionLeast
		if next == extensionFragment {
			length = extensionLeast
			offset := binary.BigEndian.Uint16(b[2:])
			if offset&^7 != 0 {
				return nil, ErrFragment
			}
			p.Fragment = offset&1 != 0
		}
		if len(b) < length {
			return nil, ErrMalformed
		}
		next, b = b[0], b[length:]
	}
	p.Protocol = next
	return b, nil
}

func (p *Packet) transport(b []byte, source, destination netip.Addr) error {
	switch p.Protocol {
	case ProtocolTCP:
		return p.tcp(b, source, destination)
	case ProtocolUDP:
		return p.udp(b, source, destination)
	}
	return ErrOther
}

func (p *Packet) udp(b []byte, source, destination netip.Addr) error {
	if len(b) < udpHeaderLength {
		return ErrMalformed
	}
	length := int(binary.BigEndian.Uint16(b[4:]))
	switch {
	case length == 0: // a jumbogram, or segmentation offload
	case length < udpHeaderLength:
		return ErrMalformed
	case length <= len(b):
		b = b[:length]
	case !p.Cut && !p.Fragment:
		return ErrMalformed
	}
	p.ports(b, source, destination)
	p.Payload = b[udpHeaderLength:]
	return nil
}

func (p *Packet) tcp(b []byte, source, destination netip.Addr) error {
	if len(b) < tcpHeaderLength {
		return ErrMalformed
	}
	header := int(b[12]>>4) * 4
	if header < tcpHeaderLength || header > len(b) {
		return ErrMalformed
	}
	p.ports(b, source, destination)
	p.Sequence = binary.BigEndian.Uint32(b[4:])
	p.Flags = b[13]
	p.Payload = b[header:]
	return nil
}

func (p *Packet) ports(b []byte, source, destination netip.Addr) {
	p.Source = netip.AddrPortFrom(source, binary.BigEndian.Uint16(b))
	p.Destination = netip.AddrPortFrom(destination, binary.BigEndian.Uint16(b[2:]))
}
