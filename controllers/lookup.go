package controllers

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-io/portolan/internal/names"
)

// LookupHost asks DNS for the addresses of a host.
type LookupHost func(ctx context.Context, host string) ([]netip.Addr, error)

// LookupReconciler asks for the addresses of a domain that is named and that nobody was seen to ask for lately, so that a
// client's first connection need not fail. Wildcards cannot be asked for.
type LookupReconciler struct {
	names   *names.Memory
	domains *domainBook
	lookup  LookupHost
	floor   time.Duration // for which an answer holds
	now     func() time.Time

	mu     sync.Mutex
	failed map[string]int // how often in a row
}

// Bounds of a lookup: how long it may take, and how long a domain is left alone after it failed, doubling.
const (
	lookupTimeout = 2 * time.Second
	firstPause    = time.Minute
	lastPause     = 10 * time.Minute
)

// Reconcile asks for one domain and comes back before what is known of it ends.
func (r *LookupReconciler) Reconcile(ctx context.Context, domain string) (reconcile.Result, error) {
	if !r.domains.has(domain) {
		r.settle(domain)
		return reconcile.Result{}, nil
	}
	if rest := r.names.Remaining(domain, r.now()) - r.floor/2; rest > 0 {
		return reconcile.Result{RequeueAfter: rest}, nil
	}
	limited, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	found, err := r.lookup(limited, domain)
	if err != nil || len(found) == 0 {
		pause := r.fail(domain)
		log.FromContext(ctx).V(1).Info("a domain of an internet target has no address", "domain", domain, "error", err, "again", pause.String())
		return reconcile.Result{RequeueAfter: pause}, nil
	}
	r.settle(domain)
	for _, addr := range found {
		r.names.Learn(domain, addr.Unmap(), 0, r.now())
	}
	return reconcile.Result{RequeueAfter: r.floor / 2}, nil
}

// fail returns how long a domain is to be left alone.
func (r *LookupReconciler) fail(domain string) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	pause := min(lastPause, firstPause<<min(r.failed[domain], 10))
	r.failed[domain]++
	return pause
}

func (r *LookupReconciler) settle(domain string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.failed, domain)
}
