package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/declared"
	"github.com/portolan-io/portolan/internal/export/intents"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/policy"
)

// Map is the part of the graph that discovery reads.
type Map interface {
	// Touched returns the edges that were seen after the cursor, and the cursor for the next call.
	Touched(graph.Cursor) ([]graph.Edge, graph.Cursor)
	// View returns the edges that pass the filter.
	View(graph.Filter) []graph.Edge
}

// DiscoveryReconciler writes what the map found as ClientIntents, one namespace at a time.
type DiscoveryReconciler struct {
	world  World
	edges  Map
	how    WriteIntents
	only   []string                // namespaces in which it writes; empty for all
	egress bool                    // clients are restricted in what they call, so that what is outside is declared too
	dns    []policy.NamespacedName // the Services of cluster DNS
	period time.Duration           // between two looks at the map
	live   client.Reader
	writer resource
}

// Reconcile makes the ClientIntents of a namespace declare what its workloads were seen to call.
func (r *DiscoveryReconciler) Reconcile(ctx context.Context, namespace string) (reconcile.Result, error) {
	if _, exists := r.world.Current().Space(namespace); !exists || !watches(r.only, namespace) {
		return reconcile.Result{}, nil
	}
	live, err := r.liveIn(ctx, namespace)
	if err != nil {
		return reconcile.Result{}, err
	}
	edges := r.edges.View(graph.Filter{Namespaces: []string{namespace}, InsideOnly: !r.egress})
	found, left := intents.Declare(edges, r.options())
	for _, l := range left {
		log.FromContext(ctx).Info("a pair was seen and cannot be declared", "client", l.Client, "server", l.Server, "why", l.Why)
	}
	d := planDiscovery(found, live, r.how)
	for _, full := range d.full {
		log.FromContext(ctx).Info("discovered client has more targets than an object can hold; the rest is left out",
			"clientintents", full.Namespace+"/"+full.Name, "targets", maxTargets)
	}
	return reconcile.Result{}, r.apply(ctx, d)
}

func (r *DiscoveryReconciler) apply(ctx context.Context, d discovery) error {
	var errs []error
	for _, mine := range d.remove {
		if err := r.writer.remove(ctx, mine); err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			errs = append(errs, fmt.Errorf("removing ClientIntents %s, which somebody else declares now: %w", client.ObjectKeyFromObject(mine), err))
		}
	}
	for _, h := range d.hand {
		errs = append(errs, r.handOver(ctx, h))
	}
	for _, wanted := range d.write {
		errs = append(errs, r.write(ctx, wanted))
	}
	return errors.Join(errs...)
}

// write applies one object without force. A conflict means that somebody has taken the object over, or made one of that
// name meanwhile: it is theirs then.
func (r *DiscoveryReconciler) write(ctx context.Context, wanted *v2beta1.ClientIntents) error {
	body, err := renderIntents(wanted)
	if err != nil {
		return err
	}
	name := client.ObjectKeyFromObject(wanted)
	answer := new(v2beta1.ClientIntents)
	created, err := r.writer.apply(ctx, application{name: name, manager: discoveryManager, body: body}, answer)
	switch {
	case isGoing(err):
		return nil
	case apierrors.IsConflict(err):
		r.writer.metrics.object(v2beta1.KindClientIntents, outcomeConflict)
		return nil
	case err != nil:
		return fmt.Errorf("writing discovered ClientIntents %s: %w", name, err)
	case !created && wanted.UID == "" && othersOwn(answer.ManagedFields, discoveryManager, "spec"):
		return r.giveBack(ctx, answer)
	case created:
		r.writer.metrics.object(v2beta1.KindClientIntents, outcomeCreated)
	default:
		r.writer.metrics.object(v2beta1.KindClientIntents, outcomeUpdated)
	}
	return nil
}

// handOver leaves an object to whoever applied it. A conflict means that it has just changed: the next look sees it.
func (r *DiscoveryReconciler) handOver(ctx context.Context, h handover) error {
	name := client.ObjectKeyFromObject(h.live)
	body, err := h.body()
	if err != nil {
		return err
	}
	_, err = r.writer.apply(ctx, application{name: name, manager: discoveryManager, body: body}, new(v2beta1.ClientIntents))
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("handing ClientIntents %s over to whoever applied it: %w", name, err)
	}
	return nil
}

// giveBack takes discovery's fields off an object that a person made at the same moment.
func (r *DiscoveryReconciler) giveBack(ctx context.Context, live *v2beta1.ClientIntents) error {
	r.writer.metrics.object(v2beta1.KindClientIntents, outcomeConflict)
	name := client.ObjectKeyFromObject(live)
	body, err := render(intentsDocument(live))
	if err != nil {
		return err
	}
	_, err = r.writer.apply(ctx, application{name: name, manager: discoveryManager, body: body}, new(v2beta1.ClientIntents))
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("giving back ClientIntents %s, which somebody else made: %w", name, err)
	}
	return nil
}

// start looks at the map in every period and enqueues the namespaces in which something is not written yet. It is the
// controller's source.
func (r *DiscoveryReconciler) start(ctx context.Context, queue workqueue.TypedRateLimitingInterface[string]) error {
	go func() {
		if r.world.WaitSynced(ctx) != nil {
			return // ctx has ended; until then the servers of DNS are not known
		}
		ticker := time.NewTicker(r.period)
		defer ticker.Stop()
		var cursor graph.Cursor
		for {
			cursor = r.look(ctx, cursor, queue)
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	}()
	return nil
}

// look enqueues the namespaces of changed edges that are not declared yet. Most changes are counts of known edges, which
// cost a comparison and no more.
func (r *DiscoveryReconciler) look(ctx context.Context, since graph.Cursor, queue workqueue.TypedRateLimitingInterface[string]) graph.Cursor {
	edges, next := r.edges.Touched(since)
	byNamespace := make(map[string][]graph.Edge)
	for _, e := range edges {
		if e.Client.Inside() && (e.Server.Inside() || r.egress) && watches(r.only, e.Client.Workload.Namespace) {
			byNamespace[e.Client.Workload.Namespace] = append(byNamespace[e.Client.Workload.Namespace], e)
		}
	}
	options := r.options()
	for namespace, changed := range byNamespace {
		live, err := r.liveIn(ctx, namespace)
		if d := planDiscovery(intents.From(changed, options), live, r.how); err != nil || len(d.write)+len(d.remove) > 0 {
			queue.Add(namespace)
		}
	}
	return next
}

// options leaves the servers of cluster DNS out: everybody may call them without saying so. What is outside the cluster is
// declared where egress is restricted, because it would be cut otherwise.
func (r *DiscoveryReconciler) options() intents.Options {
	return intents.Options{WithInternet: r.egress, DNS: dnsServers(r.world.Current(), r.dns)}
}

func dnsServers(snap *cluster.Snapshot, services []policy.NamespacedName) map[identity.Workload]bool {
	servers := make(map[identity.Workload]bool)
	for _, s := range services {
		servers[identity.Workload{Namespace: s.Namespace, Kind: identity.KindService, Name: s.Name}] = true
		if space, known := snap.Space(s.Namespace); known {
			for _, who := range space.Behind(s.Name) {
				servers[who] = true
			}
		}
	}
	return servers
}

func (r *DiscoveryReconciler) liveIn(ctx context.Context, namespace string) ([]*v2beta1.ClientIntents, error) {
	var list declared.ClientIntentsList
	if err := r.live.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("listing ClientIntents of namespace %s: %w", namespace, err)
	}
	live := make([]*v2beta1.ClientIntents, len(list.Items))
	for i := range list.Items {
		live[i] = &list.Items[i].ClientIntents
	}
	return live, nil
}

func renderIntents(wanted *v2beta1.ClientIntents) ([]byte, error) {
	d := intentsDocument(wanted)
	d.Metadata.Labels, d.Metadata.Annotations = wanted.Labels, wanted.Annotations
	d.Spec = wanted.Spec
	return render(d)
}

func intentsDocument(o *v2beta1.ClientIntents) document {
	return document{
		TypeMeta: metav1.TypeMeta{APIVersion: v2beta1.GroupVersion().String(), Kind: v2beta1.KindClientIntents},
		Metadata: documentMeta{Namespace: o.Namespace, Name: o.Name, UID: o.UID},
	}
}
