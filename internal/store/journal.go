package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/portolan-io/portolan/internal/graph"
)

// JournalOptions is everything a Journal needs. All but Beside, Leases and Log are required.
type JournalOptions struct {
	Target    Target
	Graph     *graph.Graph
	Interval  time.Duration // between two commits; how long a batch waits for its own at most, while all is well
	Retention time.Duration // how long what is not seen stays in the map
	History   time.Duration // how long it stays in the history
	Beside    Rememberer    // what the operator knows beside the map; nil is nothing
	Leases    time.Duration // how long an ended lease stays
	Log       *slog.Logger  // nil discards
}

// Journal stands between the graph and its store. It writes down what every batch changes, commits that in groups, and tells
// the batch when it is stored. It reads what other replicas store, and forgets what is over. With the target memory it only
// forgets. It is safe for concurrent use.
//
// When a SQLite file fails, the map works on from memory, batches count as stored, and everything is committed once the file
// works again. When PostgreSQL fails, batches are refused until it works again: the agents keep them, and another replica
// may reach it.
type Journal struct {
	options JournalOptions
	epoch   uint64 // of this process, for what belongs to no batch

	mu      sync.Mutex
	store   *Store // nil until it is open
	waiting []*Receipt
	state   State
	resets  uint64 // how often the graph was cleared
	torn    bool   // a batch came in while it was: the graph may lack a part of it

	cut   sync.RWMutex // held for reading while an observation goes into the graph and into loose
	loose *graph.Graph // what belongs to no batch and is not cut yet

	clearings chan *clearing

	// Of the goroutine of Run.
	number  uint64       // of the latest batch of what belongs to none
	seen    uint64       // change up to which the graph has what the store has
	rewrite bool         // the store was lost and gets all of the graph
	whole   bool         // the store has to get all that Beside knows
	pending Recollection // what Beside told, and is not stored yet
	known   time.Time    // that is stored
}

// The limits of a Journal.
const (
	waitLimit   = 5 * time.Second  // for the commit of one batch, before its agent is told to come again
	commitLimit = 10 * time.Second // for one attempt, and a second more for every thousand edges
	maxWaiting  = 1024             // batches that wait for PostgreSQL
	foldAbove   = 256              // batches that wait for SQLite, before they become one
	retryAfter  = time.Second      // between two attempts of a store that fails
	expireEvery = 10 * time.Minute
	knownEvery  = 5 * time.Second // between two commits that say only until when the cluster is known
	quietAfter  = 24 * time.Hour  // the reports of a run that is silent for so long are forgotten
	stopLimit   = 10 * time.Second
)

// ErrUnavailable refuses batches that could not be stored now. Nothing of them is in the map.
var ErrUnavailable = errors.New("the store is out of reach or behind")

// NewJournal returns a journal for that graph. It is used after Open.
func NewJournal(o JournalOptions) *Journal {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Journal{
		options: o, epoch: rand.Uint64(), loose: newDelta(), clearings: make(chan *clearing), //nolint:gosec // a name, no secret
		state: State{Target: o.Target.String(), Kind: o.Target.Kind(), Began: time.Now(), Contact: time.Now()},
	}
}

func newDelta() *graph.Graph { return graph.New(graph.Boundless()) }

// Open opens the store and loads the map from it. It returns the batches that are in it already. An error means that trying
// again is of no use; a store that is out of reach is none, Run goes on trying.
func (j *Journal) Open(ctx context.Context) ([]Report, error) {
	now := time.Now()
	j.options.Graph.Retire(now.Add(-j.options.Retention))
	if j.state.Kind == Memory {
		return nil, nil
	}
	err := j.connect(ctx)
	if final(err) {
		return nil, err
	}
	if err != nil {
		j.failed(err)
		return nil, nil
	}
	j.forget(ctx, now)
	return j.store.Reports(ctx, now.Add(-quietAfter))
}

// final reports whether only a person can help.
func final(err error) bool { return errors.Is(err, ErrInUse) || errors.Is(err, ErrNewer) }

// connect opens the store, and merges what it has into the graph.
func (j *Journal) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	s, err := Open(ctx, j.options.Target)
	if err != nil {
		return err
	}
	j.seen, j.whole, j.pending = 0, true, Recollection{}
	if err := errors.Join(j.adopt(ctx, s), j.recall(ctx, s)); err != nil {
		return errors.Join(err, s.Close())
	}
	for _, note := range s.Notes() {
		j.options.Log.Error("the store is not as it was left", "found", note)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.store = s
	j.state.Began = earlier(j.state.Began, s.Began())
	j.state.Notes = append(j.state.Notes, s.Notes()...)
	return nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// adopt takes over what changed in the store.
func (j *Journal) adopt(ctx context.Context, s *Store) error {
	news, err := s.Changes(ctx, j.seen)
	if err != nil {
		return err
	}
	for _, reset := range news.Resets {
		var namespaces []string
		if reset.Namespace != "" {
			namespaces = []string{reset.Namespace}
		}
		j.drop(namespaces, reset.At)
	}
	for _, e := range news.Edges {
		j.options.Graph.Adopt(*e)
	}
	if r := (Recollection{Names: news.Names, Agents: news.Agents}); !r.isEmpty() && j.options.Beside != nil {
		j.options.Beside.Recall(r)
	}
	j.seen = news.Newest
	return nil
}

// recall gives back the leases that the store has.
func (j *Journal) recall(ctx context.Context, s *Store) error {
	if j.options.Beside == nil {
		return nil
	}
	leases, known, err := s.Leases(ctx)
	if err == nil {
		j.options.Beside.Recall(Recollection{Leases: leases, Known: known})
	}
	return err
}

// Close ends the use of the store. Run has ended before.
func (j *Journal) Close() error {
	if j.store == nil {
		return nil
	}
	return j.store.Close()
}

// Draft is a batch in the making: what it puts into the graph it writes down. It belongs to one goroutine.
type Draft struct {
	graph  *graph.Graph
	delta  *graph.Graph // nil where nothing is stored
	resets uint64       // of the journal when it began
}

// Begin returns a draft, or ErrUnavailable when a batch could not be stored anyway.
func (j *Journal) Begin() (*Draft, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.state.Kind == Memory:
		return &Draft{graph: j.options.Graph}, nil
	case j.state.Kind == SQLite:
	case j.state.Problem != "":
		return nil, fmt.Errorf("%w: %s", ErrUnavailable, j.state.Problem)
	case len(j.waiting) >= maxWaiting:
		return nil, fmt.Errorf("%w: %d batches wait for it", ErrUnavailable, len(j.waiting))
	}
	return &Draft{graph: j.options.Graph, delta: newDelta(), resets: j.resets}, nil
}

// Merge puts an observation into the graph, as graph.Merge does.
func (d *Draft) Merge(o graph.Observation) graph.Bound {
	bound := d.graph.Merge(o)
	if bound == graph.Kept && d.delta != nil {
		d.delta.Merge(o)
	}
	return bound
}

// Merge puts an observation into the graph that belongs to no batch, such as one that waited for the cluster to know it.
func (j *Journal) Merge(o graph.Observation) graph.Bound {
	if j.state.Kind == Memory {
		return j.options.Graph.Merge(o)
	}
	j.cut.RLock()
	defer j.cut.RUnlock()
	return (&Draft{graph: j.options.Graph, delta: j.loose}).Merge(o)
}

// Seal ends a draft: it is what that report changed. The receipt tells when it is stored.
func (j *Journal) Seal(d *Draft, report Report) *Receipt {
	r := &Receipt{done: make(chan struct{})}
	if d.delta == nil {
		close(r.done)
		return r
	}
	r.batch = Batch{Reports: []Report{report}, Edges: d.delta.History(graph.Filter{})}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.waiting = append(j.waiting, r)
	j.torn = j.torn || d.resets != j.resets
	return r
}

// Receipt stands for a batch that is in the map and will be in the store.
type Receipt struct {
	batch     Batch
	done      chan struct{} // closed when the batch needs no repetition
	duplicate bool          // it was in the store before; written before done is closed
}

// Wait returns when the batch is stored, and whether it had been before. An error means that it is not stored yet: it may be
// asked for again.
func (r *Receipt) Wait(ctx context.Context) (duplicate bool, err error) {
	timer := time.NewTimer(waitLimit)
	defer timer.Stop()
	select {
	case <-r.done:
		return r.duplicate, nil
	case <-timer.C:
		return false, fmt.Errorf("%w: no commit within %s", ErrUnavailable, waitLimit)
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}

// settle lets those go who wait for the batch.
func (r *Receipt) settle(duplicate bool) {
	select {
	case <-r.done:
	default:
		r.duplicate = duplicate
		close(r.done)
	}
}
