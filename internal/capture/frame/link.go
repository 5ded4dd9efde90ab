package frame

import (
	"encoding/binary"
	"fmt"
)

// Link types of capture files. Source: the list of link-layer header types of the Tcpdump group.
const (
	linkNull     = 0
	linkEthernet = 1
	linkRawBSD   = 12
	linkRawOpen  = 14
	linkRaw      = 101
	linkLoop     = 108
	linkLinux    = 113 // LINUX_SLL
	linkIPv4     = 228
	linkIPv6     = 229
	linkLinuxTwo = 276 // LINUX_SLL2
)

// header says where a link-layer header has its fields; -1 is nowhere.
type header struct {
	length    int
	etherType int // 16 bits
	device    int // 16 bits, the kind of the interface
	kind      int // the octet that says whether the packet was sent
	index     int // 32 bits, the index of the interface
}

// headerOf returns the layout of the link type, and whether there is one. Null and loop begin with an address family
// whose numbers differ between systems; the IP version says the same.
func headerOf(link uint32) (_ header, known bool) {
	switch link {
	case linkRaw, linkRawBSD, linkRawOpen, linkIPv4, linkIPv6:
		return header{length: 0, etherType: -1, device: -1, kind: -1, index: -1}, true
	case linkNull, linkLoop:
		return header{length: 4, etherType: -1, device: -1, kind: -1, index: -1}, true
	case linkEthernet:
		return header{length: 14, etherType: 12, device: -1, kind: -1, index: -1}, true
	case linkLinux:
		return header{length: 16, etherType: 14, device: 2, kind: 1, index: -1}, true
	case linkLinuxTwo:
		return header{length: 20, etherType: 0, device: 8, kind: 10, index: 4}, true
	}
	return header{}, false
}

const (
	kindOutgoing = 4 // of both Linux link types
	noEtherType  = 1 // below all ethertypes: Parse refuses it as another protocol
)

// knownLink returns an error for a link type that strip does not know.
func knownLink(link uint32) error {
	if _, known := headerOf(link); !known {
		return fmt.Errorf("packets of link type %d, which cannot be read; capture Ethernet, raw IP or \"any\"", link)
	}
	return nil
}

// strip sets the fields of f that the link-layer header of b tells. What is too short for its header, and what went over
// a loopback device, becomes a frame of another protocol.
func strip(f *Frame, link uint32, b []byte) {
	h, known := headerOf(link)
	if !known || len(b) < h.length || h.device >= 0 && binary.BigEndian.Uint16(b[h.device:]) == hardwareLoopback {
		f.EtherType = noEtherType
		return
	}
	f.Payload = b[h.length:]
	if h.etherType >= 0 {
		f.EtherType = binary.BigEndian.Uint16(b[h.etherType:])
	}
	if h.kind >= 0 {
		f.Outgoing = b[h.kind] == kindOutgoing
	}
	if h.index >= 0 {
		f.Interface = int(int32(binary.BigEndian.Uint32(b[h.index:])))
	}
}
