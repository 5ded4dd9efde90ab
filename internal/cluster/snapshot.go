package cluster

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/portolan-io/portolan/internal/identity"
)

// Snapshot is the whole cluster at one moment. It is immutable and safe for concurrent use. A new one shares with the
// one before it every namespace that did not change, and of its indexes what did not change.
type Snapshot struct {
	spaces   map[string]*Space
	nodes    map[string]*Node
	services []netip.Prefix // ranges of ClusterIPs that the API server tells
	ranges   Ranges         // of pods and Services
	hosts    index[netip.Addr, []Host]
	tenants  tenants
	fronts   fronts
}

// Empty returns the snapshot of a cluster of which nothing is known.
func Empty() *Snapshot { return &Snapshot{} }

// WithSpace returns a snapshot in which the namespace of space is space. now ends the leases of what is gone.
func (s *Snapshot) WithSpace(space *Space, now time.Time) *Snapshot {
	return s.WithSpaces([]*Space{space}, nil, now)
}

// WithoutSpace returns a snapshot without that namespace. now ends the leases of what was in it.
func (s *Snapshot) WithoutSpace(namespace string, now time.Time) *Snapshot {
	return s.WithSpaces(nil, []string{namespace}, now)
}

// WithSpaces returns a snapshot with these spaces in place of those of the same names, and without the namespaces that
// are gone. now ends the leases of what is gone. Its cost grows with what changed, not with the cluster.
func (s *Snapshot) WithSpaces(changed []*Space, gone []string, now time.Time) *Snapshot {
	next := *s
	next.spaces = make(map[string]*Space, len(s.spaces)+len(changed))
	maps.Copy(next.spaces, s.spaces)
	tenants, fronts := s.tenants.edit(now), s.fronts.edit(now)
	for _, space := range changed {
		before := next.spaces[space.Name]
		next.spaces[space.Name] = space
		tenants.move(before.whoRuns(), space.running)
		fronts.move(before.whatServes(), space.serving)
	}
	for _, name := range gone {
		if before, known := next.spaces[name]; known {
			delete(next.spaces, name)
			tenants.move(before.running, nil)
			fronts.move(before.serving, nil)
		}
	}
	next.tenants, next.fronts = tenants.done(), fronts.done()
	return &next
}

// Expired returns a snapshot without what ended longer than LeaseRetention before now. Leases are also forgotten where an
// address changes hands; this is for the addresses that nobody takes again.
func (s *Snapshot) Expired(now time.Time) *Snapshot {
	next := *s
	next.tenants, next.fronts = s.tenants.forgotten(now), s.fronts.forgotten(now)
	hosts := s.hosts.edit()
	for addr, list := range s.hosts.all() {
		if slices.ContainsFunc(list, func(h Host) bool { return isOver(h.To, now) }) {
			setList(hosts, addr, recent(slices.Clone(list), now))
		}
	}
	if next.hosts = hosts.done(); next.tenants == s.tenants && next.fronts == s.fronts && next.hosts == s.hosts {
		return s
	}
	return &next
}

// WithNodes returns a snapshot with exactly these nodes. now ends the leases of the addresses that are gone. A node that
// did not change should be the same value as before, which costs nothing.
func (s *Snapshot) WithNodes(nodes []*Node, now time.Time) *Snapshot {
	next := *s
	next.nodes = make(map[string]*Node, len(nodes))
	for _, n := range nodes {
		next.nodes[n.Name] = n
	}
	hosts := s.hosts.edit()
	moveHosts(hosts, s.nodes, next.nodes, now)
	next.hosts = hosts.done()
	next.ranges = next.allRanges()
	return &next
}

// WithServiceRanges returns a snapshot in which ClusterIPs come from exactly these ranges.
func (s *Snapshot) WithServiceRanges(ranges []netip.Prefix) *Snapshot {
	next := *s
	next.services = ranges
	next.ranges = next.allRanges()
	return &next
}

// Space returns the namespace of that name.
func (s *Snapshot) Space(namespace string) (*Space, bool) {
	space, known := s.spaces[namespace]
	return space, known
}

// Namespaces returns the names of all namespaces, sorted.
func (s *Snapshot) Namespaces() []string { return slices.Sorted(maps.Keys(s.spaces)) }

// Workload returns the workload of that identity.
func (s *Snapshot) Workload(id identity.Workload) (*Workload, bool) {
	if space, known := s.spaces[id.Namespace]; known {
		return space.Workload(id)
	}
	return nil, false
}

// Service returns a Service by namespace and name.
func (s *Snapshot) Service(namespace, name string) (*Service, bool) {
	if space, known := s.spaces[namespace]; known {
		return space.Service(name)
	}
	return nil, false
}

// Node returns a node by name.
func (s *Snapshot) Node(name string) (*Node, bool) {
	n, known := s.nodes[name]
	return n, known
}

// Nodes returns every node, sorted by name.
func (s *Snapshot) Nodes() []*Node {
	return slices.SortedFunc(maps.Values(s.nodes), func(a, b *Node) int { return cmp.Compare(a.Name, b.Name) })
}

// APIServer returns the Service default/kubernetes, which stands for the API server, and its EndpointSlices.
func (s *Snapshot) APIServer() (*Service, []*EndpointSlice, bool) {
	service, known := s.Service("default", "kubernetes")
	if !known {
		return nil, nil, false
	}
	return service, s.spaces["default"].Slices("kubernetes"), true
}
