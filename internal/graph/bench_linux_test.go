package graph

import (
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

// threadTime returns the processor time that this thread has used. On a machine that others use as well it says more than a
// clock.
func threadTime(b *testing.B) time.Duration {
	b.Helper()
	const thisThread = 1 // RUSAGE_THREAD
	var used syscall.Rusage
	if err := syscall.Getrusage(thisThread, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkReaderTime is the processor time of a view of 100,000 edges, alone and while another thread merges without
// pause: the budget is 50 ms.
func BenchmarkReaderTime(b *testing.B) {
	all := large()
	g := New(Limits{})
	for _, o := range all {
		g.Merge(o)
	}
	view := func(b *testing.B) {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		before := threadTime(b)
		for b.Loop() {
			if got := len(g.View(Filter{})); got != len(all) {
				b.Fatalf("%d edges, want %d", got, len(all))
			}
		}
		b.ReportMetric(float64((threadTime(b)-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
	}
	b.Run("alone", view)
	b.Run("while merging", func(b *testing.B) {
		stop := make(chan struct{})
		var writer sync.WaitGroup
		writer.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					g.Merge(all[i%len(all)])
				}
			}
		})
		view(b)
		close(stop)
		writer.Wait()
	})
}

// BenchmarkLockHold is the processor time for which a view of 10,000 edges of one client holds a lock at a time: the budget
// is 1 ms.
func BenchmarkLockHold(b *testing.B) {
	g := New(Limits{})
	for _, o := range large()[:copiedAtOnce] {
		o.Client = inside("shop", "scraper")
		g.Merge(o)
	}
	of := g.clients(func(*client) bool { return true }, func(*entry) bool { return true })[0]
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := threadTime(b)
	for b.Loop() {
		var c copier
		c.addFrom(of, func(*entry) bool { return true })
	}
	b.ReportMetric(float64((threadTime(b)-before).Microseconds())/float64(b.N), "cpu-us/op")
	b.ReportMetric(float64(len(of.edges)), "edges")
}
