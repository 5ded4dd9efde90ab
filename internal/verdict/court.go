package verdict

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/policy"
)

// Court answers many questions about one snapshot and one set of policies. It is safe for concurrent use. What it finds
// out about a workload it keeps, so asking about the same ones again is fast.
type Court struct {
	snapshot *cluster.Snapshot
	policies map[string][]*compiled // namespace → its policies, by name
	keys     map[string]struct{}    // the label keys that a policy reads
	networks []netip.Prefix         // the address ranges that a policy reads, each once
	named    bool                   // whether a policy names a port
	hosts    map[netip.Addr]string  // node address → node

	mu    sync.Mutex
	known map[side]crowd
}

// NewCourt reads the policies. Of two with the same namespace and name the later one counts, as with kubectl apply.
// Neither the snapshot nor the policies may change afterwards.
func NewCourt(snapshot *cluster.Snapshot, policies []*networkingv1.NetworkPolicy) *Court {
	c := &Court{
		snapshot: snapshot, policies: make(map[string][]*compiled), keys: make(map[string]struct{}),
		hosts: make(map[netip.Addr]string), known: make(map[side]crowd),
	}
	for _, p := range policies {
		if p != nil {
			c.add(compile(p))
		}
	}
	for _, node := range snapshot.Nodes() {
		for _, addr := range node.Addresses {
			c.hosts[addr] = node.Name
		}
	}
	return c
}

func (c *Court) add(p *compiled) {
	list := c.policies[p.namespace]
	at, again := slices.BinarySearchFunc(list, p.name, func(q *compiled, name string) int { return cmp.Compare(q.name, name) })
	if again {
		list[at] = p
	} else {
		c.policies[p.namespace] = slices.Insert(list, at, p)
	}
	c.note(p.subject)
	for _, d := range []policy.Direction{policy.Ingress, policy.Egress} {
		rules := p.rules(d)
		for i := range rules {
			c.noteRule(&rules[i])
		}
	}
}

// noteRule notes what of a pod a rule can tell apart.
func (c *Court) noteRule(r *rule) {
	for i := range r.peers {
		c.note(r.peers[i].pods)
		if b := r.peers[i].block; b != nil {
			c.noteNetworks(append(slices.Clip(b.except), b.within)...)
		}
	}
	c.named = c.named || slices.ContainsFunc(r.ports, func(p port) bool { return p.name != "" })
}

func (c *Court) note(s selector) {
	for i := range s {
		c.keys[s[i].key] = struct{}{}
	}
}

func (c *Court) noteNetworks(networks ...netip.Prefix) {
	for _, n := range networks {
		at, again := slices.BinarySearchFunc(c.networks, n, netip.Prefix.Compare)
		if !again && n.IsValid() {
			c.networks = slices.Insert(c.networks, at, n)
		}
	}
}

// isolate finds the policies that isolate an actor.
func (c *Court) isolate(a *actor) *actor {
	if !a.isolable() {
		return a
	}
	for _, p := range c.policies[a.namespace] {
		sure := p.subject.selects(a.labels)
		if sure == no {
			continue
		}
		if p.ingress != nil {
			a.ingress = append(a.ingress, hold{policy: p, sure: sure})
		}
		if p.egress != nil {
			a.egress = append(a.egress, hold{policy: p, sure: sure})
		}
	}
	return a
}
