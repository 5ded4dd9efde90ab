package cluster

import (
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
	fronts addresses[*Service]     // ClusterIP → Service
	leases addresses[Lease]
}

// Empty returns the snapshot of a cluster of which nothing is known.
func Empty() *Snapshot { return &Snapshot{} }

// WithSpace returns a snapshot in which the namespace of space is space. now ends the leases of the pods that are gone.
func (s *Snapshot) WithSpace(space *Space, now time.Time) *Snapshot {
	next := *s
	next.spaces = maps.Clone(s.spaces)
	if next.spaces == nil {
		next.spaces = make(map[string]*Space)
	}
	before := s.spaces[space.Name]
	next.spaces[space.Name] = space
	next.leases = s.leases.edit(leaseEdits(before, space, now))
	next.fronts = s.fronts.edit(frontEdits(before, space))
	return &next
}

// WithoutSpace returns a snapshot without that namespace.
func (s *Snapshot) WithoutSpace(namespace string, now time.Time) *Snapshot {
	if _, known := s.spaces[namespace]; !known {
		return s
	}
	next := s.WithSpace(NewSpace(Facts{Namespace: namespace}), now)
	delete(next.spaces, namespace)
	return next
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
	names := slices.Sorted(maps.Keys(s.nodes))
	nodes := make([]*Node, 0, len(names))
	for _, name := range names {
		nodes = append(nodes, s.nodes[name])
	}
	return nodes
}

// IsHost reports whether addr is an address of a node.
func (s *Snapshot) IsHost(addr netip.Addr) bool { return len(s.hosts[addr]) > 0 }

// Leases returns who held addr and from when to when, the earliest first.
func (s *Snapshot) Leases(addr netip.Addr) []Lease { return s.leases.at(addr) }

// APIServer returns the Service default/kubernetes, which stands for the API server, and its EndpointSlices.
func (s *Snapshot) APIServer() (*Service, []*EndpointSlice, bool) {
	service, known := s.Service("default", "kubernetes")
	if !known {
		return nil, nil, false
	}
	return service, s.spaces["default"].Slices("kubernetes"), true
}
