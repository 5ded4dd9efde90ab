package controllers_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/controllers"
	"github.com/portolan-io/portolan/internal/names"
)

// resolving has an operator keep the addresses of internet targets, and restrict egress by them.
func resolving(memory *names.Memory, lookup controllers.LookupHost) func(*setup) {
	return func(s *setup) {
		s.options.Names, s.options.LookupHost, s.options.Settings.Egress = memory, lookup, true
	}
}

// surfs returns the ClientIntents of a client that calls domains.
func surfs(client string, domains ...string) *v2beta1.ClientIntents {
	intents := calls("shop", client)
	intents.Spec.Targets = []v2beta1.Target{{Internet: &v2beta1.InternetTarget{Domains: domains, Ports: []int32{443}}}}
	return intents
}

// addresses waits for status.resolvedIPs, told as "domain=address,address".
func (f *fixture) addresses(name string, want ...string) *v2beta1.ClientIntents {
	f.Helper()
	live := new(v2beta1.ClientIntents)
	f.eventually("waiting for the addresses of "+name, func() error {
		if err := f.Get(f.Context(), keyOf(calls("shop", name)), live); err != nil {
			return err
		}
		var got []string
		for _, r := range live.Status.ResolvedIPs {
			got = append(got, fmt.Sprint(r.DNS, "=", r.IPs))
		}
		if diff := cmp.Diff(got, want, cmpopts.EquateEmpty()); diff != "" {
			return errors.New(diff)
		}
		return nil
	})
	return live
}

// opens waits until the egress of a client is restricted to these blocks, cluster DNS aside.
func (f *fixture) opens(client string, want ...string) {
	f.Helper()
	f.eventually("waiting for the egress of "+client, func() error {
		var got []string
		for _, rule := range f.policy("shop", "portolan-"+client+"-deployment").Spec.Egress {
			for _, peer := range rule.To {
				if peer.IPBlock != nil {
					got = append(got, peer.IPBlock.CIDR)
				}
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(got, want, cmpopts.EquateEmpty()); diff != "" {
			return errors.New(diff)
		}
		return nil
	})
}

func learn(m *names.Memory, name, addr string) {
	m.Learn(name, netip.MustParseAddr(addr), time.Minute, time.Now())
}

func TestSeenNamesOpenTheAddressesThatTheyHave(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	memory := names.New(names.DefaultOptions())
	o := f.start(resolving(memory, nil))
	f.namespace("shop")
	f.create(deployment("shop", "web"), deployment("shop", "ads"))
	learn(memory, "api.bank.example", "203.0.113.7")
	web, ads := surfs("web", "api.bank.example", "*.cdn.example", "never-seen.example"), surfs("ads", "ads.example")
	f.create(web, ads)

	f.addresses("web", "api.bank.example=[203.0.113.7]")
	learn(memory, "a.b.cdn.example", "2001:db8::1")
	learn(memory, "x.cdn.example", "203.0.113.9")
	learn(memory, "x.cdn.example", "203.0.113.8")
	learn(memory, "notcdn.example", "203.0.113.66")
	f.addresses("web", "*.cdn.example=[203.0.113.8 203.0.113.9 2001:db8::1]", "api.bank.example=[203.0.113.7]")
	f.addresses("ads")

	// What is known already is not written again, whoever asks for it.
	f.quiet(o)
	before := len(o.requests.writes())
	for range 5 {
		learn(memory, "x.cdn.example", "203.0.113.8")
	}
	if f.quiet(o) != before {
		t.Errorf("known names were written: %v", o.requests.writes()[before:])
	}

	// Somebody empties the status: it is made true again. A domain that leaves the spec leaves the status, and takes its
	// addresses out of the policy.
	live := f.addresses("web", "*.cdn.example=[203.0.113.8 203.0.113.9 2001:db8::1]", "api.bank.example=[203.0.113.7]")
	live.Status.ResolvedIPs = nil
	f.must(f.Status().Update(t.Context(), live))
	live = f.addresses("web", "*.cdn.example=[203.0.113.8 203.0.113.9 2001:db8::1]", "api.bank.example=[203.0.113.7]")
	f.eventually("narrowing the spec", func() error {
		if err := f.Get(t.Context(), keyOf(web), live); err != nil {
			return err
		}
		live.Spec.Targets[0].Internet.Domains = []string{"api.bank.example"}
		return f.Update(t.Context(), live)
	})
	f.addresses("web", "api.bank.example=[203.0.113.7]")
	f.opens("web", "203.0.113.7/32")

	// The next operator has seen nothing yet, and takes nothing away.
	o.stop()
	fresh := names.New(names.DefaultOptions())
	f.start(resolving(fresh, nil))
	learn(fresh, "ads.example", "203.0.113.10")
	f.addresses("ads", "ads.example=[203.0.113.10]") // it has looked
	f.addresses("web", "api.bank.example=[203.0.113.7]")
	f.opens("web", "203.0.113.7/32")
}

func TestADomainThatNobodyAsksForIsLookedUp(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var asked atomic.Int64
	f.start(resolving(names.New(names.DefaultOptions()), func(_ context.Context, host string) ([]netip.Addr, error) {
		asked.Add(1)
		if host == "api.bank.example" {
			return []netip.Addr{netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("::ffff:203.0.113.8"), netip.MustParseAddr("127.0.0.1")}, nil
		}
		return nil, errors.New("no such host")
	}))
	f.namespace("shop")
	f.create(deployment("shop", "web"), surfs("web", "api.bank.example", "gone.example", "*.bank.example"))
	f.addresses("web", "*.bank.example=[203.0.113.7 203.0.113.8]", "api.bank.example=[203.0.113.7 203.0.113.8]")
	if n := asked.Load(); n > 2 {
		t.Errorf("DNS was asked %d times, want once for each of the two names", n)
	}
}

// TestAddressesEndWithTheirLives also shows what a status holds of an earlier spec, and that nothing else of it is touched.
func TestAddressesEndWithTheirLives(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	memory := names.New(names.Options{Pairs: 10, Floor: time.Second})
	f.start(resolving(memory, nil))
	f.namespace("shop")
	f.create(deployment("shop", "web"), deployment("shop", "ads"), deployment("shop", "db"))
	web, ads := surfs("web", "api.bank.example"), calls("shop", "ads", "db")
	f.create(web, ads)

	live := f.addresses("ads")
	live.Status.ResolvedIPs = []v2beta1.ResolvedIPs{{DNS: "once.example", IPs: []string{"203.0.113.66"}}}
	f.eventually("leaving an address of an earlier spec", func() error {
		if err := f.Get(t.Context(), keyOf(ads), live); err != nil {
			return err
		}
		live.Status.ResolvedIPs = []v2beta1.ResolvedIPs{{DNS: "once.example", IPs: []string{"203.0.113.66"}}}
		return f.Status().Update(t.Context(), live)
	})
	f.addresses("ads")

	memory.Learn("api.bank.example", netip.MustParseAddr("203.0.113.7"), 3*time.Second, time.Now())
	f.addresses("web", "api.bank.example=[203.0.113.7]")
	f.eventually("waiting for the conditions of web", func() error {
		if err := f.Get(t.Context(), keyOf(web), live); err != nil {
			return err
		}
		if len(live.Status.Conditions) == 0 {
			return errors.New("no condition")
		}
		return nil
	})
	if live = f.addresses("web"); len(live.Status.Conditions) == 0 {
		t.Error("the conditions went with the addresses")
	}
}
