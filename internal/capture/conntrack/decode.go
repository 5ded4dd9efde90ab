package conntrack

import (
	"encoding/binary"
	"net/netip"

	"github.com/portolan-io/portolan/internal/traffic"
)

// Flow is one entry of the kernel's connection table.
type Flow struct {
	Protocol        uint8  // as the IP header numbers it
	Original, Reply Tuple  // packets of who spoke first, the client, and those that answer them
	Replied         bool   // an answer was seen
	Assured         bool   // traffic was seen that a stray packet cannot cause; of TCP: the handshake was completed
	State           uint8  // of TCP, as the kernel numbers it; 0 when the entry does not say
	Left            uint32 // seconds until the kernel forgets it if nothing happens; the greatest number when the entry does not say
}

// Tuple is one direction of a flow.
type Tuple struct{ Source, Destination netip.AddrPort } // unmapped

// Attributes of an entry. Source: include/uapi/linux/netfilter/nfnetlink_conntrack.h of the kernel.
const (
	attributeOriginal = 1 // nested
	attributeReply    = 2 // nested
	attributeStatus   = 3
	attributeDetails  = 4 // nested, of the protocol
	attributeTimeout  = 7

	tupleAddresses = 1 // nested
	tuplePorts     = 2 // nested

	addressSource4, addressDestination4 = 1, 2
	addressSource6, addressDestination6 = 3, 4

	portProtocol, portSource, portDestination = 1, 2, 3

	detailsTCP, detailTCPState = 1, 1
)

// Bits of the status. Source: include/uapi/linux/netfilter/nf_conntrack_common.h of the kernel.
const (
	statusReplied = 1 << 1
	statusAssured = 1 << 2
)

const (
	headLength     = 4 // address family, version, resource: struct nfgenmsg
	attributeHead  = 4
	attributeAlign = 4
	attributeFlags = 0xc000 // nested, and network byte order
	tcpClosed      = 8      // TCP_CONNTRACK_CLOSE: ended by a reset, or never begun
	protocolTCP    = 6
	protocolUDP    = 17
	protocolSCTP   = 132
	portDNS        = 53
	firstEphemeral = 32768 // Source: ip_local_port_range in Documentation/networking/ip-sysctl.rst of the kernel
)

// Decode reads an entry as the kernel's netlink interface tells it, without its netlink header. It is false for what is
// broken, or lacks one of the two directions. It allocates nothing.
func Decode(msg []byte) (f Flow, ok bool) {
	if len(msg) < headLength {
		return f, false
	}
	f.Left = untold
	for kind, value := range attributes(msg[headLength:]) {
		sound := true
		switch kind {
		case attributeOriginal:
			f.Protocol, f.Original, sound = decodeTuple(value)
		case attributeReply:
			_, f.Reply, sound = decodeTuple(value)
		case attributeStatus:
			f.Replied, f.Assured, sound = decodeStatus(value)
		case attributeDetails:
			f.State = decodeState(value)
		case attributeTimeout:
			f.Left = decodeLeft(value)
		}
		if !sound {
			return Flow{}, false
		}
	}
	if !f.Original.Source.IsValid() || !f.Reply.Source.IsValid() {
		return Flow{}, false
	}
	return f, true
}

// attributes walks netlink attributes, up to one that does not fit.
func attributes(b []byte) func(yield func(kind uint16, value []byte) bool) {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= attributeHead {
			length := int(binary.NativeEndian.Uint16(b))
			kind := binary.NativeEndian.Uint16(b[2:]) &^ attributeFlags
			if length < attributeHead || length > len(b) || !yield(kind, b[attributeHead:length]) {
				return
			}
			b = b[min((length+attributeAlign-1)/attributeAlign*attributeAlign, len(b)):]
		}
	}
}

func decodeTuple(b []byte) (protocol uint8, t Tuple, ok bool) {
	var from, to netip.Addr
	var fromPort, toPort uint16
	for kind, value := range attributes(b) {
		switch kind {
		case tupleAddresses:
			from, to = decodeAddresses(value)
		case tuplePorts:
			protocol, fromPort, toPort = decodePorts(value)
		}
	}
	if !from.IsValid() || !to.IsValid() {
		return 0, t, false
	}
	return protocol, Tuple{netip.AddrPortFrom(from, fromPort), netip.AddrPortFrom(to, toPort)}, true
}

func decodeAddresses(b []byte) (from, to netip.Addr) {
	for kind, value := range attributes(b) {
		a, ok := netip.AddrFromSlice(value)
		if !ok {
			continue
		}
		switch kind {
		case addressSource4, addressSource6:
			from = a.Unmap()
		case addressDestination4, addressDestination6:
			to = a.Unmap()
		}
	}
	return from, to
}

// decodePorts returns ports of 0 for protocols that have none.
func decodePorts(b []byte) (protocol uint8, from, to uint16) {
	for kind, value := range attributes(b) {
		switch {
		case kind == portProtocol && len(value) >= 1:
			protocol = value[0]
		case kind == portSource && len(value) >= 2:
			from = binary.BigEndian.Uint16(value)
		case kind == portDestination && len(value) >= 2:
			to = binary.BigEndian.Uint16(value)
		}
	}
	return protocol, from, to
}

func decodeState(b []byte) uint8 {
	for kind, details := range attributes(b) {
		if kind != detailsTCP {
			continue
		}
		for kind, value := range attributes(details) {
			if kind == detailTCPState && len(value) >= 1 {
				return value[0]
			}
		}
	}
	return 0
}

func decodeStatus(b []byte) (replied, assured, ok bool) {
	if len(b) < 4 {
		return false, false, false
	}
	status := binary.BigEndian.Uint32(b)
	return status&statusReplied != 0, status&statusAssured != 0, true
}

func decodeLeft(b []byte) uint32 {
	if len(b) < 4 {
		return untold
	}
	return binary.BigEndian.Uint32(b)
}

// Judge says whether a flow makes a sighting, or why not. Only flows that were answered do, so that a scan makes no edges.
func (f *Flow) Judge() Reason {
	to := f.Original.Destination
	switch {
	case !f.hasPorts():
		return OtherProtocol
	case f.local():
		return Local
	case f.Protocol == protocolUDP && to.Port() == portDNS:
		return DNS
	case !f.Replied:
		return NoReply
	case f.State == tcpClosed && !f.Assured:
		return Refused
	case f.Original.Source.Port() < firstEphemeral && to.Port() >= firstEphemeral:
		return Orientation
	}
	return Used
}

func (f *Flow) hasPorts() bool {
	return f.transport() != "" && f.Original.Destination.Port() != 0 && f.Reply.Source.Port() != 0
}

// local reports whether the flow stays on its host.
func (f *Flow) local() bool {
	from, to := f.Original.Source.Addr(), f.Original.Destination.Addr()
	return from.IsLoopback() || to.IsLoopback() || from == to
}

func (f *Flow) transport() traffic.Protocol {
	switch f.Protocol {
	case protocolTCP:
		return traffic.TCP
	case protocolUDP:
		return traffic.UDP
	case protocolSCTP:
		return traffic.SCTP
	}
	return ""
}

// Translated returns the server behind a translation of its address; invalid when there was none. It is where the answers
// come from. Where the client's address was translated, the client still is the source of the original packets.
func (f *Flow) Translated() netip.AddrPort {
	if f.Reply.Source == f.Original.Destination {
		return netip.AddrPort{}
	}
	return f.Reply.Source
}
