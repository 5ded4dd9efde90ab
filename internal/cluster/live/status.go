package live

import (
	"sync/atomic"
	"time"
)

// Status is how a World is doing.
type Status struct {
	Synced    bool
	Snapshots uint64        // published so far
	Spaces    uint64        // namespaces indexed for them
	Took      time.Duration // for the last one
	Kinds     []KindStatus  // in a fixed order
	Owners    OwnerStatus
}

// KindStatus is how the watching of one kind is doing.
type KindStatus struct {
	Kind    string
	Synced  bool   // what there was at the start has been read, in every namespace that is watched
	Absent  bool   // the API server does not serve the kind; it is asked again from time to time
	Error   string // of the last request; empty when it was answered
	Objects int    // held now
	Events  uint64 // objects that the API server sent
	Changes uint64 // of these, those that changed a fact
	Refused uint64 // of these, those that could not be read in whole
}

// figures counts what was published.
type figures struct {
	snapshots, spaces atomic.Uint64
	took              atomic.Int64 // nanoseconds
}

func (f *figures) published(spaces int, took time.Duration) {
	f.snapshots.Add(1)
	f.spaces.Add(uint64(spaces))
	f.took.Store(int64(took))
}

// Status returns how the World is doing now.
func (w *World) Status() Status {
	status := Status{
		Synced: w.Synced(), Snapshots: w.figures.snapshots.Load(), Spaces: w.figures.spaces.Load(),
		Took: time.Duration(w.figures.took.Load()), Kinds: w.ledger.status(), Owners: w.ledger.ownerStatus(),
	}
	for i := range status.Kinds {
		status.Kinds[i].Synced = true
	}
	for _, s := range w.streams {
		s.report(&status.Kinds[s.index])
	}
	return status
}

func (l *ledger) status() []KindStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	kinds := make([]KindStatus, 0, len(l.kinds))
	for i, k := range l.kinds {
		c := l.counts[i]
		kinds = append(kinds, KindStatus{
			Kind: k.name, Objects: c.objects, Events: c.events, Changes: c.changes, Refused: c.refused,
		})
	}
	return kinds
}

// report adds what the stream knows about its kind.
func (s *stream) report(k *KindStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k.Synced = k.Synced && (s.ready || s.absent)
	k.Absent = k.Absent || s.absent
	dispensable := s.absent && s.kind.wide // ranges and nodes that cannot be had are no trouble
	if s.err != nil && !dispensable {
		k.Error = s.err.Error()
	}
}
