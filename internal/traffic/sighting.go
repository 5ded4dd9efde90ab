// Package traffic holds what a source saw before anybody knows who it was: sightings, and the window that folds repeats.
//
// It must not resolve an address, decode a packet or talk to anyone; it depends on the standard library and identity.
package traffic

import (
	"net/netip"
	"time"

	"github.com/portolan-io/portolan/internal/identity"
)

// Source names where a sighting comes from. The text is what users see in the evidence of an edge.
type Source string

// The sources. A sighting from any other source is refused by the operator.
const (
	DNS     Source = "dns"
	SYN     Source = "syn"
	Socket  Source = "socket"
	Flow    Source = "flow"
	Kafka   Source = "kafka"
	Envoy   Source = "envoy"
	Spans   Source = "spans"
	Offline Source = "file"
)

// Protocol is a transport protocol as the Kubernetes API spells it.
type Protocol string

// The transport protocols of the Kubernetes API.
const (
	TCP  Protocol = "TCP"
	UDP  Protocol = "UDP"
	SCTP Protocol = "SCTP"
)

// Act says what one party did with the other.
type Act string

// The acts that sources report.
const (
	Connect Act = "connect" // opened, or tried to open, a transport connection
	Lookup  Act = "lookup"  // asked for the address of a name and got one
)

// Party is whatever a source knew of one side. Every field may be empty, not all of them. It is comparable.
type Party struct {
	Addr     netip.Addr        // unmapped: an IPv4 address is never in IPv6 form
	Port     uint16            // 0 when unknown or without meaning
	Name     string            // DNS name in lower case without the final dot
	PodUID   string            // claim: the pod's UID
	Pod      string            // claim: the pod's name or host name
	Workload identity.Workload // claim: the workload itself
}

// What is the thing that happened between two parties. It is comparable, so that repeats can be folded.
type What struct {
	Act        Act
	Protocol   Protocol       // of a Connect
	Translated netip.AddrPort // of a Connect: the server's address after DNAT, when the source knows it
	Aliases    string         // of a Lookup: further names on the CNAME chain, in order, at most 8, joined by a blank
	Responder  netip.Addr     // of a Lookup: the DNS server that answered
}

// Sighting is what one source saw: From did What with To, Count times between First and Last. A decoder sets First and
// Last to the same instant and Count to 1; the window folds repeats.
//
// In a Lookup, From asked, To.Name is the name of the question and To.Addr an address of the answer.
type Sighting struct {
	Source      Source
	From, To    Party
	What        What
	First, Last time.Time
	TTL         time.Duration // of a Lookup: whole seconds, the largest of the folded answers
	Count       uint64        // at least 1
	Ports       []uint16      // of a Connect that was folded: the ports of the client, sorted, each once, at most MaxPorts
}
