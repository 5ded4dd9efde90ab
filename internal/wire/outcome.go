package wire

import (
	"log/slog"
	"maps"
	"time"

	"github.com/portolan-io/portolan/internal/wire/wirepb"
)

// SenderStats is the state of a Sender at one moment. Sightings are counted with their repeats: one that stands for
// seven connections counts seven.
type SenderStats struct {
	Epoch            uint64
	Attempts         uint64             // reports sent, repetitions included
	Batches          uint64             // batches acknowledged
	Duplicates       uint64             // of these, batches whose first answer was lost
	Acknowledged     uint64             // sightings the operator took
	Failures         map[Failure]uint64 // attempts that failed, heartbeats included; every reason is there
	DroppedQueueFull uint64             // sightings lost because the queue was full
	DroppedRefused   uint64             // sightings lost because the operator refused them or their batch
	DroppedShutdown  uint64             // sightings not acknowledged when Run ended
	QueueBatches     int                // batches that wait, the one under way included
	QueueBytes       int                // their encoded size
	QueueSightings   uint64             // the sightings in them
	AcknowledgedSeq  uint64             // highest number acknowledged
	LastContact      time.Time
	LastError        string // why the last attempt failed; empty after a success
}

// Stats returns the present state. It is safe for concurrent use.
func (s *Sender) Stats() SenderStats {
	s.mu.Lock()
	stats := s.tally
	stats.Failures = maps.Clone(s.tally.Failures)
	s.mu.Unlock()
	load := s.queue.load()
	stats.Epoch = s.epoch
	stats.QueueBatches, stats.QueueBytes, stats.QueueSightings = load.batches, load.bytes, load.weight
	stats.DroppedQueueFull = load.dropped
	if stats.DroppedShutdown > 0 {
		stats.QueueSightings = 0
	}
	return stats
}

func (s *Sender) count(change func(*SenderStats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.tally)
}

// acknowledge settles a batch that the operator has.
func (s *Sender) acknowledge(b batch, response *wirepb.ReportResponse) {
	refused := min(b.refusedWeight(response.GetRejected()), b.weight)
	s.queue.settle()
	s.count(func(t *SenderStats) {
		t.Batches++
		t.Acknowledged += b.weight - refused
		t.DroppedRefused += refused
		t.AcknowledgedSeq = b.seq
		if response.GetDuplicate() {
			t.Duplicates++
		}
	})
	s.succeeded()
	if rejected := response.GetRejected(); len(rejected) > 0 {
		s.options.Log.Warn("the operator refused some sightings of a batch",
			"seq", b.seq, "refused", len(rejected), "of", b.sightings, "first", cut(rejected[0].GetReason(), maxMessage))
	}
}

// refuse gives up a batch that the operator will never take.
func (s *Sender) refuse(b batch, answer *AnswerError) {
	s.queue.settle()
	s.succeeded() // the way to the operator is fine
	s.count(func(t *SenderStats) {
		t.DroppedRefused += b.weight
		t.Failures[failureOf(answer)]++
		t.LastError = answer.Error()
	})
	s.options.Log.Error("the operator refused a batch; its sightings are lost",
		"seq", b.seq, "sightings", b.sightings, "status", answer.Status, "answer", answer.Message)
}

func (s *Sender) failed(err error) {
	s.count(func(t *SenderStats) {
		t.Failures[failureOf(err)]++
		t.LastError = err.Error()
	})
	s.complaint.failed(err)
}

func (s *Sender) succeeded() {
	s.count(func(t *SenderStats) {
		t.LastError = ""
		t.LastContact = time.Now()
	})
	s.complaint.succeeded()
}

// complaint logs that the operator is out of reach: when it begins, when the cause changes, and when it is over; never
// more than one cause a minute. It belongs to the goroutine that sends.
type complaint struct {
	log   *slog.Logger
	since time.Time // zero while all is well
	said  time.Time
	cause string
}

const complaintPause = time.Minute

func (c *complaint) failed(err error) {
	now := time.Now()
	begins := c.since.IsZero()
	if begins {
		c.since = now
	}
	if cause := err.Error(); begins || cause != c.cause && now.Sub(c.said) >= complaintPause {
		c.log.Warn("sightings wait: the operator cannot be reached; trying again", "error", cause)
		c.said, c.cause = now, cause
	}
}

func (c *complaint) succeeded() {
	if c.since.IsZero() {
		return
	}
	c.log.Info("the operator can be reached again", "after", time.Since(c.since).Round(time.Second).String())
	c.since = time.Time{}
}
