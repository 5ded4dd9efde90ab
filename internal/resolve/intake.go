package resolve

import (
	"time"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/traffic"
)

// Map takes what was resolved. A graph is one.
type Map interface {
	Merge(graph.Observation) graph.Bound
}

// Intake is the last stretch of the line: sightings come in, and each one ends as edges in the graph, in the waiting room,
// or in the ledger with its reason. It is safe for concurrent use.
type Intake struct {
	Resolver *Resolver
	Names    *Memory
	Room     *Room
	Ledger   *Ledger
	Graph    *graph.Graph

	into Map // the graph, unless Into said otherwise
}

// NewIntake returns an intake for that graph with default bounds.
func NewIntake(o Options, g *graph.Graph) *Intake {
	return &Intake{Resolver: New(o), Names: NewMemory(0), Room: NewRoom(0, 0), Ledger: NewLedger(), Graph: g, into: g}
}

// Into returns the same intake, with the same memory, that puts what it resolves into m: something that passes it on to the
// graph.
func (i *Intake) Into(m Map) *Intake {
	other := *i
	other.into = m
	return &other
}

// Take handles one sighting that arrived at now, from nobody knows where.
func (i *Intake) Take(snapshot *cluster.Snapshot, s traffic.Sighting, now time.Time) {
	i.TakeFrom(snapshot, Delivery{Sighting: s}, now)
}

// TakeFrom handles one sighting that arrived at now from the agent of a node.
func (i *Intake) TakeFrom(snapshot *cluster.Snapshot, s Delivery, now time.Time) {
	if now.Sub(s.Last) > cluster.LeaseRetention {
		i.Ledger.Refuse(Refusal{Sighting: s.Sighting, Reason: TooOld})
		return
	}
	s.First, s.Last = earlier(s.First, now), earlier(s.Last, now)
	observed, reason := i.Resolver.Resolve(snapshot, i.Names, s)
	switch {
	case reason == Resolved:
		i.merge(s.Sighting, observed)
	case reason.Waits():
		if left, why := i.Room.Put(s, now); why != Resolved {
			i.leave(snapshot, left, why)
		}
	default:
		i.Ledger.Refuse(Refusal{Sighting: s.Sighting, Reason: reason})
	}
}

// Retry tries again what waits. It is to be called when the snapshot changed, and every few seconds, since time runs out.
func (i *Intake) Retry(snapshot *cluster.Snapshot, now time.Time) {
	for _, done := range i.Room.Retry(now, func(s Delivery) ([]graph.Observation, Reason) {
		return i.Resolver.Resolve(snapshot, i.Names, s)
	}) {
		switch done.Reason {
		case Resolved:
			i.merge(done.Sighting, done.Observed)
		case WaitFull, Shutdown:
			i.leave(snapshot, done.Delivery, done.Reason)
		default:
			i.Ledger.Refuse(Refusal{Sighting: done.Sighting, Reason: done.Reason})
		}
	}
}

// Close settles what still waits: the operator stops. What is taken in later and would have to wait is settled at once.
func (i *Intake) Close(snapshot *cluster.Snapshot) {
	for _, s := range i.Room.Close() {
		i.leave(snapshot, s, Shutdown)
	}
}

// leave settles a sighting that cannot wait any longer. A connection across the border is known by address.
func (i *Intake) leave(snapshot *cluster.Snapshot, s Delivery, reason Reason) {
	observed, now := i.Resolver.Resolve(snapshot, i.Names, s)
	if now == Resolved || now == Awaiting {
		i.merge(s.Sighting, observed)
		return
	}
	i.Ledger.Refuse(Refusal{Sighting: s.Sighting, Reason: reason})
}

// merge puts the observations of one sighting into the graph. However many of them the graph refuses, that is one refusal.
func (i *Intake) merge(s traffic.Sighting, observed []graph.Observation) {
	full := false
	for _, o := range observed {
		full = i.into.Merge(o) != graph.Kept || full
	}
	if full {
		i.Ledger.Refuse(Refusal{Sighting: s, Reason: GraphFull})
	}
}
