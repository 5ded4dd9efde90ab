package controllers

import (
	"maps"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/declared"
	"github.com/portolan-io/portolan/internal/policy"
)

// This file says what must stay as it is while an object cannot be read and nobody knows what it said before: the policies
// in the cluster are all that is left of it. It is pure.
//
//	unreadable in namespace n       stays, of policies that Portolan wrote
//	ClientIntents                   rules that let callers from n in, and the isolation that they are exceptions to;
//	                                egress rules of workloads in n; a policy in n that lets nobody in
//	ProtectedService                the isolation of servers in n
//	ClientIntents, mode: shadow     nothing: a proposal has no effect
//
// Everything else follows what can be read: rules are added, and rules for callers from elsewhere are taken away.

// doubt is what unreadable objects may have asked for. The zero value is no doubt.
type doubt struct {
	callers   map[string]bool // namespaces whose workloads may be clients
	hosts     map[string]bool // addresses, as blocks, of their pods on the host network
	protected map[string]bool // namespaces whose workloads may be protected
	egress    bool
}

// doubtOf returns what may have been asked for by the objects of which no earlier version is known.
func doubtOf(snap *cluster.Snapshot, set policy.Settings, unreadable []declared.Unreadable) doubt {
	d := doubt{egress: set.Egress}
	if !set.NetworkPolicies {
		return d
	}
	for _, u := range unreadable {
		switch {
		case u.Remembered:
		case u.Kind == v2beta1.KindClientIntents && mayBeInForce(u, set):
			d.callers = including(d.callers, u.Namespace)
			d.hosts = including(d.hosts, hostBlocks(snap, u.Namespace)...)
		case u.Kind == v2beta1.KindProtectedService:
			d.protected = including(d.protected, u.Namespace)
		}
	}
	return d
}

// mayBeInForce reports whether a ClientIntents can have had an effect.
func mayBeInForce(u declared.Unreadable, set policy.Settings) bool {
	switch v2beta1.Mode(u.Mode) {
	case v2beta1.ModeShadow:
		return false
	case v2beta1.ModeEnforce:
		return true
	default:
		return set.Mode == policy.ModeEnforce || len(set.EnforcedNamespaces) > 0
	}
}

// hostBlocks returns the blocks by which policies name the pods of a namespace that are on the host network.
func hostBlocks(snap *cluster.Snapshot, namespace string) []string {
	space, known := snap.Space(namespace)
	if !known {
		return nil
	}
	var blocks []string
	for _, p := range space.Pods() {
		if !p.HostNetwork {
			continue
		}
		for _, ip := range slices.Concat(p.HostIPs, p.IPs) {
			blocks = append(blocks, netip.PrefixFrom(ip, ip.BitLen()).String())
		}
	}
	return blocks
}

// including adds to a set, which may be nil.
func including(set map[string]bool, more ...string) map[string]bool {
	if set == nil {
		set = make(map[string]bool, len(more))
	}
	for _, m := range more {
		set[m] = true
	}
	return set
}

// about reports whether a policy for which nothing that can be read asks may be wanted after all.
func (d doubt) about(live *networkingv1.NetworkPolicy) bool { return d.united(nil, live) != nil }

// keep returns the policies that a subject should have: those that are wanted, and of its live ones what may be wanted
// after all. more says that there is something of the latter. It changes nothing of what it is given.
func (d doubt) keep(wanted, live []*networkingv1.NetworkPolicy) (kept []*networkingv1.NetworkPolicy, more bool) {
	if len(d.callers) == 0 && len(d.protected) == 0 {
		return wanted, false
	}
	kept = slices.Clone(wanted)
	for _, l := range live {
		i := slices.IndexFunc(kept, func(w *networkingv1.NetworkPolicy) bool { return w.Name == l.Name })
		if i < 0 {
			if both := d.united(nil, l); both != nil {
				kept, more = append(kept, both), true
			}
			continue
		}
		if both := d.united(kept[i], l); both != kept[i] {
			kept[i], more = both, true
		}
	}
	return kept, more
}

// united returns a policy that does what want does, and what live does and may be wanted after all. It returns want itself,
// which may be nil, where that is enough.
func (d doubt) united(want, live *networkingv1.NetworkPolicy) *networkingv1.NetworkPolicy {
	both := shell(live)
	if want != nil {
		both = want.DeepCopy()
	}
	in, isolates := d.ingress(both, live)
	out, restricts := d.restriction(both, live)
	isNew := func(t networkingv1.PolicyType, holds bool) bool {
		return holds && !slices.Contains(both.Spec.PolicyTypes, t)
	}
	if len(in) == 0 && len(out) == 0 && !isNew(networkingv1.PolicyTypeIngress, isolates) && !isNew(networkingv1.PolicyTypeEgress, restricts) {
		return want
	}
	if isNew(networkingv1.PolicyTypeIngress, isolates) {
		both.Spec.PolicyTypes = slices.Insert(both.Spec.PolicyTypes, 0, networkingv1.PolicyTypeIngress)
	}
	if isNew(networkingv1.PolicyTypeEgress, restricts) {
		both.Spec.PolicyTypes = append(both.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
	}
	both.Spec.Ingress = append(both.Spec.Ingress, in...)
	both.Spec.Egress = append(both.Spec.Egress, out...)
	return both
}

// shell returns a policy that selects what live selects, and does nothing.
func shell(live *networkingv1.NetworkPolicy) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: live.Namespace, Name: live.Name,
			Labels: maps.Clone(live.Labels), Annotations: maps.Clone(live.Annotations),
		},
		Spec: networkingv1.NetworkPolicySpec{PodSelector: *live.Spec.PodSelector.DeepCopy()},
	}
}

// ingress returns the rules of live for callers in doubt that want does not have, and whether the isolation itself must
// stay.
func (d doubt) ingress(want, live *networkingv1.NetworkPolicy) (rules []networkingv1.NetworkPolicyIngressRule, isolates bool) {
	if !slices.Contains(live.Spec.PolicyTypes, networkingv1.PolicyTypeIngress) {
		return nil, false
	}
	for _, rule := range live.Spec.Ingress {
		var callers []networkingv1.NetworkPolicyPeer
		for _, peer := range rule.From {
			if d.isCaller(peer) && !lets(want.Spec.Ingress, peer, rule.Ports) {
				callers = append(callers, *peer.DeepCopy())
			}
		}
		if len(callers) > 0 {
			rules = append(rules, networkingv1.NetworkPolicyIngressRule{From: callers, Ports: rule.DeepCopy().Ports})
		}
	}
	letsNobody := len(live.Spec.Ingress) == 0
	return rules, len(rules) > 0 || d.protected[live.Namespace] || (letsNobody && d.callers[live.Namespace])
}

// isCaller reports whether a peer of an ingress rule may be a client in doubt.
func (d doubt) isCaller(peer networkingv1.NetworkPolicyPeer) bool {
	if peer.IPBlock != nil {
		return d.hosts[peer.IPBlock.CIDR]
	}
	return peer.NamespaceSelector != nil && d.callers[peer.NamespaceSelector.MatchLabels[corev1.LabelMetadataName]]
}

// lets reports whether one of the rules lets a peer in on these ports.
func lets(rules []networkingv1.NetworkPolicyIngressRule, peer networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) bool {
	isPeer := func(p networkingv1.NetworkPolicyPeer) bool { return equality.Semantic.DeepEqual(p, peer) }
	return slices.ContainsFunc(rules, func(r networkingv1.NetworkPolicyIngressRule) bool {
		return (len(r.From) == 0 || slices.ContainsFunc(r.From, isPeer)) &&
			(len(r.Ports) == 0 || equality.Semantic.DeepEqual(portsWithDefaults(r.Ports), portsWithDefaults(ports)))
	})
}

// restriction returns the egress rules of live that want does not have, and whether the restriction must stay, for a
// workload that may be a client in doubt.
func (d doubt) restriction(want, live *networkingv1.NetworkPolicy) (rules []networkingv1.NetworkPolicyEgressRule, restricts bool) {
	if !d.egress || !d.callers[live.Namespace] || !slices.Contains(live.Spec.PolicyTypes, networkingv1.PolicyTypeEgress) {
		return nil, false
	}
	for _, rule := range withDefaults(live.Spec).Egress {
		isRule := func(r networkingv1.NetworkPolicyEgressRule) bool { return equality.Semantic.DeepEqual(r, rule) }
		if !slices.ContainsFunc(withDefaults(want.Spec).Egress, isRule) {
			rules = append(rules, *rule.DeepCopy())
		}
	}
	return rules, true
}
