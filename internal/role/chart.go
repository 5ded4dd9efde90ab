package role

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/live"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/names"
	"github.com/portolan-io/portolan/internal/query"
	"github.com/portolan-io/portolan/internal/resolve"
	"github.com/portolan-io/portolan/internal/store"
	"github.com/portolan-io/portolan/internal/wire"
)

// chart is the stretch of the line from delivered sightings to the graph and its store, with the cluster's picture at hand.
type chart struct {
	graph   *graph.Graph
	journal *store.Journal
	intake  *resolve.Intake
	naming  naming
	beside  *beside
	world   *live.World
	agents  *wire.Handler
	changed chan struct{} // holds a value when the cluster has changed since the last retry
	window  time.Duration // of activity
	started time.Time
	history time.Duration // how long what is over can be asked for
	mapless bool          // agents report elsewhere
	log     *slog.Logger
}

func newChart(o OperatorOptions, log *slog.Logger) (*chart, error) {
	target, err := store.Parse(o.Store)
	if err != nil {
		return nil, err
	}
	if !o.Map {
		target = store.Target{}
	}
	limits := graph.DefaultLimits()
	limits.SpellGap, limits.Edges = o.SpellGap, o.MaxEdges
	g := graph.New(limits)
	known := &beside{names: names.New(o.Naming.Memory), agents: wire.NewRoster(), log: log}
	journal := store.NewJournal(store.JournalOptions{
		Target: target, Graph: g, Interval: o.FlushInterval, Retention: o.Retention, History: o.History,
		Beside: known, Leases: cluster.LeaseRetention, Log: log,
	})
	intake := resolve.NewIntake(o.resolving(), g).Into(journal)
	intake.Room = resolve.NewRoom(o.Waiting, resolve.DefaultPatience)
	return &chart{
		graph: g, journal: journal, intake: intake, naming: naming{resolver: intake.Resolver, memory: known.names}, beside: known,
		changed: make(chan struct{}, 1), window: o.CountWindow, started: time.Now(), history: o.History, mapless: !o.Map, log: log,
	}, nil
}

// open loads the map, and what is known beside it into the picture of the cluster. It returns the batches that are in the map.
func (c *chart) open(ctx context.Context, world *live.World) ([]wire.Committed, error) {
	c.world, c.beside.world = world, world
	if kept := c.journal.State(); kept.Kind == store.Memory && !c.mapless {
		c.log.Warn("the map is kept in memory: a restart forgets it")
	}
	reports, err := c.journal.Open(ctx)
	if err != nil {
		return nil, err
	}
	committed := make([]wire.Committed, len(reports))
	for i, r := range reports {
		committed[i] = wire.Committed(r)
	}
	return committed, nil
}

var errNotSynced = errors.New("the picture of the cluster is not complete yet")

// Accept implements wire.Sink. Before the picture is complete nothing is taken, so that the agent sends it again.
func (c *chart) Accept(b wire.Batch) (wire.Receipt, error) {
	if !c.world.Synced() {
		return nil, errNotSynced
	}
	draft, err := c.journal.Begin()
	if err != nil {
		return nil, err
	}
	intake, snapshot, now := c.intake.Into(draft), c.world.Current(), time.Now()
	watched := watchedNodes(c.agents.Agents(), now)
	for _, s := range b.Sightings {
		intake.TakeFrom(snapshot, resolve.Delivery{Sighting: s, Node: b.Agent.Node, Watched: watched}, now)
		c.naming.take(snapshot, s, now)
	}
	return c.journal.Seal(draft, store.Report{
		Node: b.Agent.Node, Pod: b.Agent.Pod, Epoch: b.Epoch, Seq: b.Seq, Seen: b.Received,
	}), nil
}

// watchedNodes returns what tells whether a node has an agent that sees.
func watchedNodes(agents []wire.AgentState, now time.Time) func(node string) bool {
	seeing := make(map[string]bool, len(agents))
	for _, a := range agents {
		seeing[a.Node] = !a.Blind() && now.Sub(a.LastSeen) < query.SilentAfter
	}
	return func(node string) bool { return seeing[node] }
}

// stir notes that the cluster has changed. It never waits.
func (c *chart) stir() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// run keeps the journal and tries again what could not be resolved, until ctx ends. Then what waits is settled and stored.
func (c *chart) run(ctx context.Context) error {
	keeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var journal sync.WaitGroup
	journal.Go(func() { c.journal.Run(keeping) })
	c.retry(ctx)
	c.intake.Close(c.world.Current())
	stop()
	journal.Wait()
	return c.journal.Close()
}

func (c *chart) retry(ctx context.Context) {
	retry, window := time.NewTicker(retryEvery), time.NewTicker(c.window)
	defer retry.Stop()
	defer window.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-window.C:
			c.graph.Roll()
			continue
		case <-retry.C:
		case <-c.changed:
		}
		c.intake.Retry(c.world.Current(), time.Now())
	}
}
