package wire

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portolan-io/portolan/internal/traffic"
	"github.com/portolan-io/portolan/internal/wire/wirepb"
)

// Courier carries requests to the operator; Client is the real one. A Sender calls it from one goroutine, one call at a
// time. An AnswerError that is final ends the batch; any other error is tried again.
type Courier interface {
	Report(ctx context.Context, request *wirepb.ReportRequest) (*wirepb.ReportResponse, error)
	Heartbeat(ctx context.Context, request *wirepb.HeartbeatRequest) (*wirepb.HeartbeatResponse, error)
}

// SenderOptions is everything a Sender can be told. Zero values of the numbers mean the defaults.
type SenderOptions struct {
	Agent      Agent
	Interval   time.Duration // between two batches, and between two heartbeats without sightings; 5 s
	BatchSize  int           // sightings that make a batch before the interval is over; 5,000
	MaxBatches int           // bound of the queue; 64
	MaxBytes   int           // bound of the queue in encoded bytes; 4 MiB
	// Status returns what the sources say at present, the overflow of the window included. It is called for each attempt,
	// from one goroutine. nil says nothing.
	Status func() Status
	// Drained gets what leaves the window, before it is put into batches. It is called from one goroutine, must not keep the
	// slice, and delays the batches. nil is for nobody.
	Drained func([]traffic.Sighting)
	// Jitter returns a random duration from 0 to most. nil means a uniform one.
	Jitter func(most time.Duration) time.Duration
	Log    *slog.Logger // nil discards
}

const (
	defaultInterval   = 5 * time.Second
	defaultBatchSize  = 5_000
	defaultMaxBatches = 64
	defaultMaxBytes   = 4 << 20

	attemptTimeout = 30 * time.Second
	stopGrace      = 5 * time.Second // how long an orderly stop tries to deliver what is left
	longestPoll    = 250 * time.Millisecond
)

func (o SenderOptions) withDefaults() SenderOptions {
	if o.Interval <= 0 {
		o.Interval = defaultInterval
	}
	if o.BatchSize <= 0 || o.BatchSize > MaxSightings {
		o.BatchSize = defaultBatchSize
	}
	if o.MaxBatches <= 0 {
		o.MaxBatches = defaultMaxBatches
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = defaultMaxBytes
	}
	if o.Status == nil {
		o.Status = func() Status { return Status{} }
	}
	if o.Drained == nil {
		o.Drained = func([]traffic.Sighting) {}
	}
	if o.Jitter == nil {
		o.Jitter = func(most time.Duration) time.Duration { return mathrand.N(most + 1) }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Sender empties a window into batches and delivers them in order, one at a time, at least once each. What it cannot
// keep or deliver it counts.
//
//	window ──every interval, or when full──▶ queue ──oldest first──▶ courier
//	                                           │ full                  │ refused
//	                                           ▼                       ▼
//	                                       queue-full               refused
type Sender struct {
	options SenderOptions
	courier Courier
	window  *traffic.Window
	queue   *queue
	epoch   uint64
	drained []traffic.Sighting // room that cut uses again
	cutDone chan struct{}      // closed after the last batch was pushed

	mu    sync.Mutex
	tally SenderStats

	complaint complaint
}

// NewSender returns a sender that does nothing until Run.
func NewSender(courier Courier, window *traffic.Window, options SenderOptions) *Sender {
	options = options.withDefaults()
	s := &Sender{
		options: options,
		courier: courier,
		window:  window,
		queue:   newQueue(options.MaxBatches, options.MaxBytes),
		epoch:   newEpoch(),
		cutDone: make(chan struct{}),
	}
	s.tally.Failures = make(map[Failure]uint64)
	for _, f := range Failures() {
		s.tally.Failures[f] = 0
	}
	s.complaint.log = options.Log
	return s
}

// newEpoch returns a random number that is not 0.
func newEpoch() uint64 {
	var b [8]byte
	rand.Read(b[:]) // never fails, crypto/rand
	return max(binary.LittleEndian.Uint64(b[:]), 1)
}

// Run delivers until ctx ends, then delivers what is left for at most 5 s. It must be called once. It returns nil: an
// operator that cannot be reached is a state, not an error.
func (s *Sender) Run(ctx context.Context) error {
	work, release := withGrace(ctx, stopGrace)
	defer release()
	var cutter sync.WaitGroup
	cutter.Go(func() { s.cutUntil(ctx) })
	s.deliverUntil(ctx, work)
	cutter.Wait()
	if lost := s.queue.load().weight; lost > 0 {
		s.count(func(t *SenderStats) { t.DroppedShutdown += lost })
		s.options.Log.Warn("the agent ends before the operator has taken all sightings", "lost", lost)
	}
	return nil
}

// withGrace returns a context that ends grace after ctx does.
func withGrace(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	forget := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-work.Done():
		}
	})
	return work, func() { forget(); cancel() }
}

// cutUntil cuts batches until ctx ends, and a last time then.
func (s *Sender) cutUntil(ctx context.Context) {
	defer close(s.cutDone)
	interval := time.NewTicker(s.options.Interval)
	defer interval.Stop()
	poll := time.NewTicker(min(longestPoll, s.options.Interval))
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			s.cut()
			return
		case <-interval.C:
			s.cut()
		case <-poll.C:
			if s.window.Len() >= s.options.BatchSize {
				s.cut()
			}
		}
	}
}

// cut moves what the window holds into the queue, a batch at a time.
func (s *Sender) cut() {
	for range s.options.MaxBatches {
		s.drained = s.window.Drain(s.drained[:0], s.options.BatchSize)
		s.options.Drained(s.drained)
		batches, err := cutBatches(s.drained)
		lost := weigh(s.drained)
		for _, b := range batches {
			lost -= b.weight
			s.queue.push(b)
		}
		if err != nil { // a text that is not UTF-8, which no decoder lets through
			s.options.Log.Error("sightings could not be encoded", "error", err, "lost", lost)
			s.count(func(t *SenderStats) { t.DroppedRefused += lost })
		}
		if len(s.drained) < s.options.BatchSize {
			return
		}
	}
}

// deliverUntil sends batches and heartbeats until ctx ended and the queue is empty, or work ends.
func (s *Sender) deliverUntil(ctx, work context.Context) {
	heartbeat := time.NewTicker(max(s.options.Interval, s.beat(ctx)))
	defer heartbeat.Stop()
	for work.Err() == nil {
		if b, ok := s.queue.next(); ok {
			s.deliver(ctx, work, b)
			heartbeat.Reset(s.options.Interval)
			continue
		}
		select {
		case <-s.queue.ready:
		case <-heartbeat.C:
			heartbeat.Reset(max(s.options.Interval, s.beat(ctx)))
		case <-s.cutDone:
			if s.queue.load().batches == 0 {
				return
			}
		}
	}
}

// deliver repeats one batch until it is settled or work ends. The end of ctx cuts a pause short.
func (s *Sender) deliver(ctx, work context.Context, b batch) {
	stopping := ctx.Done()
	for failures := 0; work.Err() == nil; failures++ {
		pause, settled := s.attempt(work, b, failures)
		if settled {
			return
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-stopping:
			stopping = nil
		case <-work.Done():
		}
		timer.Stop()
	}
}

// attempt sends b once. It returns how long to wait before the next attempt, or that none is needed.
func (s *Sender) attempt(work context.Context, b batch, failures int) (pause time.Duration, settled bool) {
	ctx, cancel := context.WithTimeout(work, attemptTimeout)
	defer cancel()
	s.count(func(t *SenderStats) { t.Attempts++ })
	response, err := s.courier.Report(ctx, s.request(b))
	if err == nil {
		s.acknowledge(b, response)
		return 0, true
	}
	answer, answered := errors.AsType[*AnswerError](err)
	if answered && hopeless(answer, failures) {
		s.refuse(b, answer)
		return 0, true
	}
	s.failed(err)
	return s.pause(failures, answer), false
}

// maxServerErrors is how often in a row a batch may be answered 500 before it is given up. The operator answers 503 when
// it is unwell, and 500 when this very batch makes it stumble; one such batch must not stop all later ones.
const maxServerErrors = 10

func hopeless(answer *AnswerError, failures int) bool {
	return answer.Final() || answer.Status == http.StatusInternalServerError && failures+1 >= maxServerErrors
}

// Pauses between attempts: the bound doubles from the first to the last, and each pause is random below it.
const (
	firstPause = 500 * time.Millisecond
	lastPause  = 30 * time.Second
)

func (s *Sender) pause(failures int, answer *AnswerError) time.Duration {
	bound := min(lastPause, firstPause<<min(failures, 10))
	pause := s.options.Jitter(bound)
	if answer != nil {
		pause = max(pause, answer.RetryAfter)
	}
	return pause
}

func (s *Sender) request(b batch) *wirepb.ReportRequest {
	request := b.request()
	status, stats := s.status(), s.Stats()
	request.Agent, request.Epoch, request.SentAt = s.options.Agent.toWire(), s.epoch, timestamppb.Now()
	request.Counters, request.Sources = status.toWire()
	request.AcknowledgedSeq, request.Acknowledged = stats.AcknowledgedSeq, stats.Acknowledged
	return request
}

// Delivery is the source of the counters that a Sender adds to those of Status.
const Delivery = "delivery"

// status is what the sources say, and what was lost on the way from the window.
func (s *Sender) status() Status {
	status, stats := s.options.Status(), s.Stats()
	own := []Counter{
		{Source: Delivery, Reason: "queue-full", Dropped: true, Value: stats.DroppedQueueFull},
		{Source: Delivery, Reason: "refused", Dropped: true, Value: stats.DroppedRefused},
	}
	return Status{Counters: append(own, status.Counters...), Sources: status.Sources}
}

// beat sends one heartbeat and returns how long the operator asks to be left alone. A failed one is not repeated: the
// next says the same and more.
func (s *Sender) beat(ctx context.Context) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	request := &wirepb.HeartbeatRequest{Agent: s.options.Agent.toWire(), Epoch: s.epoch, SentAt: timestamppb.Now()}
	status, stats := s.status(), s.Stats()
	request.Counters, request.Sources = status.toWire()
	request.AcknowledgedSeq, request.Acknowledged = stats.AcknowledgedSeq, stats.Acknowledged
	_, err := s.courier.Heartbeat(ctx, request)
	if err == nil {
		s.succeeded()
		return 0
	}
	s.failed(err)
	if answer, ok := errors.AsType[*AnswerError](err); ok {
		return answer.RetryAfter
	}
	return 0
}
