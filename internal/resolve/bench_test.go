package resolve

import "testing"

// BenchmarkResolve keeps the budget "resolve one sighting in at most 2 µs" for each way through the room.
func BenchmarkResolve(b *testing.B) {
	snapshot := fuzzedCluster(b)
	resolver, names := New(DefaultOptions()), NewMemory(0)
	for name, line := range map[string]string{
		"pod":      "syn +60s 1.1.1.4 -> 1.1.1.2:8080",
		"service":  "syn +60s 1.1.1.4 -> 10.0.0.17:8080",
		"nat":      "syn +60s 1.1.1.4 -> 10.0.0.17:8080 nat 1.1.1.2:8080",
		"lookup":   "dns +60s 1.1.1.4 -> svc-service2.shop.svc.cluster.local = 10.0.0.17",
		"internet": "dns +60s 1.1.1.4 -> api.example.com = 203.0.113.5",
		"named":    "syn +60s 1.1.1.4 -> 203.0.113.5:443",
		"refused":  "syn +60s 192.168.1.10 -> 1.1.1.2:8080",
	} {
		s := sightingOf(b, line)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var kept int
			for b.Loop() {
				found, _ := resolver.Resolve(snapshot, names, Delivery{Sighting: s, Node: "node-1"})
				kept += len(found)
			}
			if want := s.From.Addr.String() != "192.168.1.10"; want != (kept > 0) {
				b.Fatalf("%q gave %d observations", line, kept)
			}
		})
	}
}
