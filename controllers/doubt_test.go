package controllers

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/declared"
	"github.com/portolan-io/portolan/internal/policy"
)

// policyOf returns web's policy that lets these callers in, each by a rule of its own. "shop/cart" is app=cart in shop, and
// "10.0.0.1" an address.
func policyOf(callers ...string) *networkingv1.NetworkPolicy {
	p := ownPolicy("web", "")
	p.Spec.Ingress = nil
	for _, c := range callers {
		p.Spec.Ingress = append(p.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{From: []networkingv1.NetworkPolicyPeer{peer(c)}})
	}
	return p
}

func peer(caller string) networkingv1.NetworkPolicyPeer {
	if addr, err := netip.ParseAddr(caller); err == nil {
		return networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: netip.PrefixFrom(addr, addr.BitLen()).String()}}
	}
	namespace, app, _ := strings.Cut(caller, "/")
	return networkingv1.NetworkPolicyPeer{
		PodSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}},
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": namespace}},
	}
}

// calling makes web's policy restrict whom it calls, to these.
func calling(p *networkingv1.NetworkPolicy, servers ...string) *networkingv1.NetworkPolicy {
	p.Spec.PolicyTypes = append(p.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
	for _, s := range servers {
		p.Spec.Egress = append(p.Spec.Egress, networkingv1.NetworkPolicyEgressRule{To: []networkingv1.NetworkPolicyPeer{peer(s)}})
	}
	return p
}

func unreadableIn(namespace string) declared.Unreadable {
	return declared.Unreadable{Kind: v2beta1.KindClientIntents, Namespace: namespace, Name: "torn"}
}

func TestDoubtKeepsWhatMayHaveBeenAskedFor(t *testing.T) {
	remembered, proposal, insisting := unreadableIn("pay"), unreadableIn("pay"), unreadableIn("pay")
	remembered.Remembered, proposal.Mode, insisting.Mode = true, "shadow", "enforce"
	protection := declared.Unreadable{Kind: v2beta1.KindProtectedService, Namespace: "shop", Name: "torn"}
	broker := declared.Unreadable{Kind: v2beta1.KindKafkaServerConfig, Namespace: "shop", Name: "torn"}
	shadow := func(s *policy.Settings) { s.Mode = policy.ModeShadow }
	asItIs := func(*policy.Settings) {}
	none := []*networkingv1.NetworkPolicy(nil)
	for name, tc := range map[string]struct {
		unreadable   declared.Unreadable
		set          func(*policy.Settings)
		wanted, live []*networkingv1.NetworkPolicy
		want         []*networkingv1.NetworkPolicy
		unsure       bool
	}{
		"a caller from its namespace stays":                        {unreadableIn("pay"), asItIs, none, list(policyOf("pay/till")), list(policyOf("pay/till")), true},
		"a caller from elsewhere does not":                         {unreadableIn("pay"), asItIs, none, list(policyOf("shop/cart")), none, false},
		"callers from elsewhere come and go":                       {unreadableIn("pay"), asItIs, list(policyOf("shop/ads")), list(policyOf("shop/cart", "pay/till")), list(policyOf("shop/ads", "pay/till")), true},
		"what is wanted anyway is no matter of doubt":              {unreadableIn("pay"), asItIs, list(policyOf("pay/till", "shop/ads")), list(policyOf("pay/till")), list(policyOf("pay/till", "shop/ads")), false},
		"what is remembered needs no doubt":                        {remembered, asItIs, none, list(policyOf("pay/till")), none, false},
		"a proposal had no effect":                                 {proposal, asItIs, none, list(policyOf("pay/till")), none, false},
		"nothing was in force in shadow mode":                      {unreadableIn("pay"), shadow, none, list(policyOf("pay/till")), none, false},
		"but for what asked to be":                                 {insisting, shadow, none, list(policyOf("pay/till")), list(policyOf("pay/till")), true},
		"policies that are switched off go":                        {unreadableIn("pay"), func(s *policy.Settings) { s.NetworkPolicies = false }, none, list(policyOf("pay/till")), none, false},
		"a closed policy stays closed in its namespace":            {unreadableIn("shop"), asItIs, none, list(policyOf()), list(policyOf()), true},
		"a closed policy elsewhere goes":                           {unreadableIn("pay"), asItIs, none, list(policyOf()), none, false},
		"a protected server stays isolated":                        {protection, asItIs, none, list(policyOf("pay/till")), list(policyOf()), true},
		"a server that others isolate is protected already":        {protection, asItIs, list(policyOf("pay/till")), list(policyOf()), list(policyOf("pay/till")), false},
		"a broker's configuration isolates nobody":                 {broker, asItIs, none, list(policyOf("shop/cart")), none, false},
		"a caller on the host network stays":                       {unreadableIn("pay"), asItIs, none, list(policyOf("192.0.2.7", "192.0.2.8")), list(policyOf("192.0.2.7")), true},
		"a restriction in its namespace stays":                     {unreadableIn("shop"), egressOn, none, list(calling(policyOf(), "pay/till")), list(calling(policyOf(), "pay/till")), true},
		"and so does whom it allows, beside what is wanted":        {unreadableIn("shop"), egressOn, list(calling(policyOf(), "db/sql")), list(calling(policyOf(), "pay/till")), list(calling(policyOf(), "db/sql", "pay/till")), true},
		"a restriction elsewhere is lifted":                        {unreadableIn("pay"), egressOn, list(policyOf("pay/till")), list(calling(policyOf("pay/till"), "db/sql")), list(policyOf("pay/till")), false},
		"restrictions that are switched off go with their rules":   {unreadableIn("shop"), asItIs, none, list(calling(policyOf("shop/cart"), "pay/till")), list(policyOf("shop/cart")), true},
		"where nothing was written before, nothing is kept":        {unreadableIn("shop"), asItIs, none, nil, none, false},
		"a subject without live policies gets what it should have": {unreadableIn("shop"), asItIs, list(policyOf("shop/cart")), nil, list(policyOf("shop/cart")), false},
	} {
		t.Run(name, func(t *testing.T) {
			set := policy.Defaults()
			tc.set(&set)
			d := doubtOf(payments(), set, []declared.Unreadable{tc.unreadable})
			live := copied(tc.live)
			got, unsure := d.keep(tc.wanted, tc.live)
			if diff := cmp.Diff(contents(got), contents(tc.want)); diff != "" || unsure != tc.unsure {
				t.Errorf("unsure %t, want %t; got, want %s", unsure, tc.unsure, diff)
			}
			if diff := cmp.Diff(tc.live, live); diff != "" {
				t.Errorf("the live objects were changed: %s", diff)
			}
			if again, _ := d.keep(tc.wanted, got); cmp.Diff(contents(again), contents(got)) != "" {
				t.Error("a second time gives something else")
			}
			if len(tc.wanted) == 0 && len(tc.live) > 0 && d.about(tc.live[0]) != tc.unsure {
				t.Error("the collector of garbage thinks otherwise")
			}
		})
	}
}

func egressOn(s *policy.Settings) { s.Egress = true }

// payments returns a cluster in which a pod of pay runs on the host network.
func payments() *cluster.Snapshot {
	facts := cluster.Facts{Namespace: "pay", Pods: []*cluster.Pod{{
		Namespace: "pay", Name: "agent", UID: "1", HostNetwork: true, HostIPs: []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, 7})},
	}}}
	space := (*cluster.Space)(nil).With(facts, cluster.Running)
	return cluster.Empty().WithSpaces([]*cluster.Space{space}, nil, time.Time{})
}

// contents returns what policies do, whatever they are called.
func contents(all []*networkingv1.NetworkPolicy) []networkingv1.NetworkPolicySpec {
	var specs []networkingv1.NetworkPolicySpec
	for _, p := range all {
		specs = append(specs, p.Spec)
	}
	return specs
}

func copied(all []*networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy {
	var copies []*networkingv1.NetworkPolicy
	for _, p := range all {
		copies = append(copies, p.DeepCopy())
	}
	return copies
}
