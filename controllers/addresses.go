package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster/declared"
	"github.com/portolan-io/portolan/internal/names"
	"github.com/portolan-io/portolan/internal/policy"
)

// AddressReconciler keeps status.resolvedIPs of a ClientIntents: the addresses that the domains of its internet targets
// were seen to have.
type AddressReconciler struct {
	world   World // for specs, which the cache does not hold
	names   *names.Memory
	domains *domainBook
	lookups *inbox[string] // of the lookup controller; nil when nothing is looked up
	only    []string       // namespaces in which it writes; empty for all
	live    client.Reader  // for statuses
	writer  resource
	now     func() time.Time
}

// addressesManager owns resolvedIPs.
const addressesManager = "portolan-addresses"

// maxAddresses bounds the addresses of one domain in a status. Whoever owns a domain can answer with any number.
const maxAddresses = 1000

// Reconcile makes the resolved addresses of one ClientIntents those that its domains have now.
func (r *AddressReconciler) Reconcile(ctx context.Context, name types.NamespacedName) (reconcile.Result, error) {
	if !watches(r.only, name.Namespace) {
		return reconcile.Result{}, nil
	}
	var live declared.ClientIntents
	err := r.live.Get(ctx, name, &live)
	switch {
	case apierrors.IsNotFound(err):
		if r.domains.forget(name) {
			r.names.Want(r.domains.all())
		}
		return reconcile.Result{}, nil
	case err != nil:
		return reconcile.Result{}, fmt.Errorf("reading ClientIntents %s: %w", name, err)
	case live.Fault != "":
		return reconcile.Result{}, nil // what it wants is not known: it keeps what it has
	}
	known, exists := find(r.world.Current(), policy.ObjectRef{Kind: v2beta1.KindClientIntents, Namespace: name.Namespace, Name: name.Name})
	spec, _ := known.(*v2beta1.ClientIntents)
	if !exists || spec.UID != live.UID || spec.Generation != live.Generation {
		return reconcile.Result{RequeueAfter: tellDelay}, nil // one of the two is behind
	}
	domains := internetDomains(spec)
	if r.domains.first(name, live.UID) {
		r.adopt(domains, live.Status.ResolvedIPs)
	}
	r.want(name, domains)
	wanted := r.resolved(ctx, name, domains)
	if sameAddresses(live.Status.ResolvedIPs, wanted) {
		return reconcile.Result{}, nil
	}
	return reconcile.Result{}, r.write(ctx, &live.ClientIntents, wanted)
}

// adopt takes the addresses that a status holds as answered now, so that a new operator takes nothing away.
func (r *AddressReconciler) adopt(domains []domain, known []v2beta1.ResolvedIPs) {
	for _, k := range known {
		i := slices.IndexFunc(domains, func(d domain) bool { return d.written == k.DNS })
		if i < 0 {
			continue
		}
		for _, text := range k.IPs {
			if addr, err := netip.ParseAddr(text); err == nil {
				r.names.Learn(domains[i].name, addr.Unmap(), 0, r.now())
			}
		}
	}
}

// want notes which domains an object names, and has new ones looked up.
func (r *AddressReconciler) want(object types.NamespacedName, domains []domain) {
	if !r.domains.set(object, domains) {
		return
	}
	r.names.Want(r.domains.all())
	if r.lookups == nil {
		return
	}
	for _, d := range domains {
		if !strings.HasPrefix(d.name, "*.") {
			r.lookups.add(d.name)
		}
	}
}

// resolved returns the addresses of the domains, sorted by domain as it is written. Domains without any are left out.
func (r *AddressReconciler) resolved(ctx context.Context, object types.NamespacedName, domains []domain) []v2beta1.ResolvedIPs {
	var all []v2beta1.ResolvedIPs
	for _, d := range domains {
		addrs := r.names.Addresses(d.name, r.now())
		if len(addrs) > maxAddresses {
			log.FromContext(ctx).Info("a domain has more addresses than a status can hold; the rest is left out",
				"clientintents", object, "domain", d.written, "addresses", len(addrs), "kept", maxAddresses)
			addrs = addrs[:maxAddresses]
		}
		if len(addrs) == 0 {
			continue
		}
		texts := make([]string, len(addrs))
		for i, a := range addrs {
			texts[i] = a.String()
		}
		all = append(all, v2beta1.ResolvedIPs{DNS: d.written, IPs: texts})
	}
	return all
}

// write replaces resolvedIPs and nothing else, of the very object that was read.
func (r *AddressReconciler) write(ctx context.Context, live *v2beta1.ClientIntents, wanted []v2beta1.ResolvedIPs) error {
	name := client.ObjectKeyFromObject(live)
	body, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": live.UID},
		"status":   map[string]any{fieldResolvedIPs: wanted}, // null takes the field away
	})
	if err != nil {
		return fmt.Errorf("rendering the addresses of ClientIntents %s: %w", name, err)
	}
	err = r.writer.merge(ctx, name, addressesManager, body)
	switch {
	case apierrors.IsNotFound(err), apierrors.IsConflict(err): // gone, or replaced by another object of that name
		return nil
	case err != nil:
		return fmt.Errorf("writing the addresses of ClientIntents %s: %w", name, err)
	}
	r.writer.metrics.object(v2beta1.KindClientIntents+"/status", outcomeUpdated)
	return nil
}

// domain is a domain of an internet target, as it is written and as names are compared.
type domain struct{ written, name string }

// internetDomains returns the domains that a ClientIntents names, sorted as they are written, each once. Those that are
// none are left out; the rules say so.
func internetDomains(intents *v2beta1.ClientIntents) []domain {
	var all []domain
	for _, target := range intents.Spec.Targets {
		if target.Internet == nil {
			continue
		}
		for _, written := range target.Internet.Domains {
			if name, ok := policy.NormalDomain(written); ok {
				all = append(all, domain{written: written, name: name})
			}
		}
	}
	slices.SortFunc(all, func(a, b domain) int { return strings.Compare(a.written, b.written) })
	return slices.Compact(all)
}

func sameAddresses(a, b []v2beta1.ResolvedIPs) bool {
	return len(a) == 0 && len(b) == 0 || reflect.DeepEqual(a, b)
}

// addressPeriod is how long changes of names gather before objects are looked at.
const addressPeriod = time.Second

// start has the objects looked at whose domains have other addresses now. It is a source of the controller.
func (r *AddressReconciler) start(ctx context.Context, queue workqueue.TypedRateLimitingInterface[types.NamespacedName]) error {
	go func() {
		ticker := time.NewTicker(addressPeriod)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				for _, object := range r.domains.meaning(r.names.Changes(r.now())) {
					queue.Add(object)
				}
			}
		}
	}()
	return nil
}

// respecified feeds the ClientIntents whose spec or addresses changed to the address controller.
func respecified() handler.TypedEventHandler[*declared.ClientIntents, types.NamespacedName] {
	type queue = workqueue.TypedRateLimitingInterface[types.NamespacedName]
	return handler.TypedFuncs[*declared.ClientIntents, types.NamespacedName]{
		CreateFunc: func(_ context.Context, e event.TypedCreateEvent[*declared.ClientIntents], q queue) {
			q.Add(client.ObjectKeyFromObject(e.Object))
		},
		UpdateFunc: func(_ context.Context, e event.TypedUpdateEvent[*declared.ClientIntents], q queue) {
			if e.ObjectOld.Generation != e.ObjectNew.Generation || e.ObjectOld.UID != e.ObjectNew.UID ||
				!sameAddresses(e.ObjectOld.Status.ResolvedIPs, e.ObjectNew.Status.ResolvedIPs) {
				q.Add(client.ObjectKeyFromObject(e.ObjectNew))
			}
		},
		DeleteFunc: func(_ context.Context, e event.TypedDeleteEvent[*declared.ClientIntents], q queue) {
			q.Add(client.ObjectKeyFromObject(e.Object))
		},
	}
}
