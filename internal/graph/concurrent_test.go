package graph

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestManyWritersAndReaders lets the race detector look, and checks that nothing that was merged is lost.
func TestManyWritersAndReaders(t *testing.T) {
	all := large()[:2_000]
	g, alone := New(Limits{}), New(Limits{})
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		writers.Go(func() {
			for _, o := range all {
				g.Merge(o)
			}
		})
		readers.Go(func() {
			var c Cursor
			for {
				select {
				case <-done:
					return
				default:
					_, c = g.Since(c)
					g.View(Filter{Namespaces: []string{"team-1"}})
					g.Expire(start.Add(-time.Hour))
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	for range 4 {
		for _, o := range all {
			alone.Merge(o)
		}
	}
	if diff := cmp.Diff(g.View(Filter{}), alone.View(Filter{}), equateEdges()); diff != "" {
		t.Errorf("four writers at once and one four times differ:\n%s", diff)
	}
}
