// Package resolve turns what a source saw into who it was: a sighting and a snapshot of the cluster give edges, or the
// one reason why they do not.
//
// Resolving is pure. The room must not call the API server, read a clock, or look a name up; what it has to remember
// between sightings (names, what waits, what was refused) is bounded and counted.
package resolve

import "slices"

// Reason says why a sighting made no edge. The texts are stable: they are values of a metric label.
type Reason string

// The reasons. Every refused sighting has exactly one.
const (
	Resolved          Reason = ""                  // it made an edge
	NoHolder          Reason = "NoHolder"          // inside address that nobody held at that time
	Ambiguous         Reason = "Ambiguous"         // several holders, Services or workloads fit
	HostNetwork       Reason = "HostNetwork"       // node or host-network address, no finer claim
	ClaimMismatch     Reason = "ClaimMismatch"     // address and claimed pod contradict each other
	SamePod           Reason = "SamePod"           // a pod talking to itself
	LocalAddress      Reason = "LocalAddress"      // loopback, link-local, multicast, broadcast
	UnknownService    Reason = "UnknownService"    // cluster name of a Service that does not exist
	BadClusterName    Reason = "BadClusterName"    // cluster name of no known form
	NoBackend         Reason = "NoBackend"         // Service without backing pods
	NoTarget          Reason = "NoTarget"          // border traffic to a port nobody owns
	UnknownWorkload   Reason = "UnknownWorkload"   // claimed workload that does not exist
	UnknownBroker     Reason = "UnknownBroker"     // Kafka log of a pod that is not known
	UnknownOperation  Reason = "UnknownOperation"  // Kafka operation that is not known
	OwnerUnresolved   Reason = "OwnerUnresolved"   // an owner of the pod cannot be read
	DNSRelay          Reason = "DNSRelay"          // answer to a DNS server asking for others
	SearchNoise       Reason = "SearchNoise"       // search suffix behind a cluster name
	ExcludedNamespace Reason = "ExcludedNamespace" // by configuration
	ExternalDisabled  Reason = "ExternalDisabled"  // border traffic switched off
	ForeignNode       Reason = "ForeignNode"       // the nodes of both parties are known, and another one reports
	TooOld            Reason = "TooOld"            // before the retained leases
	WaitFull          Reason = "WaitFull"          // waiting room full
	Shutdown          Reason = "Shutdown"          // operator stopped while it waited
	GraphFull         Reason = "GraphFull"         // a bound of the graph is reached

	// Awaiting is no refusal: there are edges, and they may still become more exact. An address outside may get its name, or
	// be that of a new pod; a Service may have a pod behind it that is not known yet, as may a translated address.
	Awaiting Reason = "Awaiting"
)

// Reasons returns every reason for which a sighting is refused, sorted.
func Reasons() []Reason {
	all := []Reason{
		NoHolder, Ambiguous, HostNetwork, ClaimMismatch, SamePod, LocalAddress, UnknownService, BadClusterName, NoBackend,
		NoTarget, UnknownWorkload, UnknownBroker, UnknownOperation, OwnerUnresolved, DNSRelay, SearchNoise, ExcludedNamespace,
		ExternalDisabled, ForeignNode, TooOld, WaitFull, Shutdown, GraphFull,
	}
	slices.Sort(all)
	return all
}

// Waits reports whether a sighting with that reason may resolve later, when more of the cluster is known.
func (r Reason) Waits() bool {
	switch r {
	case NoHolder, Ambiguous, UnknownService, NoBackend, UnknownWorkload, OwnerUnresolved, Awaiting:
		return true
	default:
		return false
	}
}
