package networkpolicy

import (
	"maps"
	"net/netip"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/policy"
)

// egress returns the egress rules of a restricted client, in the order of the permissions: workloads in one rule, one
// rule for each Service, the API server, one for each internet target, and DNS.
func (c compiler) egress() []networkingv1.NetworkPolicyEgressRule {
	var rules []networkingv1.NetworkPolicyEgressRule
	for _, group := range outgoing(c.ruling.Out) {
		to, isOpen := c.to(group)
		if len(to) == 0 && !isOpen {
			continue // An empty list of peers would allow everyone.
		}
		rules = append(rules, networkingv1.NetworkPolicyEgressRule{To: to, Ports: ports(group[0].Ports)})
	}
	return rules
}

// outgoing splits permissions into those that become one rule.
func outgoing(all []policy.Permission) [][]policy.Permission {
	var found [][]policy.Permission
	for _, p := range all {
		if last := len(found) - 1; last >= 0 && joins(found[last][0], p) {
			found[last] = append(found[last], p)
		} else {
			found = append(found, []policy.Permission{p})
		}
	}
	return found
}

func joins(a, b policy.Permission) bool {
	switch {
	case isWorkload(a):
		return isWorkload(b)
	case len(a.Internet) > 0 || a.Server.IsZero():
		return false
	default:
		return a.Server == b.Server
	}
}

func isWorkload(p policy.Permission) bool {
	return !p.Server.IsZero() && p.Server.Kind != identity.KindService && p.Server != identity.APIServer()
}

// to returns the peers of a group. isOpen is true for the one rule that may go anywhere.
func (c compiler) to(group []policy.Permission) (to []networkingv1.NetworkPolicyPeer, isOpen bool) {
	var found peers
	first := group[0]
	switch {
	case first.Because.Rule == policy.RuleDNS:
		if c.set.DNS.Egress == policy.DNSAnywhere {
			return nil, true
		}
		c.addDNS(&found)
	case len(first.Internet) > 0:
		found.blocks = slices.Clone(first.Internet)
	case first.Server == identity.APIServer():
		found.blocks = policy.APIServerAddresses(c.snap, c.set)
	default:
		for _, p := range group {
			found.addSubject(c.snap, p.Server)
			c.addFronts(&found, p.Server)
		}
	}
	return found.list(), false
}

// addDNS adds the servers of cluster DNS and its caches on the nodes.
func (c compiler) addDNS(found *peers) {
	for _, name := range c.set.DNS.Services {
		found.addSubject(c.snap, identity.Workload{Namespace: name.Namespace, Kind: identity.KindService, Name: name.Name})
	}
	for _, a := range c.set.DNS.NodeLocal {
		found.blocks = append(found.blocks, netip.PrefixFrom(a, a.BitLen()))
	}
}

// addFronts adds the selector of each Service that selects exactly the pods of a workload by other labels: some networks
// look at the Service's address before it is translated.
func (c compiler) addFronts(found *peers, server identity.Workload) {
	w, isWorkload := c.snap.Workload(server)
	own, _ := policy.Select(c.snap, server)
	if !isWorkload || len(w.Pods) == 0 || len(own.Labels) == 0 {
		return
	}
	for _, selector := range policy.FrontSelectors(c.snap, w) {
		if !maps.Equal(selector, own.Labels) {
			found.addPods(server.Namespace, selector)
		}
	}
}
