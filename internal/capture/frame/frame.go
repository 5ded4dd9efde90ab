// Package frame takes packets from the node's network interfaces, or from a capture file, and hands them to decoders.
//
// It is the only place that opens a raw socket. It must not know what DNS or a connection is beyond the fields that the
// kernel filter and the packet headers need, and it must not make sightings.
package frame

import "time"

// Ethertypes that Parse understands.
const (
	EtherTypeIPv4 = 0x0800
	EtherTypeIPv6 = 0x86dd
	EtherTypeVLAN = 0x8100 // one 802.1Q tag follows
	EtherTypeQinQ = 0x88a8 // one 802.1ad service tag follows
)

// Frame is one packet as the kernel or a file hands it over, without its link-layer header.
type Frame struct {
	Payload   []byte    // from the network header, or from a VLAN tag that was not stripped; valid during one call only
	EtherType uint16    // what Payload starts with, in host byte order; 0 when the link type does not say
	Time      time.Time // when the kernel took it, UTC
	Interface int       // index of the interface; 0 when unknown
	Outgoing  bool      // the host sends it on this interface; false for received and for unknown
	Cut       bool      // the capture kept less than the wire carried
}

// Decoder makes sightings of packets. All its methods are called from one goroutine, the one that runs the capture, and
// must return in microseconds: the ring fills meanwhile.
type Decoder interface {
	// Handle takes one packet. Neither p nor what it refers to may be kept after the call.
	Handle(p *Packet)
	// Tick says that all packets taken before now have been handled. It comes several times a second.
	Tick(now time.Time)
	// Flush says that no packet will follow. What waits for a later packet is given out.
	Flush()
}

// Count says how often there was one reason to make no sighting, or less than a packet promised. Counts only grow.
type Count struct {
	Reason string // the name in metrics and in reports, such as "duplicate"
	Lost   bool   // information is gone or was refused; false: there was none, by design
	N      uint64
}

// State says whether a source works.
type State string

// The states of a source.
const (
	On       State = "on"
	Degraded State = "degraded" // it works, with a loss that the sentence names
	Off      State = "off"
)

// Status is what a person is told about a source.
type Status struct {
	State    State
	Sentence string // what, why, and what to do about it, without a final dot; empty when On
}
