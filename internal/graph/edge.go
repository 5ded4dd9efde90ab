// Package graph is the memory of who talks to whom: edges between workloads, with the evidence for each use.
//
// Merging observations is commutative, associative and idempotent in everything but counts. The room is pure: it must not
// read a clock, resolve an address, or know who exports or stores it.
package graph

import (
	"cmp"
	"encoding/json"
	"fmt"
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

// peerJSON is the form of a Peer for people and programs outside: who is inside has a namespace.
type peerJSON struct {
	Namespace string     `json:"namespace,omitempty"`
	Kind      string     `json:"kind,omitempty"`
	Name      string     `json:"name,omitempty"`
	Addr      netip.Addr `json:"address,omitzero"`
}

// MarshalJSON writes {"namespace", "kind", "name"} for a workload, {"name"} for a name and {"address"} for an address.
func (p Peer) MarshalJSON() ([]byte, error) {
	if p.Inside() {
		return json.Marshal(peerJSON{Namespace: p.Workload.Namespace, Kind: p.Workload.Kind, Name: p.Workload.Name})
	}
	return json.Marshal(peerJSON{Name: p.Name, Addr: p.Addr})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (p *Peer) UnmarshalJSON(text []byte) error {
	var read peerJSON
	if err := json.Unmarshal(text, &read); err != nil {
		return fmt.Errorf("reading a peer: %w", err)
	}
	if read.Namespace != "" {
		*p = Peer{Workload: identity.Workload{Namespace: read.Namespace, Kind: read.Kind, Name: read.Name}}
		return nil
	}
	*p = Peer{Name: read.Name, Addr: read.Addr}
	return nil
}

// ComparePeers orders workloads before names before addresses, and each by its own order.
func ComparePeers(a, b Peer) int { return comparePeers(&a, &b) }

func comparePeers(a, b *Peer) int {
	switch x, y := a.rank(), b.rank(); {
	case x != y:
		return cmp.Compare(x, y)
	case x == 0:
		return identity.Compare(a.Workload, b.Workload)
	case x == 1:
		return cmp.Compare(a.Name, b.Name)
	default:
		return a.Addr.Compare(b.Addr)
	}
}

func (p *Peer) rank() int {
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
	Act      traffic.Act      `json:"act"`
	Protocol traffic.Protocol `json:"protocol,omitempty"` // of a connect
	Port     uint16           `json:"port,omitempty"`     // of a connect: the port as the client sees it
	Name     string           `json:"name,omitempty"`     // of a lookup: the name that was asked for
}

// Observation is one resolved sighting: what Merge takes.
type Observation struct {
	Client, Server Peer
	Service        string // name of the Service that the client addressed, in the server's namespace; may be empty
	Use            Use
	TargetPort     uint16 // the pod's port behind Use.Port; 0 when unknown
	HostNetwork    bool   // the server is on the host network, where policies cannot select it
	Private        bool   // the peer outside the cluster is in a private network, not on the internet
	Source         traffic.Source
	First, Last    time.Time
	Count          uint64

	Caller netip.Addr // address of the client that connected, where Ports are known
	Ports  []uint16   // ports of the client, each once
}

// Edge is what the graph knows about one pair. It is a deep copy: changing it changes nothing else. First is the
// earliest and Last the latest moment of its uses, in UTC.
type Edge struct {
	Client      Peer      `json:"client"`
	Server      Peer      `json:"server"`
	Services    []string  `json:"services,omitempty"` // names of Services that the client addressed, sorted, at most 8
	HostNetwork bool      `json:"hostNetwork,omitempty"`
	Private     bool      `json:"private,omitempty"` // the peer outside is in a private network
	First       time.Time `json:"first"`
	Last        time.Time `json:"last"`
	Uses        []Seen    `json:"uses"`               // sorted by use, at least one
	Overflow    uint64    `json:"overflow,omitempty"` // uses that were not kept because the edge was full
	Spells      []Spell   `json:"spells,omitempty"`   // when it was seen, sorted; only where the history was asked for
	Activity    Activity  `json:"activity,omitzero"`  // of the latest window; not where the history was asked for
}

// Home returns the workload that the edge belongs to: the client, or the server when the client is outside. Its namespace is
// the one that filters and resets ask for.
func (e *Edge) Home() identity.Workload {
	return (&pair{client: e.Client, server: e.Server}).home()
}

// Seen is one use of an edge with its evidence, sorted by source.
type Seen struct {
	Use        Use        `json:"use"`
	TargetPort uint16     `json:"targetPort,omitempty"` // the smallest where several are known; 0 when none is
	Evidence   []Evidence `json:"evidence"`
}

// Whole returns what all sources together say of a use, without a source. They see the same: its count is that of the source
// that saw the most, not the sum.
func (s *Seen) Whole() Evidence {
	var whole Evidence
	for i, e := range s.Evidence {
		if i == 0 || e.First.Before(whole.First) {
			whole.First = e.First
		}
		if e.Last.After(whole.Last) {
			whole.Last = e.Last
		}
		whole.Count = max(whole.Count, e.Count)
	}
	return whole
}

// Evidence is what one source saw of a use, in UTC.
type Evidence struct {
	Source traffic.Source `json:"source"`
	First  time.Time      `json:"first"`
	Last   time.Time      `json:"last"`
	Count  uint64         `json:"count"`
}

// CompareUses orders uses by act, port, protocol and name.
func CompareUses(a, b Use) int { return compareUses(&a, &b) }

func compareUses(a, b *Use) int {
	switch {
	case a.Act != b.Act:
		return cmp.Compare(a.Act, b.Act)
	case a.Port != b.Port:
		return cmp.Compare(a.Port, b.Port)
	case a.Protocol != b.Protocol:
		return cmp.Compare(a.Protocol, b.Protocol)
	default:
		return cmp.Compare(a.Name, b.Name)
	}
}
