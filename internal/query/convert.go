package query

import (
	"fmt"
	"net/netip"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/query/querypb"
	"github.com/portolan-io/portolan/internal/traffic"
)

func toFilter(r *querypb.EdgesRequest) graph.Filter {
	return graph.Filter{
		Namespaces: r.GetNamespaces(),
		Server:     graph.Server{Namespace: r.GetServer().GetNamespace(), Name: r.GetServer().GetName()},
		InsideOnly: r.GetInsideOnly(),
		Since:      instant(r.GetSince()),
		Until:      instant(r.GetUntil()),
	}
}

func fromFilter(f graph.Filter) *querypb.EdgesRequest {
	r := &querypb.EdgesRequest{
		Namespaces: f.Namespaces, InsideOnly: f.InsideOnly, Since: stamp(f.Since), Until: stamp(f.Until),
	}
	if f.Server != (graph.Server{}) {
		r.Server = &querypb.Server{Namespace: f.Server.Namespace, Name: f.Server.Name}
	}
	return r
}

func toPeriod(r *querypb.ChangesRequest) (Period, graph.Filter) {
	return Period{From: instant(r.GetFrom()), To: instant(r.GetTo())}, graph.Filter{
		Namespaces: r.GetNamespaces(), InsideOnly: r.GetInsideOnly(),
		Server: graph.Server{Namespace: r.GetServer().GetNamespace(), Name: r.GetServer().GetName()},
	}
}

func fromPeriod(p Period, f graph.Filter) *querypb.ChangesRequest {
	edges := fromFilter(f)
	return &querypb.ChangesRequest{
		Namespaces: edges.GetNamespaces(), Server: edges.GetServer(), InsideOnly: edges.GetInsideOnly(), From: stamp(p.From), To: stamp(p.To),
	}
}

func fromChanges(changes []graph.Change) []*querypb.Change {
	out := make([]*querypb.Change, len(changes))
	for i, c := range changes {
		out[i] = &querypb.Change{Edge: fromEdge(c.Edge), Turn: string(c.Turn), At: stamp(c.At)}
	}
	return out
}

// stamp leaves the zero time out.
func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func instant(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

func fromBasis(b Basis) *querypb.Basis {
	return &querypb.Basis{
		Cluster: b.Cluster, From: stamp(b.From), To: stamp(b.To),
		Acknowledged: b.Acknowledged, Dropped: b.Dropped, Version: b.Version, Notes: b.Notes, Shared: b.Shared, Labelled: true,
	}
}

func toBasis(b *querypb.Basis) Basis {
	return Basis{
		Cluster: b.GetCluster(), From: instant(b.GetFrom()), To: instant(b.GetTo()),
		Acknowledged: b.GetAcknowledged(), Dropped: b.GetDropped(), Version: b.GetVersion(), Notes: b.GetNotes(), Shared: b.GetShared(),
	}
}

func fromEdge(e graph.Edge) *querypb.Edge {
	out := &querypb.Edge{
		Client: fromPeer(e.Client), Server: fromPeer(e.Server), Services: e.Services,
		HostNetwork: e.HostNetwork, Private: e.Private, First: stamp(e.First), Last: stamp(e.Last), Overflow: e.Overflow, Activity: fromActivity(e.Activity),
	}
	for _, seen := range e.Uses {
		out.Uses = append(out.Uses, fromSeen(seen))
	}
	return out
}

func fromPeer(p graph.Peer) *querypb.Peer {
	if p.Inside() {
		return &querypb.Peer{Namespace: p.Workload.Namespace, Kind: p.Workload.Kind, Name: p.Workload.Name}
	}
	return &querypb.Peer{Name: p.Name, Address: p.Addr.AsSlice()}
}

func fromSeen(s graph.Seen) *querypb.Seen {
	out := &querypb.Seen{
		Act: string(s.Use.Act), Protocol: string(s.Use.Protocol), Port: uint32(s.Use.Port), Name: s.Use.Name,
		TargetPort: uint32(s.TargetPort),
	}
	for _, e := range s.Evidence {
		out.Evidence = append(out.Evidence, &querypb.Evidence{
			Source: string(e.Source), First: stamp(e.First), Last: stamp(e.Last), Count: e.Count,
		})
	}
	return out
}

// toEdge reads an edge. The error names the part that makes no sense; an operator of another version may send one.
func toEdge(e *querypb.Edge) (graph.Edge, error) {
	client, err := toPeer(e.GetClient())
	if err != nil {
		return graph.Edge{}, fmt.Errorf("client: %w", err)
	}
	server, err := toPeer(e.GetServer())
	if err != nil {
		return graph.Edge{}, fmt.Errorf("server: %w", err)
	}
	out := graph.Edge{
		Client: client, Server: server, Services: e.GetServices(), HostNetwork: e.GetHostNetwork(), Private: e.GetPrivate(),
		First: instant(e.GetFirst()), Last: instant(e.GetLast()), Overflow: e.GetOverflow(),
		Activity: toActivity(e.GetActivity()),
	}
	for _, use := range e.GetUses() {
		seen, err := toSeen(use)
		if err != nil {
			return graph.Edge{}, err
		}
		out.Uses = append(out.Uses, seen)
	}
	return out, nil
}

func toPeer(p *querypb.Peer) (graph.Peer, error) {
	switch {
	case p.GetNamespace() != "" && p.GetName() != "":
		return graph.Peer{Workload: identity.Workload{Namespace: p.GetNamespace(), Kind: p.GetKind(), Name: p.GetName()}}, nil
	case p.GetName() != "":
		return graph.Peer{Name: p.GetName()}, nil
	}
	addr, ok := netip.AddrFromSlice(p.GetAddress())
	if !ok {
		return graph.Peer{}, fmt.Errorf("a peer has neither workload nor name, and an address of %d bytes", len(p.GetAddress()))
	}
	return graph.Peer{Addr: addr.Unmap()}, nil
}

// maxPort is the highest port number.
const maxPort = 1<<16 - 1

func toSeen(s *querypb.Seen) (graph.Seen, error) {
	if s.GetPort() > maxPort || s.GetTargetPort() > maxPort {
		return graph.Seen{}, fmt.Errorf("port %d or %d is above %d", s.GetPort(), s.GetTargetPort(), maxPort)
	}
	out := graph.Seen{
		Use: graph.Use{
			Act: traffic.Act(s.GetAct()), Protocol: traffic.Protocol(s.GetProtocol()), Port: uint16(s.GetPort()), Name: s.GetName(),
		},
		TargetPort: uint16(s.GetTargetPort()),
	}
	for _, e := range s.GetEvidence() {
		out.Evidence = append(out.Evidence, graph.Evidence{
			Source: traffic.Source(e.GetSource()), First: instant(e.GetFirst()), Last: instant(e.GetLast()), Count: e.GetCount(),
		})
	}
	return out, nil
}

func fromActivity(a graph.Activity) *querypb.Activity {
	if a == (graph.Activity{}) {
		return nil
	}
	return &querypb.Activity{Current: uint32(a.Current), Added: uint32(a.Added), Removed: uint32(a.Removed), Ports: a.Ports, Saturated: a.Saturated}
}

func toActivity(a *querypb.Activity) graph.Activity {
	return graph.Activity{
		Current: int(a.GetCurrent()), Added: int(a.GetAdded()), Removed: int(a.GetRemoved()), Ports: a.GetPorts(), Saturated: a.GetSaturated(),
	}
}
