package networkpolicy

import (
	"slices"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/portolan-io/portolan/internal/policy"
)

// ingress returns the ingress rules of an isolated server; none where nobody may call it.
func (c compiler) ingress() []networkingv1.NetworkPolicyIngressRule {
	var rules []networkingv1.NetworkPolicyIngressRule
	for _, group := range groups(c.ruling.In) {
		rules = append(rules, c.from(group)...)
	}
	return rules
}

// groups splits permissions into those that become one rule: all declared callers of one server, or all permissions of
// one implied cause. They come in that order already.
func groups(all []policy.Permission) [][]policy.Permission {
	var found [][]policy.Permission
	for _, p := range all {
		if last := len(found) - 1; last >= 0 && sameRule(found[last][0], p) {
			found[last] = append(found[last], p)
		} else {
			found = append(found, []policy.Permission{p})
		}
	}
	return found
}

func sameRule(a, b policy.Permission) bool {
	if a.Because.Rule != "" || b.Because.Rule != "" {
		return a.Because == b.Because
	}
	return a.Server == b.Server
}

// from returns the rule that admits the clients of a group. A group that admits anyone has no peers; one of which no
// client can be selected gives no rule, because an empty list of peers would admit everyone.
func (c compiler) from(group []policy.Permission) []networkingv1.NetworkPolicyIngressRule {
	rule := networkingv1.NetworkPolicyIngressRule{Ports: ports(group[0].Ports)}
	admitsAnyone := slices.ContainsFunc(group, func(p policy.Permission) bool { return p.Client.IsZero() })
	if !admitsAnyone {
		var found peers
		for _, p := range group {
			found.addSubject(c.snap, p.Client)
		}
		if rule.From = found.list(); len(rule.From) == 0 {
			return nil
		}
	}
	return []networkingv1.NetworkPolicyIngressRule{rule}
}
