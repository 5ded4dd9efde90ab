package live

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/portolan-io/portolan/internal/cluster"
)

// This file asks DNS for the addresses of load balancers of which a Service says only the host name. They become addresses
// of the Service, as if its status had said them.

// LookUp asks DNS for the addresses of a host.
type LookUp func(ctx context.Context, host string) ([]netip.Addr, error)

const (
	// lookUpLimit is how long one question may take.
	lookUpLimit = 2 * time.Second
	// balancerFloor is how long an address stays after it was last answered: balancers answer with some of their addresses
	// at a time, and connections outlive TTLs.
	balancerFloor = 5 * time.Minute
	// firstLookUpRetry and lastLookUpRetry bound how long a host is left alone after it had no address.
	firstLookUpRetry = time.Minute
	lastLookUpRetry  = 10 * time.Minute
	// balancersAtOnce is how many hosts are asked for at the same time, and maxBalancers how many are known at all.
	balancersAtOnce = 8
	maxBalancers    = 1000
)

// balancer is a host name of a load balancer and what became of the questions about it.
type balancer struct {
	seen  map[netip.Addr]time.Time // when each address was last answered
	due   time.Time                // when it is to be asked for
	retry time.Duration            // the pause after the next failure
}

// addresses returns the addresses in order.
func (b *balancer) addresses() []netip.Addr {
	if b == nil {
		return nil
	}
	return slices.SortedFunc(maps.Keys(b.seen), netip.Addr.Compare)
}

// answered notes what was answered at now, and reports whether the addresses are others than before. While nobody
// answers, what is known stays.
func (b *balancer) answered(found []netip.Addr, err error, now time.Time) (changed bool) {
	if err != nil || len(found) == 0 {
		b.due = now.Add(b.retry)
		b.retry = min(2*b.retry, lastLookUpRetry)
		return false
	}
	before := b.addresses()
	for _, addr := range found {
		if addr = addr.Unmap().WithZone(""); addr.IsGlobalUnicast() {
			b.seen[addr] = now
		}
	}
	maps.DeleteFunc(b.seen, func(_ netip.Addr, at time.Time) bool { return now.Sub(at) > balancerFloor })
	b.due, b.retry = now.Add(balancerFloor/2), firstLookUpRetry
	return !slices.Equal(before, b.addresses())
}

// balanced is a Service with the addresses that its balancers have, and what it was made of.
type balanced struct {
	from, with *cluster.Service
	addresses  []netip.Addr
}

// withBalancers returns the Services with the addresses of their balancers. One that did not change is the same value as
// before. l.mu is held.
func (l *ledger) withBalancers(p *page, services []*cluster.Service) []*cluster.Service {
	before := p.balanced
	p.balanced = nil
	for i, service := range services {
		var addresses []netip.Addr
		for _, host := range service.Balancers {
			addresses = append(addresses, l.balancers[host].addresses()...)
		}
		if len(addresses) == 0 {
			continue
		}
		known := before[service.Name]
		if known.from != service || !slices.Equal(known.addresses, addresses) {
			with := *service
			with.ExternalIPs = slices.Concat(service.ExternalIPs, addresses)
			known = balanced{from: service, with: &with, addresses: addresses}
		}
		if p.balanced == nil {
			p.balanced = make(map[string]balanced)
		}
		p.balanced[service.Name], services[i] = known, known.with
	}
	return services
}

// dueBalancers returns the hosts that are to be asked for at now, and when the next one is. Hosts that no Service names
// any more are forgotten.
func (l *ledger) dueBalancers(now time.Time) (due []string, next time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	named := l.balancerHosts()
	maps.DeleteFunc(l.balancers, func(host string, _ *balancer) bool { return named[host] == nil })
	next = now.Add(lastLookUpRetry)
	for _, host := range slices.Sorted(maps.Keys(named)) {
		b := l.balancers[host]
		if b == nil {
			if len(l.balancers) >= maxBalancers {
				continue
			}
			b = &balancer{seen: make(map[netip.Addr]time.Time), due: now, retry: firstLookUpRetry}
			l.balancers[host] = b
		}
		switch {
		case !b.due.After(now):
			due = append(due, host)
		case b.due.Before(next):
			next = b.due
		}
	}
	return due, next
}

// balancerHosts returns which namespaces name which hosts. l.mu is held.
func (l *ledger) balancerHosts() map[string][]string {
	named := make(map[string][]string)
	for namespace, p := range l.pages {
		for _, fact := range p.facts[l.services] {
			service, readable := fact.(*cluster.Service)
			if !readable {
				continue
			}
			for _, host := range service.Balancers {
				named[host] = append(named[host], namespace)
			}
		}
	}
	return named
}

// found notes what was answered about a host.
func (l *ledger) found(host string, addresses []netip.Addr, err error, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.balancers[host]
	if b == nil || !b.answered(addresses, err, now) {
		return
	}
	for _, namespace := range l.balancerHosts()[host] {
		l.touch(l.services, namespace)
	}
}

// lookUpBalancers asks for the hosts of balancers until ctx ends.
func (w *World) lookUpBalancers(ctx context.Context) {
	if w.options.LookUp == nil {
		return
	}
	for ctx.Err() == nil {
		due, next := w.ledger.dueBalancers(time.Now())
		w.askFor(ctx, due)
		if len(due) > 0 {
			continue
		}
		timer := time.NewTimer(time.Until(next))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-w.ledger.balancing:
		}
		timer.Stop()
	}
}

// askFor asks for hosts, some at a time, and notes the answers.
func (w *World) askFor(ctx context.Context, hosts []string) {
	var asking sync.WaitGroup
	slots := make(chan struct{}, balancersAtOnce)
	for _, host := range hosts {
		slots <- struct{}{}
		asking.Go(func() {
			defer func() { <-slots }()
			limited, cancel := context.WithTimeout(ctx, lookUpLimit)
			defer cancel()
			found, err := w.options.LookUp(limited, host)
			if ctx.Err() == nil {
				w.ledger.found(host, found, err, time.Now())
			}
		})
	}
	asking.Wait()
}
