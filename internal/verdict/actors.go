package verdict

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
)

// side is one side of a question.
type side struct {
	who  identity.Workload
	pod  string
	addr netip.Addr
}

// crowd is who may stand on one side, by name; empty when the workload is not known.
type crowd struct {
	all      []*actor
	distinct []*actor // of pods that no policy can tell apart one
	onNode   bool     // somebody has the address of a node, so that it matters on which node the others run
}

// facing returns the actors that have to be judged against the other side.
func (c crowd) facing(other crowd) []*actor {
	if other.onNode {
		return c.all
	}
	return c.distinct
}

// crowd returns who may stand on that side.
func (c *Court) crowd(s side) crowd {
	c.mu.Lock()
	defer c.mu.Unlock()
	if found, known := c.known[s]; known {
		return found
	}
	found := crowd{all: c.find(s)}
	slices.SortStableFunc(found.all, func(a, b *actor) int { return cmp.Compare(a.name, b.name) })
	for _, a := range found.all {
		c.isolate(a)
		found.onNode = found.onNode || a.node != "" && !a.isolable()
	}
	found.distinct = c.distinct(found.all)
	c.known[s] = found
	return found
}

func (c *Court) find(s side) []*actor {
	switch {
	case s.who.IsZero():
		return []*actor{c.outside(s.addr)}
	case s.pod != "":
		return c.pods(s.who.Namespace, s.pod)
	case s.who == identity.APIServer():
		return c.apiServer()
	case s.who.Kind == identity.KindService:
		return c.behind(s.who)
	default:
		return c.members(s.who)
	}
}

// outside is somebody who is no pod, at that address if it is known.
func (c *Court) outside(addrs ...netip.Addr) *actor {
	a := &actor{}
	for _, addr := range addrs {
		if addr.IsValid() {
			a.addrs = append(a.addrs, addr)
			a.node = cmp.Or(a.node, c.hosts[addr])
		}
	}
	return a
}

// pods returns the pods of those names.
func (c *Court) pods(namespace string, names ...string) []*actor {
	space, known := c.snapshot.Space(namespace)
	if !known {
		return nil
	}
	var found []*actor
	for _, name := range names {
		if p, known := space.Pod(name); known {
			found = append(found, podActor(p, space.Labels))
		}
	}
	return found
}

// members returns the pods of a workload; when none runs, those that its templates would make.
func (c *Court) members(who identity.Workload) []*actor {
	space, known := c.snapshot.Space(who.Namespace)
	if !known {
		return nil
	}
	workload, known := space.Workload(who)
	if !known {
		return nil
	}
	var found []*actor
	for _, p := range workload.Pods {
		found = append(found, podActor(p, space.Labels))
	}
	if len(found) > 0 {
		return found
	}
	for _, controller := range workload.Controllers {
		found = append(found, templateActor(controller, space.Labels))
	}
	return found
}

// apiServer returns the endpoints of the API server, which is no pod; one at an unknown address when none is known.
func (c *Court) apiServer() []*actor {
	var found []*actor
	_, slices, _ := c.snapshot.APIServer()
	for _, slice := range slices {
		for _, e := range slice.Endpoints {
			found = append(found, c.outside(e.Addresses...))
		}
	}
	if len(found) == 0 {
		found = append(found, c.outside())
	}
	return found
}

// behind returns the pods behind a Service, and the addresses behind it that are no pods.
func (c *Court) behind(who identity.Workload) []*actor {
	space, known := c.snapshot.Space(who.Namespace)
	if !known {
		return nil
	}
	service, known := space.Service(who.Name)
	if !known {
		return nil
	}
	list := space.Slices(service.Name)
	var found []*actor
	if len(list) == 0 {
		for _, p := range space.Selected(service.Selector) {
			found = append(found, podActor(p, space.Labels))
		}
	}
	for _, slice := range list {
		for _, e := range slice.Endpoints {
			found = append(found, c.endpoint(space, e)...)
		}
	}
	return found
}

func (c *Court) endpoint(space *cluster.Space, e cluster.Endpoint) []*actor {
	if e.Pod == "" {
		return []*actor{c.outside(e.Addresses...)}
	}
	return c.pods(space.Name, e.Pod)
}

// distinct leaves out the actors that no policy can tell from one before, which learns of the first of them as its twin.
func (c *Court) distinct(all []*actor) []*actor {
	seen := make(map[string]*actor, len(all))
	var kept []*actor
	for _, a := range all {
		looks := c.looks(a)
		if first, again := seen[looks]; again {
			first.twin = cmp.Or(first.twin, a.name)
			continue
		}
		seen[looks] = a
		kept = append(kept, a)
	}
	return kept
}

// looks is everything about an actor that a policy of this court may read.
func (c *Court) looks(a *actor) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%q %t %t", a.namespace, a.host, a.template)
	for _, key := range slices.Sorted(maps.Keys(a.labels)) {
		if _, read := c.keys[key]; read {
			fmt.Fprintf(&text, " %q=%q", key, a.labels[key])
		}
	}
	if !a.isolable() {
		fmt.Fprintf(&text, " %q", a.node)
	}
	for _, addr := range a.addrs {
		fmt.Fprintf(&text, " v4=%t", addr.Is4())
		for i, network := range c.networks {
			if network.Contains(addr) {
				fmt.Fprintf(&text, " %d", i)
			}
		}
	}
	if c.named {
		fmt.Fprintf(&text, " %v", a.ports)
	}
	return text.String()
}
