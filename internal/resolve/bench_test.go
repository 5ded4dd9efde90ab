package resolve

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/portolan-io/portolan/internal/cluster"
)

// BenchmarkResolve keeps the budget "resolve one sighting in at most 2 µs" for each way through the room, in a cluster of
// 10,000 pods and 2,000 Services.
func BenchmarkResolve(b *testing.B) {
	snapshot := largeCluster(b)
	resolver, names := New(DefaultOptions()), NewMemory(0)
	for name, line := range map[string]string{
		"pod":      "syn +60s 1.1.1.4 -> 1.1.1.2:8080",
		"service":  "syn +60s 1.1.1.4 -> 10.0.0.17:8080",
		"nat":      "syn +60s 1.1.1.4 -> 10.0.0.17:8080 nat 1.1.1.2:8080",
		"uid":      "socket +60s 1.1.1.4 uid Pod/pod4 -> 10.0.0.17:8080",
		"nodeport": "syn +60s 1.1.1.4 -> 192.168.1.10:30007",
		"hostport": "syn +60s 1.1.1.4 -> 192.168.1.10:9100",
		"border":   "syn +60s 1.1.1.4 -> 198.51.100.7:443",
		"incoming": "syn +60s 203.0.113.9 -> 198.51.100.7:443",
		"lookup":   "dns +60s 1.1.1.4 -> svc-service2.shop.svc.cluster.local = 10.0.0.17",
		"internet": "dns +60s 1.1.1.4 -> api.example.com = 203.0.113.5",
		"named":    "syn +60s 1.1.1.4 -> 203.0.113.5:443",
		"refused":  "syn +60s 192.168.1.10 -> 1.1.1.2:8080",
	} {
		d := Delivery{Sighting: sightingOf(b, line), Node: "node-1"}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var kept int
			for b.Loop() {
				found, _ := resolver.Resolve(snapshot, names, d)
				kept += len(found)
			}
			if want := d.From.Addr.String() != "192.168.1.10"; want != (kept > 0) {
				b.Fatalf("%q gave %d observations", line, kept)
			}
		})
	}
}

// largeCluster is the cluster of fuzzedCluster among 10,000 pods of 2,000 Services in 100 namespaces.
func largeCluster(b *testing.B) *cluster.Snapshot {
	b.Helper()
	snapshot := fuzzedCluster(b)
	for n := range 100 {
		f := cluster.Facts{Namespace: fmt.Sprintf("n%d", n)}
		for app := range 20 {
			service := &cluster.Service{
				Namespace: f.Namespace, Name: fmt.Sprintf("app-%d", app), ClusterIPs: []netip.Addr{netip.AddrFrom4([4]byte{10, 96, byte(n), byte(app)})},
			}
			slice := &cluster.EndpointSlice{Namespace: f.Namespace, Name: service.Name, Service: service.Name}
			for replica := range 5 {
				p := pod(fmt.Sprintf("app-%d-%d", app, replica), fmt.Sprintf("10.%d.%d.%d", 100+replica, n, app))
				p.Namespace, p.UID = f.Namespace, f.Namespace+p.Name
				slice.Endpoints = append(slice.Endpoints, cluster.Endpoint{Pod: p.Name})
				f.Pods = append(f.Pods, p)
			}
			f.Services, f.Slices = append(f.Services, service), append(f.Slices, slice)
		}
		snapshot = snapshot.WithSpace(cluster.NewSpace(f), t0)
	}
	return snapshot
}
