package graph

import (
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/portolan-io/portolan/internal/traffic"
)

// large returns the observations of 100,000 edges: 2,000 workloads, each with 48 servers inside and 2 names outside.
func large() []Observation {
	var all []Observation
	for c := range 2_000 {
		client := inside(fmt.Sprintf("team-%d", c%40), fmt.Sprintf("service-with-a-name-%d", c))
		for s := range 48 {
			n := (c + s*37 + 1) % 2_000
			o := connected(client, inside(fmt.Sprintf("team-%d", n%40), fmt.Sprintf("service-with-a-name-%d", n)), 80, 0)
			o.Service, o.TargetPort = "service", 8080
			all = append(all, o)
		}
		for s := range 2 {
			name := fmt.Sprintf("host-%d.example.com", c*2+s)
			all = append(all, lookedUp(client, named(name), name, 0))
		}
	}
	return all
}

func largeGraph() *Graph {
	g := New(Limits{})
	for _, o := range large() {
		g.Merge(o)
	}
	return g
}

// BenchmarkMergeKnown keeps the budget "at most 250 ns and no allocation for a known edge and use".
func BenchmarkMergeKnown(b *testing.B) {
	all := large()
	g := New(Limits{})
	for _, o := range all {
		g.Merge(o)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		g.Merge(all[i])
		if i++; i == len(all) {
			i = 0
		}
	}
}

// BenchmarkMergeKnownManyUses is the same for an edge that has as many uses as it may.
func BenchmarkMergeKnownManyUses(b *testing.B) {
	g := New(Limits{})
	o := connected(inside("shop", "frontend"), inside("shop", "cart"), 0, 0)
	for port := range uint16(64) {
		o.Use.Port = port
		g.Merge(o)
	}
	b.ReportAllocs()
	for b.Loop() {
		o.Use.Port = (o.Use.Port + 17) % 64
		g.Merge(o)
	}
}

func BenchmarkMergeNew(b *testing.B) {
	g := New(Limits{Edges: 1 << 30, SourcesPerServer: 1 << 30})
	o := connected(Peer{}, inside("shop", "cart"), 80, 0)
	b.ReportAllocs()
	var n uint32
	for b.Loop() {
		n++
		o.Client.Addr = netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
		g.Merge(o)
	}
}

// BenchmarkView100k keeps the budget "a query over 100,000 edges takes at most 50 ms".
func BenchmarkView100k(b *testing.B) {
	g := largeGraph()
	b.ReportAllocs()
	for b.Loop() {
		if got := len(g.View(Filter{})); got != 100_000 {
			b.Fatalf("%d edges, want 100,000", got)
		}
	}
}

// BenchmarkViewNothing keeps the budget "a filter that matches none takes at most 5 ms over 10,000 edges", over ten
// times as many.
func BenchmarkViewNothing(b *testing.B) {
	g := largeGraph()
	b.ReportAllocs()
	for b.Loop() {
		g.View(Filter{Namespaces: []string{"elsewhere"}})
	}
}

// BenchmarkMergeWhileReading measures what a reader in a loop costs a writer.
func BenchmarkMergeWhileReading(b *testing.B) {
	all := large()
	g := New(Limits{})
	for _, o := range all {
		g.Merge(o)
	}
	stop := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				g.View(Filter{})
			}
		}
	})
	i, worst := 0, time.Duration(0)
	for b.Loop() {
		begin := time.Now()
		g.Merge(all[i])
		worst = max(worst, time.Since(begin))
		if i++; i == len(all) {
			i = 0
		}
	}
	b.ReportMetric(float64(worst.Microseconds()), "worst-us")
	close(stop)
	reader.Wait()
}

// BenchmarkView100kWhileMerging measures what a writer in a loop costs a reader.
func BenchmarkView100kWhileMerging(b *testing.B) {
	all := large()
	g := New(Limits{})
	for _, o := range all {
		g.Merge(o)
	}
	stop, merged := make(chan struct{}), 0
	var writer sync.WaitGroup
	writer.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				g.Merge(all[merged%len(all)])
				merged++
			}
		}
	})
	b.ReportAllocs()
	for b.Loop() {
		if got := len(g.View(Filter{})); got != 100_000 {
			b.Fatalf("%d edges, want 100,000", got)
		}
	}
	b.StopTimer()
	close(stop)
	writer.Wait()
	b.ReportMetric(float64(merged)/b.Elapsed().Seconds(), "merges/s")
}

// BenchmarkMemory keeps the budget "100,000 edges in at most 128 MiB".
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		all := large()
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		g := New(Limits{})
		for _, o := range all {
			g.Merge(o)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		used := float64(after.HeapAlloc) - float64(before.HeapAlloc)
		b.ReportMetric(used/float64(g.Len()), "B/edge")
		b.ReportMetric(used/(1<<20), "MiB")
		for range 3 { // nothing happens after the first
			g.Roll()
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric((float64(after.HeapAlloc)-float64(before.HeapAlloc))/(1<<20), "MiB-at-rest")
		runtime.KeepAlive(all)
		if g.Merge(Observation{Use: Use{Act: traffic.Lookup}}) != Shapeless {
			b.Fatal("an empty observation was kept")
		}
	}
}
