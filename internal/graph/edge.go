// Package graph is the memory of who talks to whom: edges between workloads, with the evidence for each use.
//
// Merging observations is commutative, associative and idempotent in everything but counts. The room is pure: it must not
// read a clock, resolve an address, or know who exports or stores it.
package graph

import (
	"cmp"
	"net/netip"
	"time"

	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

// Peer is one end of an edge: a workload (of kind Service where a Service has no workload), or a DNS name outside the
// cluster, or an address outside it. Exactly one field is set. It is comparable.
type Peer struct {
	Workload identity.Workload
	Name     string
	Addr     netip.Addr
}

// Inside reports whether the peer is in the cluster.
func (p Peer) Inside() bool { return !p.Workload.IsZero() }

// String returns the workload, the name or the address.
func (p Peer) String() string {
	switch {
	case p.Inside():
		return p.Workload.String()
	case p.Name != "":
		return p.Name
	case p.Addr.IsValid():
		return p.Addr.String()
	default:
		return ""
	}
}

// ComparePeers orders workloads before names before addresses, and each by its own order.
func ComparePeers(a, b Peer) int {
	return cmp.Or(
		cmp.Compare(a.rank(), b.rank()),
		identity.Compare(a.Workload, b.Workload), cmp.Compare(a.Name, b.Name), a.Addr.Compare(b.Addr),
	)
}

func (p Peer) rank() int {
	switch {
	case p.Inside():
		return 0
	case p.Name != "":
		return 1
	default:
		return 2
	}
}

// Use is one way in which a client uses a server. It is comparable and the key of the evidence below an edge.
type Use struct {
	Act      traffic.Act
	Protocol traffic.Protocol // of a connect
	Port     uint16           // of a connect: the port as the client sees it
	Name     string           // of a lookup: the name that was asked for
}

// Observation is one resolved sighting: what Merge takes.
type Observation struct {
	Client, Server Peer
	Service        string // name of the Service that the client addressed, in the server's namespace; may be empty
	Use            Use
	TargetPort     uint16 // the pod's port behind Use.Port; 0 when unknown
	HostNetwork    bool   // the server is on the host network, where policies cannot select it
	Source         traffic.Source
	First, Last    time.Time
	Count          uint64
}

// Edge is what the graph knows about one pair. It is a deep copy: changing it changes nothing else.
type Edge struct {
	Client, Server Peer
	Services       []string // names of Services that the client addressed, sorted, at most 8
	HostNetwork    bool
	First, Last    time.Time
	Uses           []Seen // sorted by use
	Overflow       uint64 // uses that were not kept because the edge was full
}

// Seen is one use of an edge with its evidence, sorted by source.
type Seen struct {
	Use        Use
	TargetPort uint16
	Evidence   []Evidence
}

// Evidence is what one source saw of a use.
type Evidence struct {
	Source      traffic.Source
	First, Last time.Time
	Count       uint64
}

// CompareUses orders uses by act, port, protocol and name.
func CompareUses(a, b Use) int {
	return cmp.Or(
		cmp.Compare(a.Act, b.Act), cmp.Compare(a.Port, b.Port), cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Name, b.Name),
	)
}
