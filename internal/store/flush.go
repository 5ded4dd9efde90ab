package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/portolan-io/portolan/internal/graph"
)

// Run commits, reads and forgets until ctx ends; then it commits what is left, for at most ten seconds.
func (j *Journal) Run(ctx context.Context) {
	var commits <-chan time.Time // none for a map that is not stored
	if j.state.Kind != Memory {
		commit := time.NewTicker(j.options.Interval)
		defer commit.Stop()
		commits = commit.C
	}
	expire := time.NewTicker(expireEvery)
	defer expire.Stop()
	var rest time.Time // no attempt before that
	for {
		select {
		case <-ctx.Done():
			j.stop(ctx)
			return
		case now := <-commits:
			if now.Before(rest) {
				continue
			}
			if err := j.turn(ctx); err != nil {
				rest = now.Add(retryAfter)
			}
		case now := <-expire.C:
			j.forget(ctx, now)
		case c := <-j.clearings:
			j.clear(ctx, c)
		}
	}
}

// turn writes what waits and reads what others wrote.
func (j *Journal) turn(ctx context.Context) error {
	err := j.exchange(ctx)
	if err != nil && ctx.Err() == nil {
		j.failed(err)
		j.endure(err)
	}
	return err
}

func (j *Journal) exchange(ctx context.Context) error {
	if j.store == nil {
		if err := j.connect(ctx); err != nil {
			return err
		}
	}
	if j.rewrite {
		j.rewrite = false
		j.rebuild()
	}
	wrote, err := j.flush(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, commitLimit)
	defer cancel()
	if j.store.Shared() {
		if err := j.adopt(ctx, j.store); err != nil {
			return err
		}
	}
	if err := j.mend(ctx); err != nil {
		return err
	}
	if j.store.Shared() || wrote || j.State().Problem != "" {
		j.worked()
	}
	return nil
}

// mend reads all that the store has where a reset and a batch came at the same time.
func (j *Journal) mend(ctx context.Context) error {
	j.mu.Lock()
	torn := j.torn && len(j.waiting) == 0
	j.mu.Unlock()
	if !torn {
		return nil
	}
	j.seen = 0
	if err := j.adopt(ctx, j.store); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.torn = false
	return nil
}

// flush commits what waits, and reports whether there was anything. Another replica may have cleared the map: then this one
// hears of that first.
func (j *Journal) flush(ctx context.Context) (bool, error) {
	wrote, err := j.write(ctx)
	for tries := 1; tries < 3 && errors.Is(err, errCleared); tries++ {
		if err = j.adopt(ctx, j.store); err == nil {
			wrote, err = j.write(ctx)
		}
	}
	return wrote, err
}

func (j *Journal) write(ctx context.Context) (bool, error) {
	group := j.take()
	if !j.remember() && len(group) == 0 {
		return false, nil
	}
	batches, edges := make([]Batch, len(group)), 0
	for i, r := range group {
		batches[i] = Batch{Reports: r.batch.Reports, Edges: make([]graph.Edge, len(r.batch.Edges))}
		for k, e := range r.batch.Edges {
			batches[i].Edges[k] = j.options.Graph.Complete(e)
		}
		edges += len(r.batch.Edges)
	}
	rows := edges + j.pending.rows()
	ctx, cancel := context.WithTimeout(ctx, commitLimit+time.Duration(rows)*time.Millisecond)
	defer cancel()
	duplicate, change, err := j.store.Commit(ctx, Group{Batches: batches, Recollection: j.pending, Seen: j.seen})
	if err != nil {
		return true, err
	}
	j.known, j.pending = j.pending.Known, Recollection{}
	j.settle(group, duplicate, change, edges)
	return true, nil
}

// remember asks for what is to be stored, and reports whether there is anything.
func (j *Journal) remember() bool {
	if j.options.Beside == nil {
		return false
	}
	if j.pending.isEmpty() {
		j.pending = j.options.Beside.Remember(j.whole)
		j.pending.sort()
		j.whole = false
	}
	return !j.pending.isEmpty() || j.pending.Known.Sub(j.known) >= knownEvery
}

// take returns what waits, with what belongs to no batch as the last one. It stays waiting until it is settled.
func (j *Journal) take() []*Receipt {
	j.cut.Lock()
	loose := j.loose
	if loose.Len() > 0 {
		j.loose = newDelta()
	}
	j.cut.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	if loose.Len() > 0 {
		j.number++
		j.waiting = append(j.waiting, &Receipt{done: make(chan struct{}), batch: Batch{
			Reports: []Report{{Pod: "operator", Epoch: j.epoch, Seq: j.number, Seen: time.Now()}},
			Edges:   loose.History(graph.Filter{}),
		}})
	}
	return slices.Clip(j.waiting)
}

// settle tells the graph and those who wait that the group is stored.
func (j *Journal) settle(group []*Receipt, duplicate []bool, change uint64, edges int) {
	foreign := uint64(0)
	for i, r := range group {
		for _, e := range r.batch.Edges {
			j.options.Graph.Settle(e, !duplicate[i])
		}
		if duplicate[i] {
			foreign++
		}
	}
	if foreign == 0 {
		j.follow(change)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.waiting = j.waiting[len(group):]
	j.state.Edges += uint64(edges)
	j.state.Duplicates += foreign
	for i, r := range group {
		r.batch = Batch{} // who waits keeps the receipt for longer
		r.settle(duplicate[i])
	}
}

// follow notes a change of our own, unless somebody else wrote since we last read.
func (j *Journal) follow(change uint64) {
	if change == j.seen+1 || !j.store.Shared() {
		j.seen = change
	}
}

// endure makes the best of a store that fails. Nobody else has the SQLite file, so what is in memory is all there is: agents
// need not keep it too.
func (j *Journal) endure(err error) {
	if j.state.Kind != SQLite {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, r := range j.waiting {
		r.settle(false)
	}
	if len(j.waiting) > foldAbove {
		j.waiting = []*Receipt{fold(j.waiting)}
	}
	if j.store != nil && damaged(err) {
		err := j.store.Close()
		j.store, j.rewrite = nil, true
		j.options.Log.Error("the store is damaged and will be written anew from memory", "store", j.state.Target, "closing", err)
	}
}

// rebuild replaces what waits by all that the graph knows, for a store that lost what it had.
func (j *Journal) rebuild() {
	whole := j.options.Graph.History(graph.Filter{})
	j.mu.Lock()
	defer j.mu.Unlock()
	all := fold(j.waiting)
	all.batch.Edges = whole
	if len(all.batch.Reports) == 0 {
		j.number++
		all.batch.Reports = []Report{{Pod: "operator", Epoch: j.epoch, Seq: j.number, Seen: time.Now()}}
	}
	j.waiting = []*Receipt{all}
}

// fold makes one batch of many that nobody waits for any more.
func fold(group []*Receipt) *Receipt {
	batches := make([]Batch, len(group))
	newest := make(map[Report]Report, len(group))
	one := &Receipt{done: make(chan struct{})}
	for i, r := range group {
		batches[i] = r.batch
		for _, report := range r.batch.Reports {
			run := Report{Node: report.Node, Pod: report.Pod, Epoch: report.Epoch}
			if report.Seq >= newest[run].Seq {
				newest[run] = report
			}
		}
	}
	for _, report := range newest {
		one.batch.Reports = append(one.batch.Reports, report)
	}
	one.batch.Edges = together(batches, make([]bool, len(batches)))
	close(one.done)
	return one
}

// forget lets what is over go, from the graph and from the store.
func (j *Journal) forget(ctx context.Context, now time.Time) {
	j.options.Graph.Retire(now.Add(-j.options.Retention))
	before := now.Add(-j.options.History)
	j.options.Graph.Expire(before)
	if j.store == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, commitLimit)
	defer cancel()
	over := Expiry{History: before, Reports: now.Add(-quietAfter), Leases: now.Add(-j.options.Leases), Names: now}
	if err := j.store.Expire(ctx, over); err != nil && ctx.Err() == nil {
		j.failed(err)
	}
}

// stop commits what is left.
func (j *Journal) stop(ctx context.Context) {
	if j.store == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	if _, err := j.flush(ctx); err != nil {
		j.failed(err)
		j.options.Log.Error("what is not stored is lost with this process", "batches", j.State().Waiting, "error", errors.Unwrap(err))
	}
}
