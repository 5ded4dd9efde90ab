package graph

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/portolan-io/portolan/internal/traffic"
)

// Limits bounds what the graph keeps. A value below 1 means the default. Uses and edges that left the map (see Retire) do
// not count, but for Past.
type Limits struct {
	Edges              int // in the map; default 200,000
	Past               int // that left the map and are history; default 100,000
	PortsPerEdge       int // different ports and protocols; default 64
	LookupsPerEdge     int // different names asked for; default 256
	NamesPerClient     int // names outside the cluster; default 1,000
	AddressesPerClient int // addresses outside without a name; default 256
	SourcesPerServer   int // addresses outside that call in; default 1,000

	SpellGap time.Duration // silence that ends a spell; default 7 days
}

// DefaultLimits returns the bounds that hold where nobody sets others.
func DefaultLimits() Limits {
	return Limits{
		Edges: 200_000, Past: 100_000, PortsPerEdge: 64, LookupsPerEdge: 256,
		NamesPerClient: 1_000, AddressesPerClient: 256, SourcesPerServer: 1_000,
		SpellGap: 7 * 24 * time.Hour,
	}
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	for value, standard := range map[*int]int{
		&l.Edges: d.Edges, &l.Past: d.Past, &l.PortsPerEdge: d.PortsPerEdge, &l.LookupsPerEdge: d.LookupsPerEdge,
		&l.NamesPerClient: d.NamesPerClient, &l.AddressesPerClient: d.AddressesPerClient, &l.SourcesPerServer: d.SourcesPerServer,
	} {
		if *value < 1 {
			*value = standard
		}
	}
	if l.SpellGap < 1 {
		l.SpellGap = d.SpellGap
	}
	return l
}

// Bound says why the graph did not keep an observation.
type Bound uint8

// The bounds. Kept is none of them: the observation is in the graph.
const (
	Kept         Bound = iota
	FullEdges          // there are as many edges as allowed
	FullPorts          // the edge has as many ports as allowed
	FullLookups        // the edge has as many looked-up names as allowed
	FullEvidence       // the use has evidence of more sources than there are
	FullNames          // the client has as many names outside as allowed
	FullAddrs          // the client has as many addresses outside as allowed
	FullSources        // the server has as many callers outside as allowed
	TooLong            // a name has more than 253 bytes
	Shapeless          // no peer is inside the cluster, or one is empty
	bounds
)

// String returns the word for the bound in metrics and messages.
func (b Bound) String() string {
	switch b {
	case Kept:
		return "kept"
	case FullEdges:
		return "edges"
	case FullPorts:
		return "ports"
	case FullLookups:
		return "lookups"
	case FullEvidence:
		return "evidence"
	case FullNames:
		return "names"
	case FullAddrs:
		return "addresses"
	case FullSources:
		return "sources"
	case TooLong:
		return "length"
	case Shapeless:
		return "shape"
	default:
		return "unknown"
	}
}

// Bounds returns every bound that Refused counts, in the order of their declaration.
func Bounds() []Bound {
	all := make([]Bound, 0, bounds-1)
	for b := FullEdges; b < bounds; b++ {
		all = append(all, b)
	}
	return all
}

// refusals counts observations that were not kept, by bound.
type refusals [bounds]atomic.Uint64

const (
	maxName     = 253 // bytes of a DNS name, of a Service and of a workload
	maxServices = 8   // Service names per edge
	maxSources  = 16  // sources per use; more than there are, so that only nonsense meets it
)

// fits reports whether no text of the observation is longer than it may be.
func (o *Observation) fits() bool {
	return max(
		len(o.Client.Name), len(o.Client.Workload.Name), len(o.Server.Name), len(o.Server.Workload.Name),
		len(o.Service), len(o.Use.Name),
	) <= maxName
}

// most returns how many different uses of that act an edge may have, and the bound that says so.
func (l *Limits) most(act traffic.Act) (int, Bound) {
	if act == traffic.Lookup {
		return l.LookupsPerEdge, FullLookups
	}
	return l.PortsPerEdge, FullPorts
}

// Boundless returns bounds that nothing meets, and a gap that joins only spells that overlap: for a graph that brings together
// what others have bounded.
func Boundless() Limits {
	const most = math.MaxInt
	return Limits{
		Edges: most, Past: most, PortsPerEdge: most, LookupsPerEdge: most,
		NamesPerClient: most, AddressesPerClient: most, SourcesPerServer: most,
		SpellGap: 1,
	}
}
