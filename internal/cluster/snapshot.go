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
// one before it every namespace that did not change.
type Snapshot struct {
	spaces map[string]*Space
	nodes  map[string]*Node
	hosts  map[netip.Addr][]string // node address → nodes
	fronts addresses[*Service]     // ClusterIP → Services, sorted
	leases addresses[Lease]        // in the order in which their pods were made
}

// Empty returns the snapshot of a cluster of which nothing is known.
func Empty() *Snapshot { return &Snapshot{} }

// WithSpace returns a snapshot in which the namespace of space is space. now ends the leases of the pods that are gone.
func (s *Snapshot) WithSpace(space *Space, now time.Time) *Snapshot {
	return s.WithSpaces([]*Space{space}, nil, now)
}

// WithoutSpace returns a snapshot without that namespace. now ends the leases of its pods.
func (s *Snapshot) WithoutSpace(namespace string, now time.Time) *Snapshot {
	return s.WithSpaces(nil, []string{namespace}, now)
}

// WithSpaces returns a snapshot with these spaces in place of those of the same names, and without the namespaces that
// are gone. now ends the leases of the pods that are gone. Its cost grows with what changed, not with the cluster.
func (s *Snapshot) WithSpaces(changed []*Space, gone []string, now time.Time) *Snapshot {
	next := *s
	next.spaces = make(map[string]*Space, len(s.spaces)+len(changed))
	maps.Copy(next.spaces, s.spaces)
	leases, fronts := s.leases.edit(), s.fronts.edit()
	for _, space := range changed {
		before := next.spaces[space.Name]
		next.spaces[space.Name] = space
		moveLeases(leases, before.whoRuns(), space.running, now)
		moveFronts(fronts, before.whatServes(), space.serving)
	}
	for _, name := range gone {
		if before, known := next.spaces[name]; known {
			delete(next.spaces, name)
			moveLeases(leases, before.running, nil, now)
			moveFronts(fronts, before.serving, nil)
		}
	}
	next.leases, next.fronts = leases.done(), fronts.done()
	return &next
}

// Expired returns a snapshot without the leases that ended longer than LeaseRetention before now. Leases are also
// forgotten where an address changes hands; this is for the addresses that nobody takes again.
func (s *Snapshot) Expired(now time.Time) *Snapshot {
	edit := s.leases.edit()
	for addr, list := range s.leases.all() {
		if slices.ContainsFunc(list, func(l Lease) bool { return l.expired(now) }) {
			edit.set(addr, settled(slices.Clone(list), now))
		}
	}
	if edit.next == nil {
		return s
	}
	next := *s
	next.leases = edit.done()
	return &next
}

// WithNodes returns a snapshot with exactly these nodes.
func (s *Snapshot) WithNodes(nodes []*Node) *Snapshot {
	next := *s
	next.nodes = make(map[string]*Node, len(nodes))
	next.hosts = make(map[netip.Addr][]string)
	for _, n := range nodes {
		next.nodes[n.Name] = n
		for _, a := range n.Addresses {
			next.hosts[a] = append(next.hosts[a], n.Name)
		}
	}
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

// ServiceAt returns the Service whose ClusterIP is addr.
func (s *Snapshot) ServiceAt(addr netip.Addr) (*Service, bool) {
	if found := s.fronts.at(addr); len(found) > 0 {
		return found[0], true
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

// IsHost reports whether addr is an address of a node.
func (s *Snapshot) IsHost(addr netip.Addr) bool { return len(s.hosts[addr]) > 0 }

// Leases returns who held addr and from when to when, the earliest first.
func (s *Snapshot) Leases(addr netip.Addr) []Lease { return s.leases.at(addr) }

// Holder returns the lease that holds addr at that moment, and how many do: with 0 nobody does, and with more than 1 the
// address says nothing about who it was. It does not allocate.
func (s *Snapshot) Holder(addr netip.Addr, at time.Time) (lease Lease, holders int) {
	list := s.leases.at(addr)
	for i := range list {
		if list[i].Held(at) {
			lease = list[i]
			holders++
		}
	}
	return lease, holders
}

// APIServer returns the Service default/kubernetes, which stands for the API server, and its EndpointSlices.
func (s *Snapshot) APIServer() (*Service, []*EndpointSlice, bool) {
	service, known := s.Service("default", "kubernetes")
	if !known {
		return nil, nil, false
	}
	return service, s.spaces["default"].Slices("kubernetes"), true
}
