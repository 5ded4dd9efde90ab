package cluster_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/traffic"
)

// indexed returns what the indexes of a snapshot answer about the n-th address, host port and node port.
func indexed(s *cluster.Snapshot, n byte) string {
	var found []string
	for _, tenant := range s.OnHost(podAddress(n)) {
		found = append(found, "host "+describe(tenant))
	}
	for _, tenant := range s.OnHostPort(cluster.HostPort{Node: "n", Port: uint16(n), Protocol: traffic.TCP}) {
		found = append(found, "port "+describe(tenant))
	}
	for _, service := range s.OnNodePort(cluster.NodePortKey{Port: 30000 + uint16(n), Protocol: traffic.TCP}) {
		found = append(found, "node port "+service.Namespace+"/"+service.Name)
	}
	fronts := s.Fronts(podAddress(n))
	for i := range fronts {
		if fronts[i].To.IsZero() {
			found = append(found, "front "+fronts[i].Service.Namespace+"/"+fronts[i].Service.Name)
		}
	}
	slices.Sort(found)
	return strings.Join(found, "\n")
}

// scanned returns the same by looking through everything that the spaces hold.
func scanned(s *cluster.Snapshot, n byte) string {
	var found []string
	for _, name := range s.Namespaces() {
		space, _ := s.Space(name)
		for _, p := range space.Pods() {
			found = append(found, scannedPod(space, p, n)...)
		}
		for _, service := range space.Services() {
			if slices.Contains(service.ExternalIPs, podAddress(n)) {
				found = append(found, "front "+name+"/"+service.Name)
			}
			if service.Ports[0].NodePort == 30000+int32(n) {
				found = append(found, "node port "+name+"/"+service.Name)
			}
		}
	}
	slices.Sort(found)
	return strings.Join(found, "\n")
}

func scannedPod(space *cluster.Space, p *cluster.Pod, n byte) []string {
	if p.Finished {
		return nil
	}
	who, _ := space.WorkloadOf(p.Name)
	tenant := fmt.Sprintf("%s/%s of %s", p.Namespace, p.UID, who)
	var found []string
	if p.HostNetwork && slices.Contains(p.IPs, podAddress(n)) {
		found = append(found, "host "+tenant)
	}
	port := p.Ports[0].HostPort
	if p.HostNetwork {
		port = p.Ports[0].Port
	}
	if n > 0 && port == int32(n) {
		found = append(found, "port "+tenant)
	}
	return found
}

func describe(t cluster.Tenant) string {
	return fmt.Sprintf("%s/%s of %s", t.Pod.Namespace, t.Pod.UID, t.Workload())
}

// TestIndexesAnswerWhatAScanAnswers is the law of the indexes: whatever came and went, they say what a look through
// everything says.
func TestIndexesAnswerWhatAScanAnswers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		snapshot := cluster.Empty()
		spaces := make(map[string]*cluster.Space)
		for second := range rapid.IntRange(1, 8).Draw(t, "steps") {
			name := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "namespace")
			if rapid.IntRange(0, 4).Draw(t, "gone") == 0 {
				delete(spaces, name)
				snapshot = snapshot.WithoutSpace(name, at(second))
				continue
			}
			spaces[name] = spaces[name].With(facts(name).Draw(t, "facts"), cluster.Everything)
			snapshot = snapshot.WithSpace(spaces[name], at(second))
		}
		for n := range byte(addressCount) {
			if got, want := indexed(snapshot, n), scanned(snapshot, n); got != want {
				t.Fatalf("about %d the indexes say\n%s\nand a scan says\n%s", n, got, want)
			}
		}
		for _, name := range snapshot.Namespaces() {
			for _, p := range spaces[name].Pods() {
				who, _ := spaces[name].WorkloadOf(p.Name)
				if found, known := snapshot.Tenant(p.UID); !known || found.Pod != p || found.Workload() != who {
					t.Fatalf("Tenant(%s) = %+v, %v", p.UID, found, known)
				}
			}
		}
	})
}

func TestATenantIsFoundByUID(t *testing.T) {
	host := pod("static-n1", 0)
	host.HostNetwork, host.UID = true, "of-the-mirror"
	host.Annotations = map[string]string{cluster.MirrorAnnotation: "of-the-node"}
	there := history(shown(0, host, pod("a", 0)))
	gone := history(shown(0, host, pod("a", 0)), shown(10))
	hour := int(cluster.LeaseRetention.Seconds())
	for name, tc := range map[string]struct {
		snapshot *cluster.Snapshot
		uid      string
		want     string
	}{
		"while it exists":                          {there, "a", "a"},
		"on the host network":                      {there, "of-the-mirror", "static-n1"},
		"by the UID that its node knows":           {there, "of-the-node", "static-n1"},
		"when it is gone":                          {gone, "of-the-node", "static-n1"},
		"to the end of the retention":              {gone.Expired(at(10 + hour)), "a", "a"},
		"not later":                                {gone.Expired(at(11 + hour)), "a", ""},
		"not by the UID of somebody who never was": {there, "b", ""},
	} {
		t.Run(name, func(t *testing.T) {
			found, known := tc.snapshot.Tenant(tc.uid)
			if known != (tc.want != "") || known && found.Pod.Name != tc.want {
				t.Errorf("Tenant(%s) = %+v, %v, want %q", tc.uid, found.Pod, known, tc.want)
			}
		})
	}
}

func TestFormerPodsAreBounded(t *testing.T) {
	const many = 100_000
	crowded := cluster.Facts{Namespace: "shop"}
	for i := range many {
		crowded.Pods = append(crowded.Pods, &cluster.Pod{Namespace: "shop", Name: fmt.Sprint("p", i), UID: fmt.Sprint("p", i)})
	}
	s := cluster.Empty().WithSpace(cluster.NewSpace(crowded), at(0)).WithoutSpace("shop", at(1))
	remembered := 0
	for i := range many {
		if _, known := s.Tenant(fmt.Sprint("p", i)); known {
			remembered++
		}
	}
	if remembered < 60_000 || remembered > 65_536 {
		t.Errorf("%d former pods are remembered, want at most 65,536 and nearly that", remembered)
	}
}

func service(name string, created int, clusterIP, border netip.Addr) *cluster.Service {
	s := &cluster.Service{Namespace: "shop", Name: name, Created: at(created)}
	if clusterIP.IsValid() {
		s.ClusterIPs = []netip.Addr{clusterIP}
	}
	if border.IsValid() {
		s.ExternalIPs = []netip.Addr{border}
	}
	return s
}

func TestServicesHoldTheirAddressesOverTime(t *testing.T) {
	none := netip.Addr{}
	type step struct {
		second   int
		services []*cluster.Service
	}
	then := func(second int, services ...*cluster.Service) step { return step{second, services} }
	for name, tc := range map[string]struct {
		steps  []step
		second int
		want   string
	}{
		"a ClusterIP, from the creation of the Service on": {[]step{then(5, service("a", 0, ip, none))}, 0, "a"},
		"nobody's, before it":                              {[]step{then(5, service("a", 2, ip, none))}, 1, ""},
		"the Service's, until it is removed":               {[]step{then(5, service("a", 0, ip, none)), then(9)}, 8, "a"},
		"nobody's, from then on":                           {[]step{then(5, service("a", 0, ip, none)), then(9)}, 9, ""},
		"the new Service's, when the address is used again": {
			[]step{then(1, service("a", 0, ip, none)), then(5), then(7, service("b", 6, ip, none))}, 6, "b",
		},
		"the old Service's, for late data": {
			[]step{then(1, service("a", 0, ip, none)), then(5), then(7, service("b", 6, ip, none))}, 4, "a",
		},
		"handed over in one step": {
			[]step{then(1, service("a", 0, ip, none)), then(7, service("b", 6, ip, none))}, 6, "b",
		},
		"a new Service of the same name is another one": {
			[]step{then(1, service("a", 0, ip, none)), then(5), then(7, service("a", 6, ip, none))}, 5, "",
		},
		"a change of the Service changes nothing": {
			[]step{then(1, service("a", 0, ip, none)), then(5, service("a", 0, ip, netip.MustParseAddr("192.0.2.1")))}, 3, "a",
		},
		"a border address, shared by two":            {[]step{then(5, service("a", 0, none, ip), service("b", 0, none, ip))}, 3, "a b"},
		"a border address, after one of two gave up": {[]step{then(5, service("a", 0, none, ip), service("b", 2, none, ip)), then(8, service("b", 2, none, ip))}, 9, "b"},
		"a border address, late, of both":            {[]step{then(5, service("a", 0, none, ip), service("b", 2, none, ip)), then(8, service("b", 2, none, ip))}, 7, "a b"},
	} {
		t.Run(name, func(t *testing.T) {
			s := cluster.Empty()
			for _, step := range tc.steps {
				s = s.WithSpace(cluster.NewSpace(cluster.Facts{Namespace: "shop", Services: step.services}), at(step.second))
			}
			var held []string
			fronts := s.Fronts(ip)
			for i := range fronts {
				if fronts[i].Held(at(tc.second)) {
					held = append(held, fronts[i].Service.Name)
				}
			}
			if got := strings.Join(held, " "); got != tc.want {
				t.Errorf("at +%ds the address is held by %q, want %q; all are %+v", tc.second, got, tc.want, fronts)
			}
		})
	}
}

func TestAFormerServiceKeepsWhoWasBehindIt(t *testing.T) {
	f := cluster.Facts{
		Namespace: "shop", Pods: []*cluster.Pod{labelled("p", "", labels{"app": "x"})},
		Services: []*cluster.Service{service("a", 0, ip, netip.Addr{})},
	}
	f.Services[0].Selector = labels{"app": "x"}
	s := cluster.Empty().WithSpace(cluster.NewSpace(f), at(1)).WithoutSpace("shop", at(5))
	if got, gone := s.Former(&s.Fronts(ip)[0]); !gone || len(got) != 1 || got[0].Name != "p" {
		t.Errorf("behind the former Service are %v, want p", got)
	}
	hour := int(cluster.LeaseRetention.Seconds())
	if got := s.Expired(at(6 + hour)).Fronts(ip); len(got) != 0 {
		t.Errorf("after the retention there is still %v", got)
	}
}

func TestNodesHoldTheirAddressesOverTime(t *testing.T) {
	node := func(name string, created int) *cluster.Node {
		return &cluster.Node{Name: name, Created: at(created), Addresses: []netip.Addr{ip}}
	}
	s := cluster.Empty().WithNodes([]*cluster.Node{node("n1", 0)}, at(1)).WithNodes(nil, at(5)).
		WithNodes([]*cluster.Node{node("n2", 6)}, at(7))
	for second, want := range map[int]string{-1: "", 0: "n1", 4: "n1", 5: "", 6: "n2", 100: "n2"} {
		got := ""
		for _, h := range s.Hosts(ip) {
			if h.Held(at(second)) {
				got += h.Node
			}
		}
		if got != want {
			t.Errorf("at %+ds the address belongs to %q, want %q", second, got, want)
		}
	}
	if !s.IsHost(ip) || !s.Knows(ip) || s.Expired(at(4000)).Hosts(ip)[0].Node != "n2" {
		t.Error("the address of a node is not known, or its former node is not forgotten")
	}
}

func TestRangesBelongToTheCluster(t *testing.T) {
	s := cluster.Empty().
		WithServiceRanges([]netip.Prefix{netip.MustParsePrefix("10.96.0.0/16"), netip.MustParsePrefix("fd00:96::/112")}).
		WithNodes([]*cluster.Node{{Name: "n", PodCIDRs: []netip.Prefix{netip.MustParsePrefix("10.244.7.0/24"), netip.MustParsePrefix("10.96.3.0/24")}}}, start)
	for text, want := range map[string]bool{
		"10.96.0.0": true, "10.96.255.255": true, "10.97.0.0": false, "10.244.7.9": true, "10.244.8.9": false,
		"fd00:96::1": true, "fd00:97::1": false, "0.0.0.0": false, "::": false,
	} {
		if got := s.Knows(netip.MustParseAddr(text)); got != want {
			t.Errorf("Knows(%s) = %v, want %v", text, got, want)
		}
	}
	if s.WithServiceRanges(nil).Knows(netip.MustParseAddr("10.96.0.1")) {
		t.Error("a range that is gone still belongs to the cluster")
	}
}
