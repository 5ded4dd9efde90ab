package wire

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/portolan-io/portolan/internal/traffic"
)

// hour is what happens in one run: what the way to the operator does to each report, and what is seen every second.
type hour struct {
	faults     []fault
	seen       [][]traffic.Sighting
	maxBatches int
	maxBytes   int
	recovers   bool // the way is fine after the faults, and there is time to deliver
}

func drawHour(t *rapid.T) hour {
	h := hour{
		faults: rapid.SliceOfN(rapid.SampledFrom([]fault{
			fine, unreachable, answerLost, hanging, overloaded, stumbling, refusing, unauthorized,
		}), 0, 40).Draw(t, "faults"),
		maxBatches: rapid.IntRange(1, 4).Draw(t, "batches in the queue"),
		maxBytes:   rapid.IntRange(40, 2000).Draw(t, "bytes in the queue"),
		recovers:   rapid.Bool().Draw(t, "the way recovers"),
	}
	for range rapid.IntRange(1, 60).Draw(t, "seconds") {
		var second []traffic.Sighting
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, 12), 0, 6).Draw(t, "connections") {
			s := connection(i, 1)
			if i == 0 {
				s.To.Port = 0 // the operator refuses this one alone
			}
			second = append(second, s)
		}
		h.seen = append(h.seen, second)
	}
	return h
}

// weather plays the faults of h. A batch that may be in the operator's map already is not refused afterwards: the real
// operator knows it, and answers that it is a duplicate.
func (h hour) weather() func(int) fault {
	inMap := false
	return func(n int) fault {
		f := fine
		if n < len(h.faults) {
			f = h.faults[n]
		} else if !h.recovers {
			f = unreachable
		}
		if inMap && (f == refusing || f == stumbling) {
			f = unreachable
		}
		if f == answerLost || f == fine || f == refusing { // the others change nothing: the same batch comes again
			inMap = f == answerLost
		}
		return f
	}
}

// live runs h and returns what is wrong with the books afterwards, or nothing.
func (h hour) live(t *testing.T) (wrong string) {
	synctest.Test(t, func(t *testing.T) {
		l := startLine(t, SenderOptions{MaxBatches: h.maxBatches, MaxBytes: h.maxBytes}, h.weather())
		var offered uint64
		for _, second := range h.seen {
			for _, s := range second {
				s.First, s.Last = time.Now(), time.Now()
				l.window.Add(s)
				offered++
			}
			time.Sleep(time.Second)
		}
		if h.recovers {
			time.Sleep(time.Hour)
		}
		l.end(t)
		wrong = h.audit(l, offered)
	})
	return wrong
}

// audit holds what went in against what came out.
func (h hour) audit(l *line, offered uint64) string {
	stats := l.sender.Stats()
	arrived := l.sink.total()
	lost := stats.DroppedQueueFull + stats.DroppedRefused + stats.DroppedShutdown + l.window.Overflow()
	books := fmt.Sprintf("offered %d, arrived %d, acknowledged %d, lost %d: %+v", offered, arrived, stats.Acknowledged, lost, stats)
	switch {
	case stats.Acknowledged+lost != offered:
		return "a sighting is neither acknowledged nor counted as lost: " + books
	case arrived < stats.Acknowledged:
		return "a sighting was acknowledged and did not arrive: " + books
	case arrived > offered:
		return "a sighting arrived twice: " + books
	case h.recovers && (arrived != stats.Acknowledged || stats.DroppedShutdown != 0):
		return "a sighting arrived twice, or was counted as lost and arrived: " + books
	}
	return ""
}

// TestEverySightingIsDeliveredOnceOrCounted is the law of this room: whatever happens on the way, each sighting is
// acknowledged and in the sink exactly once, or it is counted as lost. Where the agent ends before it hears the answer
// to a batch, it counts the batch as lost although it may have arrived; never the other way round.
func TestEverySightingIsDeliveredOnceOrCounted(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		if wrong := drawHour(rt).live(t); wrong != "" {
			rt.Fatal(wrong)
		}
	})
}
