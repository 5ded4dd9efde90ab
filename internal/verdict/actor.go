package verdict

import (
	"net/netip"

	"github.com/portolan-io/portolan/internal/cluster"
)

// actor is one side of one pair: a pod, a pod that a template would make, or somebody who is no pod.
type actor struct {
	name      string // of the pod
	twin      string // of another pod that no policy can tell from this one, which stands for both; empty when there is none
	namespace string // of the pod; empty for who is no pod
	labels    map[string]string
	around    map[string]string // labels of the namespace
	addrs     []netip.Addr      // empty when they are not known
	node      string            // of the pod, or the node that this address belongs to
	ports     []cluster.ContainerPort
	host      bool // a pod on the host network
	template  bool // no such pod runs; ports and addresses are not known

	ingress, egress []hold // the policies that isolate it
}

// hold is a policy that isolates an actor: surely, or maybe.
type hold struct {
	policy *compiled
	sure   match
}

// isolable reports whether policies apply to the actor.
func (a *actor) isolable() bool { return a.namespace != "" && !a.host }

// isPod reports whether the actor is a pod, on whatever network.
func (a *actor) isPod() bool { return a.namespace != "" }

// podActor returns the actor of a pod.
func podActor(p *cluster.Pod, around map[string]string) *actor {
	a := &actor{
		name: p.Name, namespace: p.Namespace, labels: p.Labels, around: around,
		addrs: p.IPs, node: p.Node, ports: p.Ports, host: p.HostNetwork,
	}
	if p.HostNetwork && len(a.addrs) == 0 {
		a.addrs = p.HostIPs
	}
	return a
}

// templateActor returns the actor of the pods that a controller would make.
func templateActor(c *cluster.Controller, around map[string]string) *actor {
	return &actor{namespace: c.Namespace, labels: c.TemplateLabels, around: around, template: true}
}

// is reports whether both are the same pod.
func (a *actor) is(b *actor) bool {
	return a.name != "" && a.name == b.name && a.namespace == b.namespace
}
