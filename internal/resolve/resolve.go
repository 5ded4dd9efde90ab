package resolve

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

// Resolver turns sightings into observations. It holds nothing but its options and what it computed about the latest
// snapshot; it is safe for concurrent use.
type Resolver struct {
	options Options
	terrain atomic.Pointer[terrain]
}

// New returns a resolver with these options, which must be valid.
func New(o Options) *Resolver { return &Resolver{options: o.withDefaults()} }

// Resolve returns what a sighting says about workloads: one observation per server, since a Service may have several
// workloads behind it. When it says nothing, the reason is not Resolved. With the reason Awaiting there are
// observations all the same, by address, to be used when nothing more becomes known in time.
//
// It is a pure function of its arguments, but that names learns from the answers to lookups. It makes no request and
// costs about as much as a few map reads.
func (r *Resolver) Resolve(snapshot *cluster.Snapshot, names *Memory, s traffic.Sighting) ([]graph.Observation, Reason) {
	l := look{resolver: r, snapshot: snapshot, names: names, sighting: &s}
	client, reason := l.client()
	if reason != Resolved {
		return nil, reason
	}
	var servers []server
	if s.What.Act == traffic.Lookup {
		servers, reason = l.lookup(client)
	} else {
		servers, reason = l.connection(client)
	}
	if reason != Resolved && reason != Awaiting {
		return nil, reason
	}
	if servers = withoutItself(client, servers); len(servers) == 0 {
		return nil, SamePod
	}
	if servers = r.withoutExcluded(client, servers); len(servers) == 0 {
		return nil, ExcludedNamespace
	}
	if !client.peer.Inside() && r.isPrivate(client.peer.Addr) {
		reason = Awaiting // perhaps a pod so new that its address is not known yet
	}
	return l.observations(client, servers), reason
}

// look is the resolution of one sighting.
type look struct {
	resolver *Resolver
	snapshot *cluster.Snapshot
	names    *Memory
	sighting *traffic.Sighting
}

// end is one side of a sighting, resolved.
type end struct {
	peer graph.Peer
	pod  string // UID; empty unless the sighting means exactly one pod
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

// holder returns who held an address of the sighting, of that pod where uid is given. A folded sighting has two moments
// at which the address is known to have spoken, the last one first.
func (l *look) holder(leases []cluster.Lease, uid string) (cluster.Lease, Reason) {
	if len(leases) == 0 {
		return cluster.Lease{}, NoHolder
	}
	for _, grace := range []time.Duration{0, apiSecond} {
		for _, at := range []time.Time{l.sighting.Last, l.sighting.First} {
			if found, reason := heldAt(leases, uid, at, grace); reason != NoHolder {
				return found, reason
			}
		}
	}
	return cluster.Lease{}, NoHolder
}

// apiSecond is how much later than the API says a pod may have ended: the API cuts times to whole seconds. A pod that
// lives for less than a second would hold its address at no moment.
const apiSecond = time.Second

// heldAt returns the one lease that holds at that moment, or ended less than grace before it.
func heldAt(leases []cluster.Lease, uid string, at time.Time, grace time.Duration) (cluster.Lease, Reason) {
	var found *cluster.Lease
	for i := range leases {
		lease := &leases[i]
		held := lease.Held(at) || !at.Before(lease.From) && at.Before(lease.To.Add(grace))
		if !held || uid != "" && lease.UID != uid {
			continue
		}
		if found != nil {
			return cluster.Lease{}, Ambiguous
		}
		found = lease
	}
	if found == nil {
		return cluster.Lease{}, NoHolder
	}
	return *found, Resolved
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
	fromPrivate := !client.peer.Inside() && l.resolver.isPrivate(client.peer.Addr)
	all := make([]graph.Observation, len(servers))
	for i, server := range servers {
		all[i] = graph.Observation{
			Client: client.peer, Server: server.peer, Service: server.service, Use: use, TargetPort: server.target,
			HostNetwork: server.host, Private: server.private || fromPrivate,
			Source: s.Source, First: s.First, Last: s.Last, Count: s.Count,
		}
	}
	return all
}
