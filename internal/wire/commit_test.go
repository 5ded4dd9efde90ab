package wire

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

func TestABatchIsAcknowledgedAfterItsCommit(t *testing.T) {
	o := startOperator(t)
	body := encode(t, report(1, connection(1, 1)))
	o.sink.set(func(c *chart) { c.losing = errors.New("no commit within 5s") })
	for range 2 {
		status, text, header := o.post(reportPath, nil, body)
		if status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" || !strings.Contains(text, "no commit within 5s") {
			t.Errorf("answer = %d %s, want 503 with Retry-After", status, text)
		}
	}
	o.sink.set(func(c *chart) { c.losing = nil })
	if status, text, _ := o.post(reportPath, nil, body); status != http.StatusOK || strings.Contains(text, "duplicate") {
		t.Errorf("answer after the commit = %d %s, want 200 and no duplicate", status, text)
	}
	if got := o.sink.total(); got != 1 {
		t.Errorf("the sink has %d sightings, want the one, once", got)
	}
	if stats := o.handler.Stats(); stats.Batches != 1 || stats.Sightings != 1 || stats.SinkErrors != 2 || stats.Duplicates != 0 {
		t.Errorf("stats = %+v, want one batch, one sighting, two errors, no duplicate", stats)
	}
	if o.post(reportPath, nil, body); o.handler.Stats().Duplicates != 1 {
		t.Errorf("%d duplicates, want the batch that came again after its answer", o.handler.Stats().Duplicates)
	}
}

func TestABatchThatAnotherReplicaStoredIsADuplicate(t *testing.T) {
	o := startOperator(t)
	o.sink.set(func(c *chart) { c.elsewhere = true })
	o.post(reportPath, nil, encode(t, report(1, connection(1, 1))))
	if stats := o.handler.Stats(); stats.Duplicates != 1 || stats.Batches != 0 || stats.Sightings != 0 {
		t.Errorf("stats = %+v, want one duplicate and nothing else", stats)
	}
}

func TestWhoWaitsForItsCommitNeedsNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1)
		a, b := Caller{Node: "a"}, Caller{Node: "b"}
		first := must(g.enter(t.Context(), a))(t)
		first.freePlace()
		first.freePlace()
		second := must(g.enter(t.Context(), b))(t)
		if _, err := g.enter(t.Context(), a); err == nil {
			t.Error("an agent entered while its batch waits for the commit")
		}
		first.leave()
		second.leave()
		must(g.enter(t.Context(), a))(t).leave()
		must(g.enter(t.Context(), b))(t).leave()
	})
}
