package verdict

import (
	"sync"
	"testing"
)

// TestACourtAnswersManyAtOnce lets the race detector look, and checks that everybody hears the same.
func TestACourtAnswersManyAtOnce(t *testing.T) {
	snapshot, policies, all := benchmarkWorld()
	court, alone := NewCourt(snapshot, policies), NewCourt(snapshot, policies)
	var askers sync.WaitGroup
	for range 4 {
		askers.Go(func() {
			for i := range 200 {
				q := Question{Client: all[i], Server: all[i/100*100+i*7%100], Port: 8080}
				if got := court.Judge(q).Outcome; got == Uncertain {
					t.Errorf("Judge(%+v) = %s", q, got)
				}
			}
		})
	}
	askers.Wait()
	for i := range 200 {
		q := Question{Client: all[i], Server: all[i/100*100+i*7%100], Port: 8080}
		if got, want := court.Judge(q).Outcome, alone.Judge(q).Outcome; got != want {
			t.Errorf("Judge(%+v) = %s, and %s in a court of its own", q, got, want)
		}
	}
}
