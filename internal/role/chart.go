package role

import (
	"context"
	"errors"
	"time"

	"github.com/portolan-io/portolan/internal/cluster/live"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/names"
	"github.com/portolan-io/portolan/internal/resolve"
	"github.com/portolan-io/portolan/internal/traffic"
	"github.com/portolan-io/portolan/internal/wire"
)

// chart is the stretch of the line from delivered sightings to the graph, with the cluster's picture at hand.
type chart struct {
	graph     *graph.Graph
	intake    *resolve.Intake
	naming    naming
	world     *live.World
	agents    *wire.Handler
	changed   chan struct{} // holds a value when the cluster has changed since the last retry
	started   time.Time
	retention time.Duration
}

func newChart(o OperatorOptions) *chart {
	g := graph.New(graph.DefaultLimits())
	intake := resolve.NewIntake(o.resolving(), g)
	return &chart{
		graph: g, intake: intake, naming: naming{resolver: intake.Resolver, memory: names.New(o.Naming.Memory)},
		changed: make(chan struct{}, 1), started: time.Now(), retention: o.Retention,
	}
}

var errNotSynced = errors.New("the picture of the cluster is not complete yet")

// Accept implements wire.Sink. Before the picture is complete nothing is taken, so that the agent sends it again.
func (c *chart) Accept(agent wire.Agent, sightings []traffic.Sighting) error {
	if !c.world.Synced() {
		return errNotSynced
	}
	snapshot, now := c.world.Current(), time.Now()
	for _, s := range sightings {
		c.intake.TakeFrom(snapshot, resolve.Delivery{Sighting: s, Node: agent.Node}, now)
		c.naming.take(snapshot, s, now)
	}
	return nil
}

// stir notes that the cluster has changed. It never waits.
func (c *chart) stir() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// expireEvery is the time between two looks for edges that are not seen any more.
const expireEvery = 10 * time.Minute

// run tries again what could not be resolved, and forgets what is over, until ctx ends.
func (c *chart) run(ctx context.Context) {
	retry, expire := time.NewTicker(retryEvery), time.NewTicker(expireEvery)
	defer retry.Stop()
	defer expire.Stop()
	for {
		select {
		case <-ctx.Done():
			c.intake.Close(c.world.Current())
			return
		case <-retry.C:
			c.intake.Retry(c.world.Current(), time.Now())
		case <-c.changed:
			c.intake.Retry(c.world.Current(), time.Now())
		case now := <-expire.C:
			c.graph.Expire(now.Add(-c.retention))
		}
	}
}
