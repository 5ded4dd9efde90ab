package resolve

import (
	"net/netip"
	"testing"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/traffic"
)

func TestOnlyAnswersOfTheClustersDNSServersArePublished(t *testing.T) {
	addr := netip.MustParseAddr
	snapshot := cluster.Empty().WithSpace(cluster.NewSpace(cluster.Facts{
		Namespace: "kube-system",
		Services: []*cluster.Service{
			{Namespace: "kube-system", Name: "kube-dns", ClusterIPs: []netip.Addr{addr("10.0.0.10"), addr("fd00::10")}},
			{Namespace: "kube-system", Name: "other", ClusterIPs: []netip.Addr{addr("10.0.0.11")}},
		},
		Slices: []*cluster.EndpointSlice{{
			Namespace: "kube-system", Name: "kube-dns-1", Service: "kube-dns",
			Endpoints: []cluster.Endpoint{{Addresses: []netip.Addr{addr("10.1.0.53")}}},
		}},
	}), t0)
	r := New(Options{DNSServers: []netip.Addr{addr("169.254.20.10")}})
	for name, tc := range map[string]struct {
		responder, question string
		act                 traffic.Act
		want                bool
	}{
		"the DNS Service":               {"10.0.0.10", "api.example.com", traffic.Lookup, true},
		"its IPv6 address":              {"fd00::10", "api.example.com", traffic.Lookup, true},
		"a pod behind it":               {"10.1.0.53", "api.example.com", traffic.Lookup, true},
		"a configured server":           {"169.254.20.10", "api.example.com", traffic.Lookup, true},
		"another Service":               {"10.0.0.11", "api.example.com", traffic.Lookup, false},
		"any pod":                       {"10.1.0.66", "api.example.com", traffic.Lookup, false},
		"a server outside":              {"8.8.8.8", "api.example.com", traffic.Lookup, false},
		"nobody knows who":              {"", "api.example.com", traffic.Lookup, false},
		"a name of the cluster":         {"10.0.0.10", "db.shop.svc.cluster.local", traffic.Lookup, false},
		"a connection, which no answer": {"10.0.0.10", "api.example.com", traffic.Connect, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := traffic.Sighting{To: traffic.Party{Name: tc.question}, What: traffic.What{Act: tc.act}}
			if tc.responder != "" {
				s.What.Responder = addr(tc.responder)
			}
			if got := r.Publishes(snapshot, s); got != tc.want {
				t.Errorf("published: %v, want %v", got, tc.want)
			}
		})
	}
}
