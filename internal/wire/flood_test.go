package wire

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portolan-io/portolan/internal/wire/wirepb"
)

// numbered returns a report of the agent of the node with that number.
func numbered(agent int, seq uint64, sightings int) *wirepb.ReportRequest {
	r := report(seq, connections(sightings)...)
	r.Agent = &wirepb.Agent{Node: fmt.Sprintf("node-%d", agent), Pod: fmt.Sprintf("portolan-agent-%d", agent)}
	return r
}

// flood sends as much as it can until ctx ends, over many connections at a time, and returns how often it was told to wait.
func flood(ctx context.Context, one func(n uint64) error, streams int) (told uint64) {
	var running sync.WaitGroup
	var number, waits atomic.Uint64
	for range streams {
		running.Go(func() {
			for ctx.Err() == nil {
				answer, answered := errors.AsType[*AnswerError](one(number.Add(1)))
				if answered && answer.Status == http.StatusTooManyRequests && answer.RetryAfter > 0 {
					waits.Add(1)
				}
			}
		})
	}
	running.Wait()
	return waits.Load()
}

// TestAFloodFromOneAgentStarvesNobody: ten agents deliver while an eleventh, and somebody with wrong tokens, send over a dozen
// connections as much as they can.
func TestAFloodFromOneAgentStarvesNobody(t *testing.T) {
	const agents, batches, patience = 10, 3, time.Minute
	o := startOperator(t)
	for i := range agents + 1 {
		o.write("token-"+strconv.Itoa(i), manyTokens+strconv.Itoa(i))
	}
	ctx, stop := context.WithCancel(t.Context())
	var floods sync.WaitGroup
	var told uint64
	flooder := o.clientWith("token-" + strconv.Itoa(agents))
	big := numbered(agents, 1, 2_000)
	floods.Go(func() {
		told = flood(ctx, func(uint64) error {
			_, err := flooder.Report(ctx, big)
			return err
		}, 6)
	})
	o.write("wrong", "un.kno.wn")
	stranger := o.clientWith("wrong")
	floods.Go(func() {
		flood(ctx, func(uint64) error {
			_, err := stranger.Report(ctx, big)
			return err
		}, 6)
	})

	began := time.Now()
	var honest sync.WaitGroup
	for i := range agents {
		client := o.clientWith("token-" + strconv.Itoa(i))
		honest.Go(func() {
			for seq := uint64(1); seq <= batches; {
				if _, err := client.Report(ctx, numbered(i, seq, 100)); err == nil {
					seq++
				} else if time.Since(began) > patience {
					t.Errorf("agent %d waits for batch %d: %v", i, seq, err)
					return
				}
			}
		})
	}
	honest.Wait()
	stop()
	floods.Wait()
	t.Logf("%d batches were taken in %s; the flood was told %d times to wait", agents*batches, time.Since(began), told)
	if told == 0 {
		t.Error("nobody told the flood to wait")
	}
	stats := o.handler.Stats()
	if stats.Batches < agents*batches || stats.Strangers[BadToken] == 0 {
		t.Errorf("stats %+v, want at least %d batches and refused tokens", stats, agents*batches)
	}
}

func TestOneAddressHasSoManyTokensCheckedAtATime(t *testing.T) {
	p := newPorch()
	var leave func()
	for i := range maxAtDoor {
		out, err := p.enter("10.0.0.7:" + strconv.Itoa(1000+i))
		if err != nil {
			t.Fatal(err)
		}
		leave = out
	}
	if _, err := p.enter("10.0.0.7:99"); err == nil {
		t.Error("one more of that address was let in")
	}
	if out, err := p.enter("[fd00::7]:99"); err != nil {
		t.Errorf("another address was refused: %v", err)
	} else {
		out()
	}
	leave()
	if _, err := p.enter("10.0.0.7:99"); err != nil {
		t.Errorf("after one was checked: %v", err)
	}
	if len(p.waiting) != 1 {
		t.Errorf("%d addresses are remembered, want the one that waits", len(p.waiting))
	}
}
