package cluster_test

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"github.com/portolan-io/portolan/internal/cluster"
)

// TestServiceAtIsTheServiceOfNow runs Services with ClusterIPs that are taken over from each other through any history.
func TestServiceAtIsTheServiceOfNow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		snapshot := cluster.Empty()
		now := make(map[string]cluster.Facts)
		for second := range rapid.IntRange(1, 8).Draw(t, "steps") {
			name := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "namespace")
			if rapid.IntRange(0, 4).Draw(t, "gone") == 0 {
				delete(now, name)
				snapshot = snapshot.WithoutSpace(name, at(second))
				continue
			}
			now[name] = facts(name).Draw(t, "facts")
			snapshot = snapshot.WithSpace(cluster.NewSpace(now[name]), at(second))
		}
		for n := range byte(addressCount) {
			found, known := snapshot.ServiceAt(clusterAddress(n))
			first := firstAt(now, clusterAddress(n))
			if known != (first != "") || known && found.Namespace+"/"+found.Name != first {
				t.Fatalf("ServiceAt(%s) = %v, %v, want %q", clusterAddress(n), found, known, first)
			}
		}
	})
}

// firstAt returns the first Service by namespace and name that has a ClusterIP.
func firstAt(spaces map[string]cluster.Facts, addr netip.Addr) string {
	first := ""
	for namespace, f := range spaces {
		for _, s := range f.Services {
			if full := namespace + "/" + s.Name; s.ClusterIPs[0] == addr && (first == "" || full < first) {
				first = full
			}
		}
	}
	return first
}

func TestSnapshotAnswersAboutNodes(t *testing.T) {
	host := netip.MustParseAddr("192.0.2.1")
	s := cluster.Empty().WithNodes([]*cluster.Node{{Name: "b"}, {Name: "a", Addresses: []netip.Addr{host}}}, start)
	if nodes := s.Nodes(); len(nodes) != 2 || nodes[0].Name != "a" {
		t.Errorf("nodes = %v, want a and b", nodes)
	}
	if _, known := s.Node("a"); !known || !s.IsHost(host) || s.IsHost(ip) {
		t.Error("node a or its address is not as it should be")
	}
	if s.WithNodes(nil, start).IsHost(host) {
		t.Error("the address of a node that is gone is still one of a node")
	}
}

func TestAnEmptySnapshotAnswersEveryQuestion(t *testing.T) {
	s := cluster.Empty()
	if _, holders := s.Holder(ip, start); holders != 0 || len(s.Leases(ip)) != 0 || s.IsHost(ip) || len(s.Nodes()) != 0 {
		t.Error("an empty cluster has an address")
	}
	if _, known := s.ServiceAt(ip); known {
		t.Error("an empty cluster has a Service")
	}
	if _, _, known := s.APIServer(); known || s.WithoutSpace("x", start) == nil || s.Expired(start) != s {
		t.Error("an empty cluster has an API server, or cannot lose what it has not")
	}
}

func TestParseRef(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want cluster.Ref
		ok   bool
	}{
		"a name is in the own namespace": {"web", cluster.Ref{Namespace: "shop", Name: "web"}, true},
		"a name with its namespace":      {"web.pay", cluster.Ref{Namespace: "pay", Name: "web"}, true},
		"two dots are too many":          {"web.pay.svc", cluster.Ref{}, false},
		"a namespace without a name":     {".pay", cluster.Ref{}, false},
		"a name with an empty namespace": {"web.", cluster.Ref{}, false},
		"nothing at all":                 {"", cluster.Ref{}, false},
		"underscores stay as they are":   {"my_app.pay", cluster.Ref{Namespace: "pay", Name: "my_app"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got, ok := cluster.ParseRef(tc.text, "shop"); got != tc.want || ok != tc.ok {
				t.Errorf("ParseRef(%q) = %v, %v, want %v, %v", tc.text, got, ok, tc.want, tc.ok)
			}
		})
	}
}
