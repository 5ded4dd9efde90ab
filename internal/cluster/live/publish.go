package live

import (
	"context"
	"time"

	"github.com/portolan-io/portolan/internal/cluster"
)

const (
	// restFactor bounds the share of a core that snapshots of a cluster in constant change may take: each is followed by a
	// rest of at least this many times the time that it took.
	restFactor = 4
	// expireInterval is how often leases are looked through for those that are too old.
	expireInterval = 10 * time.Minute
)

// publish makes snapshots until ctx ends: at once after a rest, and together for what changes during one.
func (w *World) publish(ctx context.Context) {
	expire := time.NewTicker(expireInterval)
	defer expire.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-expire.C:
			w.expire(now)
		case <-w.ledger.wake:
			if w.waiting.Load() > 0 {
				continue
			}
			if !w.Synced() {
				w.readFirstOwners(ctx)
			}
			took := w.step(time.Now())
			sleep(ctx, max(w.options.Pause, restFactor*took))
		}
	}
}

// expire publishes a Snapshot without what is too old. Nobody has to hear of that.
func (w *World) expire(now time.Time) {
	w.changing.Lock()
	defer w.changing.Unlock()
	w.current.Store(w.Current().Expired(now.UTC()))
}

// step publishes the Snapshot of now and then announces it. It returns how long it took to make.
func (w *World) step(now time.Time) time.Duration {
	news := w.ledger.take(now)
	first := !w.Synced()
	if news.isEmpty() && !first {
		return 0
	}
	w.changing.Lock()
	before := w.Current()
	change := Change{Before: before, After: before, Nodes: news.nodesChanged}
	if news.nodesChanged {
		change.After = change.After.WithNodes(news.nodes, now.UTC()).WithServiceRanges(news.ranges)
	}
	var changed []*cluster.Space
	var gone []string
	for _, p := range news.spaces {
		name := p.facts.Namespace
		change.Namespaces = append(change.Namespaces, name)
		if p.gone {
			gone = append(gone, name)
			continue
		}
		space, _ := before.Space(name)
		changed = append(changed, space.With(p.facts, p.parts))
	}
	change.After = change.After.WithSpaces(changed, gone, now.UTC())
	took := time.Since(now)
	w.current.Store(change.After)
	w.changing.Unlock()
	if news.unreadableChanged {
		w.unreadable.Store(&news.unreadable) // after the Snapshot: see Unreadable
	}
	w.figures.published(len(changed), took)
	if first {
		close(w.ready)
	}
	w.options.Announce(change)
	return took
}
