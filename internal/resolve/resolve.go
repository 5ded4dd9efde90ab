package resolve

import (
	"slices"
	"time"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

// Resolver turns sightings into observations. It holds nothing but its options; it is safe for concurrent use.
type Resolver struct {
	options  Options
	networks cluster.Ranges // of the cluster, as configured
}

// New returns a resolver with these options, which must be valid.
func New(o Options) *Resolver {
	o = o.withDefaults()
	return &Resolver{options: o, networks: cluster.NewRanges(o.ClusterNetworks...)}
}

// Delivery is a sighting and the node whose agent reported it; empty when that is not known.
type Delivery struct {
	traffic.Sighting

	Node    string
	Watched func(node string) bool // whether a node has an agent; nil means that no other has
}

// Resolve returns what a sighting says about workloads: one observation per server, since a Service may have several
// workloads behind it. When it says nothing, the reason is not Resolved. With the reason Awaiting there are
// observations all the same, by address, to be used when nothing more becomes known in time.
//
// It is a pure function of its arguments, but that names learns from the answers to lookups. It makes no request and
// costs about as much as a few map reads.
func (r *Resolver) Resolve(snapshot *cluster.Snapshot, names *Memory, d Delivery) ([]graph.Observation, Reason) {
	l := look{scene: &scene{resolver: r, snapshot: snapshot, names: names}, sighting: &d.Sighting}
	found, reason := l.resolve(&d)
	if l.handedOver && reason == Resolved {
		return l.bothEnds(&d, found), reason
	}
	return found, reason
}

// resolve takes the node and what it knows of others from d.
func (l *look) resolve(d *Delivery) ([]graph.Observation, Reason) {
	client, reason := l.client()
	if reason != Resolved {
		return nil, reason
	}
	var servers []server
	if l.sighting.What.Act == traffic.Lookup {
		servers, reason = l.lookup(client)
	} else {
		servers, reason = l.connection(client)
	}
	if reason != Resolved && reason != Awaiting {
		return nil, reason
	}
	if final := l.objection(d.Node, client, &servers); final != Resolved {
		if final == SamePod && reason == Awaiting {
			final = NoBackend // beside the client itself
		}
		return nil, final
	}
	if !client.peer.Inside() && l.resolver.isPrivate(client.peer.Addr) {
		reason = Awaiting // perhaps a pod so new that its address is not known yet
	}
	return d.counted(client, l.observations(client, servers)), reason
}

// counted takes the counts from what is observed where another agent's are the ones that count: what both report is one fact.
func (d *Delivery) counted(client end, observed []graph.Observation) []graph.Observation {
	if d.countedElsewhere(client) {
		for i := range observed {
			observed[i].Count = 0
		}
	}
	return observed
}

// countedElsewhere reports whether the client's node is not the one that reported, and has an agent that sees the same.
func (d *Delivery) countedElsewhere(client end) bool {
	return d.Node != "" && client.node != "" && client.node != d.Node && d.Watched != nil && d.Watched(client.node)
}

// objection says why the map has no place for what is known by now. It leaves in servers those for which it has.
func (l *look) objection(node string, client end, servers *[]server) Reason {
	if l.isForeign(node, client, *servers) {
		return ForeignNode
	}
	if *servers = withoutItself(client, *servers); len(*servers) == 0 {
		return SamePod
	}
	if *servers = l.resolver.withoutExcluded(client, *servers); len(*servers) == 0 {
		return ExcludedNamespace
	}
	return Resolved
}

// scene is what sightings are looked at with. It outlives them, and stands apart so that the compiler sees that a sighting
// does not: then resolving one leaves no copy of it on the heap.
type scene struct {
	resolver *Resolver
	snapshot *cluster.Snapshot
	names    *Memory
}

// look is the resolution of one sighting.
type look struct {
	*scene

	sighting *traffic.Sighting

	handedOver bool // an address of the sighting had one holder at its first moment and another one at its last
}

// end is one side of a sighting, resolved.
type end struct {
	peer graph.Peer
	pod  string // UID; empty unless the sighting means exactly one pod
	node string // of that pod
}

// server is an end with what the sighting says about how it was reached.
type server struct {
	end
	service string // the Service that the client addressed
	target  uint16 // the pod's port
	host    bool   // on the host network
	private bool   // outside, in a private network
}

func insideEnd(who identity.Workload) end { return end{peer: graph.Peer{Workload: who}} }

// tenantEnd returns the end that is exactly one pod.
func tenantEnd(t cluster.Tenant) (end, Reason) {
	if t.Unresolved() {
		return end{}, OwnerUnresolved
	}
	return end{peer: graph.Peer{Workload: t.Workload()}, pod: t.Pod.UID, node: t.Pod.Node}, Resolved
}

// isForeign reports whether the parties are pods of other nodes than the one that reported them. That is only said of
// what goes straight from pod to pod; whatever is translated may pass through any node.
func (l *look) isForeign(node string, client end, servers []server) bool {
	if node == "" || client.node == "" || client.node == node {
		return false
	}
	other := ""
	switch {
	case l.sighting.What.Act == traffic.Lookup:
		if lease, reason := l.holder(l.snapshot.Leases(l.sighting.What.Responder), ""); reason == Resolved {
			other = lease.Pod.Node
		}
	case len(servers) == 1 && servers[0].service == "" && !l.sighting.What.Translated.IsValid():
		other = servers[0].node
	}
	return other != "" && other != node
}

// withoutItself drops the client's own pod from the servers.
func withoutItself(client end, servers []server) []server {
	if client.pod == "" {
		return servers
	}
	return slices.DeleteFunc(servers, func(s server) bool { return s.pod == client.pod })
}

// withoutExcluded drops the servers with which an edge would touch an excluded namespace.
func (r *Resolver) withoutExcluded(client end, servers []server) []server {
	if len(r.options.ExcludedNamespaces) == 0 {
		return servers
	}
	if r.excluded(client) {
		return nil
	}
	return slices.DeleteFunc(servers, func(s server) bool { return r.excluded(s.end) })
}

func (r *Resolver) excluded(e end) bool {
	return e.peer.Inside() && slices.Contains(r.options.ExcludedNamespaces, e.peer.Workload.Namespace)
}

func (l *look) observations(client end, servers []server) []graph.Observation {
	s := l.sighting
	use := graph.Use{Act: s.What.Act}
	switch s.What.Act {
	case traffic.Lookup:
		use.Name = normalized(s.To.Name)
	default:
		use.Protocol, use.Port = s.What.Protocol, s.To.Port
	}
	var ports []uint16
	if s.What.Act == traffic.Connect && s.From.Addr.IsValid() {
		ports = s.ClientPorts()
	}
	fromPrivate := !client.peer.Inside() && l.resolver.isPrivate(client.peer.Addr)
	all := make([]graph.Observation, len(servers))
	for i, server := range servers {
		all[i] = graph.Observation{
			Client: client.peer, Server: server.peer, Service: server.service, Use: use, TargetPort: server.target,
			HostNetwork: server.host, Private: server.private || fromPrivate,
			Source: s.Source, First: s.First, Last: s.Last, Count: s.Count, Caller: s.From.Addr, Ports: ports,
		}
	}
	return all
}

// apiSecond is how much later than the API says something may have ended: the API cuts times to whole seconds. A pod that
// lives for less than a second would hold its address at no moment.
const apiSecond = time.Second

// moments are the times at which what the sighting tells of is known to have been so: a folded one has two of them. The
// last one counts first, and only then the second after an end.
func (l *look) moments() [4]moment {
	return [4]moment{
		{l.sighting.Last, 0}, {l.sighting.First, 0}, {l.sighting.Last, apiSecond}, {l.sighting.First, apiSecond},
	}
}

// moment is a time, and how long before it something may have ended.
type moment struct {
	at    time.Time
	grace time.Duration
}

// within reports whether something that lasted from from to to, or lasts if to is zero, was there at that moment.
func (m moment) within(from, to time.Time) bool {
	return !m.at.Before(from) && (to.IsZero() || m.at.Before(to.Add(m.grace)))
}

// holder returns who held an address of the sighting, of that pod where uid is given.
func (l *look) holder(leases []cluster.Lease, uid string) (*cluster.Lease, Reason) {
	if len(leases) == 0 {
		return nil, NoHolder
	}
	l.handedOver = l.handedOver || len(leases) > 1 && l.handsOver(leases)
	for _, m := range l.moments() {
		if found, reason := m.heldBy(leases, uid); reason != NoHolder {
			return found, reason
		}
	}
	return nil, NoHolder
}

// heldBy returns the one lease that holds at that moment.
func (m moment) heldBy(leases []cluster.Lease, uid string) (*cluster.Lease, Reason) {
	var found *cluster.Lease
	for i := range leases {
		lease := &leases[i]
		if !m.within(lease.From, lease.To) || uid != "" && lease.Pod.UID != uid {
			continue
		}
		if found != nil {
			return nil, Ambiguous
		}
		found = lease
	}
	if found == nil {
		return nil, NoHolder
	}
	return found, Resolved
}
