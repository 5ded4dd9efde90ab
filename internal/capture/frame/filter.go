package frame

import (
	"slices"

	"golang.org/x/net/bpf"
)

// How many octets of a matching packet the filter lets through. A SYN needs its headers only: two VLAN tags, 60 octets of
// IPv4 header or 40 of IPv6, 60 of TCP.
const (
	keepAll     = 0x40000
	keepHeaders = 256
)

const (
	hardwareLoopback = 772 // ARPHRD_LOOPBACK of the kernel's if_arp.h
	portDNS          = 53
)

// Filter returns the kernel's filter as a classic BPF program for a packet socket without link-layer header
// (SOCK_DGRAM). It passes exactly:
//
//	UDP and TCP from port 53                              all of the packet
//	TCP with SYN and without ACK, RST, FIN                256 octets
//	IPv6 that starts with hop-by-hop options, routing,    all of the packet, because the filter language cannot
//	  fragment or destination options headers               walk them; Parse does
//	the same three behind one or two VLAN tags that the kernel did not strip
//
// and of these no later fragment, and nothing of a loopback device. The program is the same on every call.
func Filter() []bpf.Instruction {
	return slices.Concat(
		extension(bpf.ExtLinkLayerType),
		when(drop(), hardwareLoopback),
		extension(bpf.ExtProto),
		when(ipv4At(0), EtherTypeIPv4),
		when(ipv6At(0), EtherTypeIPv6),
		when(taggedAt(0), EtherTypeVLAN, EtherTypeQinQ),
		drop(),
	)
}

// taggedAt judges a packet whose VLAN tag starts at offset at. Every block of this file ends by returning a verdict.
func taggedAt(at uint32) []bpf.Instruction {
	const second = vlanTagLength
	return slices.Concat(
		half(at+2),
		when(ipv4At(at+vlanTagLength), EtherTypeIPv4),
		when(ipv6At(at+vlanTagLength), EtherTypeIPv6),
		when(slices.Concat(
			half(at+second+2),
			when(ipv4At(at+second+vlanTagLength), EtherTypeIPv4),
			when(ipv6At(at+second+vlanTagLength), EtherTypeIPv6),
			drop(),
		), EtherTypeVLAN, EtherTypeQinQ),
		hiddenTagAt(at),
	)
}

// hiddenTagAt judges a packet that is said to have a tag and shows none: the kernel put it before the IP header.
func hiddenTagAt(at uint32) []bpf.Instruction {
	return slices.Concat(
		octet(at, 0xf0),
		when(ipv4At(at), 0x40),
		when(ipv6At(at), 0x60),
		drop(),
	)
}

// ipv4At judges a packet whose IPv4 header starts at offset at. Offsets into the transport header are relative to the
// register X, which holds the length of the IPv4 header.
func ipv4At(at uint32) []bpf.Instruction {
	laterFragment := []bpf.Instruction{
		bpf.LoadAbsolute{Off: at + 6, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpBitsNotSet, Val: 0x1fff, SkipTrue: 1},
		bpf.RetConstant{Val: 0},
	}
	fromDNS := []bpf.Instruction{bpf.LoadIndirect{Off: at, Size: 2}}
	flags := []bpf.Instruction{
		bpf.LoadIndirect{Off: at + 13, Size: 1},
		bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: FlagSYN | FlagACK | FlagRST | FlagFIN},
	}
	return slices.Concat(
		laterFragment,
		[]bpf.Instruction{bpf.LoadMemShift{Off: at}},
		octet(at+9, 0xff),
		transport(fromDNS, flags),
	)
}

// ipv6At judges a packet whose IPv6 header starts at offset at.
func ipv6At(at uint32) []bpf.Instruction {
	firstFragment := slices.Concat(
		half(at+ipv6HeaderLength+2),
		[]bpf.Instruction{bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0xfff8}},
		when(pass(keepAll), 0),
		drop(),
	)
	fromDNS := half(at + ipv6HeaderLength)
	flags := octet(at+ipv6HeaderLength+13, FlagSYN|FlagACK|FlagRST|FlagFIN)
	return slices.Concat(
		octet(at+6, 0xff),
		when(pass(keepAll), extensionHopByHop, extensionRouting, extensionOptions),
		when(firstFragment, extensionFragment),
		transport(fromDNS, flags),
	)
}

// transport judges by the protocol number in register A; port and flags load the source port and the four TCP flags.
func transport(port, flags []bpf.Instruction) []bpf.Instruction {
	return slices.Concat(
		when(slices.Concat(port, when(pass(keepAll), portDNS), drop()), ProtocolUDP),
		when(slices.Concat(port, when(pass(keepAll), portDNS), flags, when(pass(keepHeaders), FlagSYN), drop()), ProtocolTCP),
		drop(),
	)
}

// when runs block, which must end with a verdict, if register A holds one of the values; else it goes on behind it.
func when(block []bpf.Instruction, values ...uint32) []bpf.Instruction {
	var out []bpf.Instruction
	last := len(values) - 1
	for i, v := range values[:last] {
		out = append(out, bpf.JumpIf{Cond: bpf.JumpEqual, Val: v, SkipTrue: uint8(last - i)})
	}
	out = append(out, bpf.JumpIf{Cond: bpf.JumpEqual, Val: values[last], SkipFalse: uint8(len(block))})
	return append(out, block...)
}

func extension(e bpf.Extension) []bpf.Instruction {
	return []bpf.Instruction{bpf.LoadExtension{Num: e}}
}

func half(at uint32) []bpf.Instruction {
	return []bpf.Instruction{bpf.LoadAbsolute{Off: at, Size: 2}}
}

func octet(at, mask uint32) []bpf.Instruction {
	return []bpf.Instruction{bpf.LoadAbsolute{Off: at, Size: 1}, bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: mask}}
}

func pass(octets uint32) []bpf.Instruction { return []bpf.Instruction{bpf.RetConstant{Val: octets}} }

func drop() []bpf.Instruction { return []bpf.Instruction{bpf.RetConstant{Val: 0}} }
