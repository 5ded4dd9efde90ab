package verdict

import (
	"cmp"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/portolan-io/portolan/internal/policy"
	"github.com/portolan-io/portolan/internal/traffic"
)

// compiled is a NetworkPolicy, ready to be asked often.
type compiled struct {
	namespace, name string
	subject         selector
	ingress, egress *[]rule // nil when the policy does not isolate in that direction
	blocks          bool    // whether a rule speaks of addresses
}

// rule admits a conversation with one of the peers on one of the ports. No peers means all, no ports means all.
type rule struct {
	peers []peer
	ports []port
}

// peer is pods by their labels and their namespace's, or a block of addresses.
type peer struct {
	pods       selector
	namespaces *selector // nil means the policy's own namespace
	block      *block
}

type block struct {
	within  netip.Prefix
	except  []netip.Prefix
	invalid bool // one of the texts is no prefix
}

// port is a port, a range of ports, or every port of a protocol.
type port struct {
	protocol    traffic.Protocol
	name        string
	first, last int32 // both 0 with a name; 1 to 65535 for every port
}

// compile reads a policy. Source: NetworkPolicy of networking.k8s.io/v1. Without policyTypes a policy isolates ingress,
// and egress if it has an egress rule.
func compile(p *networkingv1.NetworkPolicy) *compiled {
	c := &compiled{namespace: cmp.Or(p.Namespace, corev1.NamespaceDefault), name: p.Name, subject: newSelector(p.Spec.PodSelector)}
	isolates := func(t networkingv1.PolicyType, byDefault bool) bool {
		return slices.Contains(p.Spec.PolicyTypes, t) || len(p.Spec.PolicyTypes) == 0 && byDefault
	}
	if isolates(networkingv1.PolicyTypeIngress, true) {
		rules := make([]rule, len(p.Spec.Ingress))
		for i, r := range p.Spec.Ingress {
			rules[i] = rule{peers: newPeers(r.From), ports: newPorts(r.Ports)}
		}
		c.ingress = &rules
	}
	if isolates(networkingv1.PolicyTypeEgress, len(p.Spec.Egress) > 0) {
		rules := make([]rule, len(p.Spec.Egress))
		for i, r := range p.Spec.Egress {
			rules[i] = rule{peers: newPeers(r.To), ports: newPorts(r.Ports)}
		}
		c.egress = &rules
	}
	c.blocks = speaksOfAddresses(c.ingress) || speaksOfAddresses(c.egress)
	return c
}

func speaksOfAddresses(rules *[]rule) bool {
	return rules != nil && slices.ContainsFunc(*rules, func(r rule) bool {
		return slices.ContainsFunc(r.peers, func(p peer) bool { return p.block != nil })
	})
}

// rules returns the rules of one direction; none when the policy does not isolate in it.
func (c *compiled) rules(d policy.Direction) []rule {
	rules := c.ingress
	if d == policy.Egress {
		rules = c.egress
	}
	if rules == nil {
		return nil
	}
	return *rules
}

func newPeers(given []networkingv1.NetworkPolicyPeer) []peer {
	peers := make([]peer, len(given))
	for i, p := range given {
		if p.IPBlock != nil {
			peers[i].block = newBlock(p.IPBlock)
		}
		if p.PodSelector != nil {
			peers[i].pods = newSelector(*p.PodSelector)
		}
		if p.NamespaceSelector != nil {
			s := newSelector(*p.NamespaceSelector)
			peers[i].namespaces = &s
		}
		if p.IPBlock == nil && p.PodSelector == nil && p.NamespaceSelector == nil {
			peers[i].block = &block{invalid: true}
		}
	}
	return peers
}

func newBlock(given *networkingv1.IPBlock) *block {
	b := &block{}
	within, err := netip.ParsePrefix(given.CIDR)
	if err != nil {
		return &block{invalid: true}
	}
	b.within = within.Masked()
	for _, text := range given.Except {
		except, err := netip.ParsePrefix(text)
		if err != nil {
			return &block{invalid: true}
		}
		b.except = append(b.except, except.Masked())
	}
	return b
}

const lastPort = 65535

func newPorts(given []networkingv1.NetworkPolicyPort) []port {
	ports := make([]port, len(given))
	for i, p := range given {
		ports[i] = port{protocol: traffic.TCP, first: 1, last: lastPort}
		if p.Protocol != nil {
			ports[i].protocol = traffic.Protocol(*p.Protocol)
		}
		switch {
		case p.Port == nil:
		case p.Port.Type == intstr.String:
			ports[i].name, ports[i].first, ports[i].last = p.Port.StrVal, 0, 0
		default:
			ports[i].first, ports[i].last = p.Port.IntVal, p.Port.IntVal
			if p.EndPort != nil {
				ports[i].last = *p.EndPort
			}
		}
	}
	return ports
}
