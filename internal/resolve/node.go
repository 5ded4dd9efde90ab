package resolve

import (
	"net/netip"
	"time"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/traffic"
)

// toNode is for addresses of nodes: a Service with that node port, else the pod with that host port, else the pod on the
// host network that declares the port.
func (l *look) toNode(client end, to *traffic.Party) ([]server, Reason) {
	if !l.isHost(to.Addr) {
		return nil, notThisWay
	}
	key := l.nodePort(to)
	switch services := l.snapshot.OnNodePort(key); len(services) {
	case 0:
	case 1:
		return l.behind(client, services[0], portWith(services[0], func(p *cluster.ServicePort) bool {
			return p.NodePort == int32(key.Port) && p.Protocol == key.Protocol
		}), maxHops)
	default:
		return nil, Ambiguous
	}
	one, reason := l.podOnHost(to.Addr, to.Port)
	if reason == NoHolder {
		return nil, HostNetwork
	}
	return []server{one}, reason
}

func (l *look) nodePort(to *traffic.Party) cluster.NodePortKey {
	return cluster.NodePortKey{Port: to.Port, Protocol: l.sighting.What.Protocol}
}

// podOnHost returns the pod that has a port of the node with that address: by a host port, else by declaring it on the
// host network. It is NoHolder when nobody has, and Ambiguous when pods of several workloads do.
func (l *look) podOnHost(addr netip.Addr, port uint16) (server, Reason) {
	node, known := l.nodeAt(addr)
	if !known || port == 0 {
		return server{}, NoHolder
	}
	var byPort, byHost candidate
	key := cluster.HostPort{Node: node, Port: port, Protocol: l.sighting.What.Protocol}
	for _, tenant := range l.snapshot.OnHostPort(key) {
		target, has := tenant.Pod.Behind(key, addr)
		switch {
		case !has || !l.lived(tenant.Pod):
		case tenant.Pod.HostNetwork:
			byHost.add(tenant, target)
		default:
			byPort.add(tenant, target)
		}
	}
	found := byPort
	if byPort.tenant.Pod == nil {
		found = byHost
	}
	if reason := found.reason(); reason != Resolved {
		return server{}, reason
	}
	one, reason := tenantEnd(found.tenant)
	return server{end: one, target: found.target, host: found.tenant.Pod.HostNetwork}, reason
}

// candidate is the one of several pods that all belong to one workload. During a change two of them may have one port.
type candidate struct {
	tenant cluster.Tenant
	target uint16 // the pod's port
	others bool   // of other workloads
}

func (c *candidate) add(t cluster.Tenant, target uint16) {
	switch {
	case c.tenant.Pod == nil:
		c.tenant, c.target = t, target
	case c.tenant.Workload() != t.Workload():
		c.others = true
	}
}

func (c *candidate) reason() Reason {
	switch {
	case c.tenant.Pod == nil:
		return NoHolder
	case c.others:
		return Ambiguous
	default:
		return Resolved
	}
}

// nodeAt returns the name of the node that had an address; where nodes cannot be read, what a pod of it says.
func (l *look) nodeAt(addr netip.Addr) (name string, known bool) {
	for _, host := range l.snapshot.Hosts(addr) {
		if l.during(host.From, host.To) {
			return host.Node, true // one machine has an address at a time
		}
	}
	if guests := l.snapshot.OnHost(addr); len(guests) > 0 {
		return guests[0].Pod.Node, true
	}
	return "", false
}

// isHost reports whether addr was one of a node, or of a pod on the host network.
func (l *look) isHost(addr netip.Addr) bool {
	_, known := l.nodeAt(addr)
	return known
}

// lived reports whether a pod was there when the sighting was.
func (l *look) lived(p *cluster.Pod) bool { return l.during(p.Created, p.Ended) }

// during reports whether something that lasted from from to to was there when the sighting was.
func (l *look) during(from, to time.Time) bool {
	for _, m := range l.moments() {
		if m.within(from, to) {
			return true
		}
	}
	return false
}
