package intents

import (
	"cmp"
	"maps"
	"slices"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

// targets collects what one client calls, once each.
type targets struct {
	namespace string
	inside    map[server]struct{}
	outside   map[graph.Peer]*ports
}

// server is an in-cluster target. It is a Service when kind is Service.
type server struct{ namespace, name, kind string }

// ports are the TCP ports on which a peer outside is called. every means that it is also called in a way that a list of
// TCP ports cannot say.
type ports struct {
	tcp   map[int32]struct{}
	every bool
}

func newTargets(namespace string) *targets {
	return &targets{namespace: namespace, inside: make(map[server]struct{}), outside: make(map[graph.Peer]*ports)}
}

func (t *targets) add(e graph.Edge, o Options) {
	if !e.Server.Inside() {
		t.addOutside(e)
		return
	}
	addressed := false
	for _, service := range e.Services {
		if o.AsServices && serviceForm.MatchString(service) {
			t.inside[server{e.Server.Workload.Namespace, service, identity.KindService}] = struct{}{}
			addressed = true
		}
	}
	if !addressed {
		t.inside[inCluster(e.Server.Workload)] = struct{}{}
	}
}

func inCluster(who identity.Workload) server {
	if who == identity.APIServer() {
		return server{who.Namespace, who.Name, identity.KindService}
	}
	return server{who.Namespace, apiName(who.Name), who.Kind}
}

func (t *targets) addOutside(e graph.Edge) {
	peer := graph.Peer{Name: e.Server.Name, Addr: e.Server.Addr.Unmap()}
	called := t.outside[peer]
	if called == nil {
		called = &ports{tcp: make(map[int32]struct{})}
		t.outside[peer] = called
	}
	for _, seen := range e.Uses {
		switch {
		case seen.Use.Port == 0: // a lookup, which says nothing about ports
		case seen.Use.Protocol == traffic.TCP:
			called.tcp[int32(seen.Use.Port)] = struct{}{}
		default:
			called.every = true
		}
	}
}

// lists returns the ports in as many lists as targets need: one empty list for every port.
func (p *ports) lists() [][]int32 {
	if p.every || len(p.tcp) == 0 {
		return [][]int32{nil}
	}
	return slices.Collect(slices.Chunk(slices.Sorted(maps.Keys(p.tcp)), maxPorts))
}

// fitted returns the targets inside the cluster by name, namespace and kind, and then those outside by peer and port.
// Where there would be more than MaxTargets, those outside with equal ports share targets.
func (t *targets) fitted() []v2beta1.Target {
	all := make([]v2beta1.Target, 0, len(t.inside)+len(t.outside))
	for _, s := range slices.SortedFunc(maps.Keys(t.inside), compareServers) {
		all = append(all, t.insideTarget(s))
	}
	outside := t.outsideTargets()
	if len(all)+len(outside) > MaxTargets {
		outside = shared(outside)
	}
	return append(all, outside...)
}

func compareServers(a, b server) int {
	return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.kind, b.kind))
}

func (t *targets) insideTarget(s server) v2beta1.Target {
	name := s.name
	if s.namespace != t.namespace {
		name += "." + s.namespace
	}
	if s.kind == identity.KindService {
		return v2beta1.Target{Service: &v2beta1.ServiceTarget{Name: name}}
	}
	return v2beta1.Target{Kubernetes: &v2beta1.KubernetesTarget{Name: name, Kind: s.kind}}
}

func (t *targets) outsideTargets() []v2beta1.Target {
	all := make([]v2beta1.Target, 0, len(t.outside))
	for _, peer := range slices.SortedFunc(maps.Keys(t.outside), graph.ComparePeers) {
		for _, list := range t.outside[peer].lists() {
			internet := &v2beta1.InternetTarget{Ports: list}
			if peer.Name != "" {
				internet.Domains = []string{peer.Name}
			} else {
				internet.IPs = []string{peer.Addr.String()}
			}
			all = append(all, v2beta1.Target{Internet: internet})
		}
	}
	return all
}
