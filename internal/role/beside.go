package role

import (
	"log/slog"
	"time"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/live"
	"github.com/portolan-io/portolan/internal/names"
	"github.com/portolan-io/portolan/internal/store"
	"github.com/portolan-io/portolan/internal/wire"
)

// beside is what the store keeps beside the map: who held an address, which addresses a name had, and what the agents said of
// themselves. The journal calls it.
type beside struct {
	world  *live.World
	names  *names.Memory
	agents *wire.Roster
	log    *slog.Logger

	recorded *cluster.Snapshot // what is written down of leases
	whole    bool              // everything has to be written anew
	closed   []store.Lease     // held when an earlier process looked last; who is still there holds on
}

// Recall implements store.Rememberer.
func (b *beside) Recall(r store.Recollection) {
	pairs := make([]names.Pair, len(r.Names))
	for i, n := range r.Names {
		pairs[i] = names.Pair(n)
	}
	b.names.Recall(pairs, time.Now())
	b.recallAgents(r.Agents)
	if len(r.Leases) == 0 && r.Known.IsZero() {
		return // news of another replica: the picture of the cluster stays as it is
	}
	past := make([]cluster.Record, len(r.Leases))
	for i, l := range r.Leases {
		past[i] = cluster.Record(l)
		if closed := past[i].Closed(r.Known); closed != past[i] {
			b.closed = append(b.closed, store.Lease(closed))
		}
	}
	if err := b.world.Recall(past, r.Known); err != nil {
		b.log.Warn("some of who held which address before the start is not known any more", "error", err)
	}
}

func (b *beside) recallAgents(all []store.Agent) {
	records := make([]wire.Record, len(all))
	for i, a := range all {
		records[i] = wire.Record(a)
	}
	if err := b.agents.Recall(records, time.Now()); err != nil {
		b.log.Warn("the store has states of agents that this operator cannot read; they are left out until the agents report here", "error", err)
	}
}

// Remember implements store.Rememberer. Before the picture of the cluster is complete nobody can tell who is still there.
func (b *beside) Remember(whole bool) store.Recollection {
	var r store.Recollection
	for _, p := range b.names.Unkept(whole) {
		r.Names = append(r.Names, store.Name(p))
	}
	for _, a := range b.agents.Unkept(whole, time.Now()) {
		r.Agents = append(r.Agents, store.Agent(a))
	}
	if b.whole = b.whole || whole; !b.world.Synced() {
		return r
	}
	r.Known = time.Now()
	now := b.world.Current()
	if b.whole || b.recorded == nil {
		b.recorded = cluster.Empty()
	}
	r.Leases = newest(b.closed, now.Recorded(b.recorded, r.Known))
	b.recorded, b.whole, b.closed = now, false, nil
	return r
}

// newest joins leases of before with later Records: of one holder of an address the last counts.
func newest(before []store.Lease, records []cluster.Record) []store.Lease {
	type key struct{ addr, holder string }
	at := make(map[key]int, len(records))
	var all []store.Lease
	for _, l := range before {
		at[key{l.Addr.String(), l.Holder}] = len(all)
		all = append(all, l)
	}
	for _, r := range records {
		k := key{r.Addr.String(), r.Holder}
		if i, known := at[k]; known {
			all[i] = store.Lease(r)
			continue
		}
		at[k] = len(all)
		all = append(all, store.Lease(r))
	}
	return all
}
