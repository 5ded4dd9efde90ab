// Package live keeps the newest picture of the cluster: it watches the API server and makes a new cluster.Snapshot when
// something changed that a decision could depend on.
//
// It is the only room that watches for the picture. It holds no rule, and it must not hold objects: they become facts as
// they arrive. Of each namespace it indexes again only the parts that changed.
package live

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/declared"
	"github.com/portolan-io/portolan/internal/cluster/trim"
)

// Options says what a World watches and whom it tells. The zero value watches everything and tells nobody.
type Options struct {
	// Namespaces restricts the picture to these namespaces, which then needs rights in them alone; nodes and the labels of
	// namespaces are read if that is allowed. Empty means all namespaces.
	Namespaces []string
	// Trim says how objects are read.
	Trim trim.Options
	// Pause is the shortest time between two snapshots. A change after a longer rest is published at once; those of a
	// burst are published together. Default: 50ms.
	Pause time.Duration
	// Announce is told of every new Snapshot after it can be had from Current, one call at a time, in order. The next
	// Snapshot waits for it, so it should return soon. It may be nil.
	Announce func(Change)
	// LookUp asks for the addresses of load balancers of which only a host name is known. Default: nobody is asked.
	LookUp LookUp
	// Log is where trouble with the API server and unreadable objects are reported. Default: nowhere.
	Log *slog.Logger
}

// Change is the step from one Snapshot to the next. In the first one, Before is empty.
type Change struct {
	Before, After *cluster.Snapshot
	Namespaces    []string // those that changed, came or went, sorted
	Nodes         bool     // whether nodes or the ranges of ClusterIPs changed
}

// World is the newest picture of the cluster. It is safe for concurrent use.
type World struct {
	options    Options
	streams    []*stream
	ledger     *ledger
	owner      readOwner
	waiting    atomic.Int64 // streams that have not yet said what there is
	changing   sync.Mutex   // held while the next Snapshot is made of the current one
	current    atomic.Pointer[cluster.Snapshot]
	unreadable atomic.Pointer[[]declared.Unreadable]
	ready      chan struct{} // closed with the first Snapshot
	figures    figures
}

// New returns a World that reads from the API server of config. It makes no request before Run. The rate limit of config
// holds for its lists and watches too.
func New(config *rest.Config, o Options) (*World, error) {
	scheme := runtime.NewScheme()
	builder := runtime.NewSchemeBuilder(
		corev1.AddToScheme, appsv1.AddToScheme, batchv1.AddToScheme, discoveryv1.AddToScheme, networkingv1.AddToScheme,
		declared.AddToScheme,
	)
	if err := builder.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("registering the kinds to watch: %w", err)
	}
	api, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("making a client of the API server: %w", err)
	}
	return newWorld(api, o), nil
}

func newWorld(api client.WithWatch, o Options) *World {
	if o.Pause <= 0 {
		o.Pause = 50 * time.Millisecond
	}
	if o.Announce == nil {
		o.Announce = func(Change) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	w := &World{options: o, ledger: newLedger(kinds(o.Trim), o.Namespaces), owner: ownersOf(api), ready: make(chan struct{})}
	w.current.Store(cluster.Empty())
	for i, k := range w.ledger.kinds {
		for _, namespace := range w.scopes(k) {
			w.streams = append(w.streams, &stream{
				kind: k, index: i, namespace: namespace, ledger: w.ledger, client: api, log: o.Log,
				privileged: k.wide && len(o.Namespaces) > 0,
				loaded:     sync.OnceFunc(w.loaded),
			})
		}
	}
	w.waiting.Store(int64(len(w.streams)))
	return w
}

// scopes returns the namespaces in which a kind is watched; the empty one stands for all.
func (w *World) scopes(k *kind) []string {
	if k.wide || len(w.options.Namespaces) == 0 {
		return []string{""}
	}
	return w.options.Namespaces
}

// loaded is called once for each stream that knows what there is.
func (w *World) loaded() {
	if w.waiting.Add(-1) == 0 {
		w.ledger.rouse()
	}
}

// Run watches until ctx ends. The first Snapshot is published when everything that the API server holds has been read.
// When the API server does not answer, the newest Snapshot stays as it is. Run must be called once; it needs no leader
// election.
func (w *World) Run(ctx context.Context) {
	var running sync.WaitGroup
	for _, s := range w.streams {
		running.Go(func() { s.run(ctx) })
	}
	running.Go(func() { w.publish(ctx) })
	running.Go(func() { w.readOwners(ctx) })
	running.Go(func() { w.lookUpBalancers(ctx) })
	running.Wait()
}

// Current returns the newest Snapshot. It is empty until Synced.
func (w *World) Current() *cluster.Snapshot { return w.current.Load() }

// Recall lets the picture remember who held addresses before this process looked; see cluster.Snapshot.Recalled. It may be
// called before Run and at any time later.
func (w *World) Recall(past []cluster.Record, known time.Time) error {
	w.changing.Lock()
	defer w.changing.Unlock()
	next, err := w.Current().Recalled(past, known.UTC(), time.Now().UTC())
	w.current.Store(next)
	return err
}

// Unreadable returns the objects that people wrote and that do not decode, sorted. What such an object said before stays
// in the Snapshot where it is known. The caller must not change the slice.
//
// Whoever asks for it and then for Current never misses an object in both: one that was repaired is in the Snapshot before
// it leaves this list. A change of the list is announced as a Change, of no namespace if nothing else changed.
func (w *World) Unreadable() []declared.Unreadable {
	if all := w.unreadable.Load(); all != nil {
		return *all
	}
	return nil
}

// Synced reports whether the Snapshot shows everything that the API server held at the start. Nothing may be deleted
// before.
func (w *World) Synced() bool {
	select {
	case <-w.ready:
		return true
	default:
		return false
	}
}

// WaitSynced waits until Synced. It returns the error of ctx if that ends first.
func (w *World) WaitSynced(ctx context.Context) error {
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for the picture of the cluster: %w", ctx.Err())
	}
}
