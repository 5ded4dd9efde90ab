package controllers

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/portolan-io/portolan/internal/names"
)

// asking returns a reconciler whose clock and DNS are given, with one object that names a domain.
func asking(now *time.Time, lookup LookupHost) *LookupReconciler {
	memory := names.New(names.DefaultOptions())
	book := newDomainBook()
	book.set(types.NamespacedName{Namespace: "shop", Name: "web"}, []domain{{written: "api.example", name: "api.example"}})
	return &LookupReconciler{
		names: memory, domains: book, lookup: lookup, floor: memory.Floor(), failed: make(map[string]int),
		now: func() time.Time { return *now },
	}
}

func again(t *testing.T, r *LookupReconciler, want time.Duration) {
	t.Helper()
	result, err := r.Reconcile(t.Context(), "api.example")
	if err != nil || result.RequeueAfter != want {
		t.Errorf("asks again after %s, error %v; want after %s", result.RequeueAfter, err, want)
	}
}

func TestADomainThatDNSDoesNotKnowIsLeftAloneForLongerAndLonger(t *testing.T) {
	now := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	known := false
	r := asking(&now, func(ctx context.Context, _ string) ([]netip.Addr, error) {
		if end, limited := ctx.Deadline(); !limited || time.Until(end) > 2*time.Second {
			t.Error("the lookup is not limited to 2s")
		}
		if known {
			return []netip.Addr{netip.MustParseAddr("203.0.113.7")}, nil
		}
		return nil, errors.New("no such host")
	})
	for _, pause := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 10 * time.Minute, 10 * time.Minute} {
		again(t, r, pause)
	}
	known = true
	again(t, r, 150*time.Second) // half of the time for which the answer holds
	if got := r.names.Addresses("api.example", now); len(got) != 1 {
		t.Errorf("known are %v, want one address", got)
	}
	known, now = false, now.Add(150*time.Second)
	again(t, r, time.Minute) // the pauses begin anew
}

func TestWhatClientsAskForIsNotAskedForAgain(t *testing.T) {
	now := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	r := asking(&now, func(context.Context, string) ([]netip.Addr, error) {
		t.Error("DNS was asked")
		return nil, nil
	})
	r.names.Learn("api.example", netip.MustParseAddr("203.0.113.7"), time.Hour, now)
	again(t, r, time.Hour-150*time.Second)
	r.domains.forget(types.NamespacedName{Namespace: "shop", Name: "web"})
	now = now.Add(2 * time.Hour)
	again(t, r, 0) // nobody names it any more
}
