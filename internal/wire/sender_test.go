package wire

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/portolan-io/portolan/internal/traffic"
	"github.com/portolan-io/portolan/internal/wire/wirepb"
)

// fault is what happens to one call on the way.
type fault int

const (
	fine         fault = iota
	unreachable        // the request does not arrive
	answerLost         // the request is served, its answer does not arrive
	hanging            // nothing happens until the caller gives up
	overloaded         // 503, with 7 s to wait
	stumbling          // 500
	refusing           // 413
	unauthorized       // 401
)

// cable is a Courier that leads to the real service of a Handler in the same process. weather says what happens to the
// n-th report, from 0; heartbeats arrive unless the operator is deaf to them.
type cable struct {
	handler    *Handler
	weather    func(n int) fault
	calls      []time.Time
	heartbeats int
	deaf       atomic.Bool
}

// Report implements Courier.
func (c *cable) Report(ctx context.Context, request *wirepb.ReportRequest) (*wirepb.ReportResponse, error) {
	fate := fine
	if c.weather != nil {
		fate = c.weather(len(c.calls))
	}
	c.calls = append(c.calls, time.Now())
	switch fate {
	case unreachable:
		return nil, errors.New("connection refused")
	case hanging:
		<-ctx.Done()
		return nil, ctx.Err()
	case overloaded:
		return nil, &AnswerError{Status: http.StatusServiceUnavailable, RetryAfter: 7 * time.Second, Message: "the store is busy"}
	case stumbling:
		return nil, &AnswerError{Status: http.StatusInternalServerError, Message: "stumbled"}
	case refusing:
		return nil, &AnswerError{Status: http.StatusRequestEntityTooLarge, Message: "over the limit"}
	case unauthorized:
		return nil, &AnswerError{Status: http.StatusUnauthorized, Message: "who are you?"}
	case fine, answerLost:
	}
	response, err := c.serve(ctx, request)
	if fate == answerLost {
		return nil, errors.New("connection reset by peer")
	}
	return response, err
}

func (c *cable) serve(ctx context.Context, request *wirepb.ReportRequest) (*wirepb.ReportResponse, error) {
	encoded, err := proto.Marshal(request)
	if err != nil {
		return nil, err
	}
	received := new(reportRequest)
	if err := (protoCodec{}).Unmarshal(encoded, received); err != nil {
		return nil, err
	}
	response, err := agentService{c.handler}.Report(c.inside(ctx), connect.NewRequest(received))
	if err != nil {
		return nil, &AnswerError{Status: statusOf(connect.CodeOf(err)), Message: err.Error()}
	}
	return response.Msg, nil
}

// Heartbeat implements Courier.
func (c *cable) Heartbeat(ctx context.Context, request *wirepb.HeartbeatRequest) (*wirepb.HeartbeatResponse, error) {
	c.heartbeats++
	if c.deaf.Load() {
		return nil, errors.New("connection refused")
	}
	received := new(heartbeatRequest)
	proto.Merge(received, request)
	response, err := agentService{c.handler}.Heartbeat(c.inside(ctx), connect.NewRequest(received))
	if err != nil {
		return nil, err
	}
	return response.Msg, nil
}

func (c *cable) inside(ctx context.Context) context.Context {
	return context.WithValue(ctx, callerKey{}, Caller{Node: testAgent.Node, Pod: testAgent.Pod})
}

// nobody is an Authenticator that lets nobody in; the cable passes by the door.
type nobody struct{}

// Authenticate implements Authenticator.
func (nobody) Authenticate(context.Context, string) (Caller, error) { return Caller{}, ErrBadToken }

func newTestHandler(t testing.TB, sink Sink, who Authenticator) *Handler {
	t.Helper()
	h, err := NewHandler(HandlerOptions{
		Authenticator: who, Sink: sink, Account: Account{Namespace: "portolan-system", Name: "portolan-agent"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// line is a sender, a cable and a sink in one piece.
type line struct {
	window *traffic.Window
	sender *Sender
	cable  *cable
	sink   *chart
	stop   context.CancelFunc
	done   chan error
}

// startLine runs a sender in the present synctest bubble. The longest pause is always taken.
func startLine(t *testing.T, options SenderOptions, weather func(int) fault) *line {
	t.Helper()
	sink := &chart{}
	l := &line{window: traffic.NewWindow(0), sink: sink, done: make(chan error, 1)}
	l.cable = &cable{handler: newTestHandler(t, sink, nobody{}), weather: weather}
	options.Agent = testAgent
	options.Jitter = func(most time.Duration) time.Duration { return most }
	l.sender = NewSender(l.cable, l.window, options)
	ctx, stop := context.WithCancel(t.Context())
	l.stop = stop
	go func() { l.done <- l.sender.Run(ctx) }()
	return l
}

func (l *line) end(t *testing.T) {
	t.Helper()
	l.stop()
	if err := <-l.done; err != nil {
		t.Errorf("Run returned %v, want nil", err)
	}
}

// always returns weather that never changes.
func always(f fault) func(int) fault { return func(int) fault { return f } }

// first returns weather of n times f, then fine.
func first(n int, f fault) func(int) fault {
	return func(i int) fault {
		if i < n {
			return f
		}
		return fine
	}
}

func TestSightingsAreDeliveredEveryInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := startLine(t, SenderOptions{}, nil)
		l.window.Add(connection(1, 3))
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if got := l.sink.total(); got != 0 {
			t.Errorf("%d sightings arrived before the interval was over", got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := l.sink.total(); got != 3 {
			t.Errorf("%d sightings arrived after the interval, want 3", got)
		}
		l.end(t)
	})
}

func TestAFullBatchDoesNotWaitForTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := startLine(t, SenderOptions{Interval: time.Minute, BatchSize: 100}, nil)
		for _, s := range connections(250) {
			l.window.Add(s)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if l.sink.total() != 250 || l.sink.batches != 3 {
			t.Errorf("%d sightings in %d batches arrived within a second, want 250 in 3", l.sink.total(), l.sink.batches)
		}
		l.end(t)
	})
}

func TestAnIdleAgentSendsHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := startLine(t, SenderOptions{Status: func() Status {
			return Status{Sources: []SourceState{{Source: "dns", Running: true}}}
		}}, nil)
		time.Sleep(16 * time.Second)
		synctest.Wait()
		if l.cable.heartbeats != 4 {
			t.Errorf("%d heartbeats in 16 s, want 4: one at the start and one each 5 s", l.cable.heartbeats)
		}
		agents := l.cable.handler.Agents()
		if len(agents) != 1 || agents[0].Agent != testAgent || len(agents[0].Sources) != 1 {
			t.Errorf("the operator knows %+v, want the agent and its source", agents)
		}
		l.end(t)
	})
}

func TestPausesDoubleUpToHalfAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := startLine(t, SenderOptions{}, first(9, unreachable))
		l.window.Add(connection(1, 1))
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		for i, want := range []string{"500ms", "1s", "2s", "4s", "8s", "16s", "30s", "30s", "30s"} {
			if got := l.cable.calls[i+1].Sub(l.cable.calls[i]).String(); got != want {
				t.Errorf("pause %d is %s, want %s", i, got, want)
			}
		}
		if got := l.sink.total(); got != 1 {
			t.Errorf("%d sightings arrived after the outage, want 1", got)
		}
		l.end(t)
	})
}

func TestTheOperatorsWishToWaitIsObeyed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := startLine(t, SenderOptions{}, first(1, overloaded))
		l.window.Add(connection(1, 1))
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := l.cable.calls[1].Sub(l.cable.calls[0]); got != 7*time.Second {
			t.Errorf("the second attempt came after %v, want 7s", got)
		}
		l.end(t)
	})
}

func TestABatchWhoseAnswerWasLostIsMergedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := startLine(t, SenderOptions{}, first(2, answerLost))
		l.window.Add(connection(1, 5))
		time.Sleep(time.Minute)
		synctest.Wait()
		stats := l.sender.Stats()
		if l.sink.total() != 5 || stats.Acknowledged != 5 || stats.Duplicates != 1 || stats.Attempts != 3 {
			t.Errorf("sink %d, stats %+v; want 5 sightings once, acknowledged by the third attempt as a duplicate", l.sink.total(), stats)
		}
		if got := l.cable.handler.Stats(); got.Duplicates != 2 || got.Batches != 1 {
			t.Errorf("handler stats %+v, want 1 batch and 2 duplicates", got)
		}
		l.end(t)
	})
}

func TestWhatCannotHelpIsNotRepeated(t *testing.T) {
	for name, tc := range map[string]struct {
		weather  func(int) fault
		attempts uint64
		refused  uint64
	}{
		"a refused batch is dropped at once":                          {first(1, refusing), 2, 4},
		"a wrong token is tried again":                                {first(3, unauthorized), 5, 0},
		"a batch that makes the operator stumble is dropped at last":  {first(10, stumbling), 11, 4},
		"a batch that made the operator stumble nine times gets home": {first(9, stumbling), 11, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := startLine(t, SenderOptions{}, tc.weather)
				l.window.Add(connection(1, 4))
				time.Sleep(6 * time.Second)
				l.window.Add(connection(2, 8))
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				stats := l.sender.Stats()
				if stats.Attempts != tc.attempts || stats.DroppedRefused != tc.refused || l.sink.total() != 12-tc.refused {
					t.Errorf("sink %d, stats %+v; want %d attempts and %d refused", l.sink.total(), stats, tc.attempts, tc.refused)
				}
				l.end(t)
			})
		})
	}
}

func TestRefusedSightingsAreCountedByTheAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := startLine(t, SenderOptions{}, nil)
		bad := connection(1, 9)
		bad.To.Port = 0
		l.window.Add(bad)
		l.window.Add(connection(2, 1))
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if stats := l.sender.Stats(); stats.DroppedRefused != 9 || stats.Acknowledged != 1 {
			t.Errorf("stats %+v, want 9 refused and 1 acknowledged", stats)
		}
		l.end(t)
	})
}

func TestAnOrderlyStopSendsWhatItHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := startLine(t, SenderOptions{}, nil)
		time.Sleep(time.Second)
		l.window.Add(connection(1, 2))
		began := time.Now()
		l.end(t)
		if took := time.Since(began); l.sink.total() != 2 || took > time.Second {
			t.Errorf("%d sightings arrived in %v, want 2 at once", l.sink.total(), took)
		}
	})
}

func TestAnOrderlyStopDoesNotWaitForThePauseToEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := startLine(t, SenderOptions{}, first(7, unreachable))
		l.window.Add(connection(1, 2))
		time.Sleep(40 * time.Second) // in the middle of the seventh pause, of 30 s
		began := time.Now()
		l.end(t)
		if took := time.Since(began); l.sink.total() != 2 || took > time.Second {
			t.Errorf("%d sightings arrived in %v, want 2 at once", l.sink.total(), took)
		}
	})
}

func TestAnOrderlyStopGivesUpAfterFiveSecondsAndCounts(t *testing.T) {
	for name, weather := range map[string]func(int) fault{
		"nobody listens":     always(unreachable),
		"nobody answers":     always(hanging),
		"the operator waits": always(overloaded),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				l := startLine(t, SenderOptions{Log: slog.New(slog.NewTextHandler(&log, nil))}, weather)
				l.window.Add(connection(1, 2))
				time.Sleep(20 * time.Second)
				l.window.Add(connection(2, 3))
				began := time.Now()
				l.end(t)
				if took := time.Since(began); took != stopGrace {
					t.Errorf("the stop took %v, want %v", took, stopGrace)
				}
				if stats := l.sender.Stats(); stats.DroppedShutdown != 5 || stats.Acknowledged != 0 {
					t.Errorf("stats %+v, want 5 dropped by the shutdown", stats)
				}
				if text := log.String(); !strings.Contains(text, "lost=5") {
					t.Errorf("the log does not say what is lost:\n%s", text)
				}
			})
		})
	}
}

func TestTheOperatorLearnsWhatTheAgentLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := startLine(t, SenderOptions{}, first(1, refusing))
		l.window.Add(connection(1, 4))
		time.Sleep(6 * time.Second)
		l.window.Add(connection(2, 12))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		state := l.cable.handler.Agents()[0]
		if state.Dropped() != 4 || state.Acknowledged != 12 || state.Completeness() != 0.75 {
			t.Errorf("dropped %d, acknowledged %d, completeness %v; want 4, 12 and 0.75", state.Dropped(), state.Acknowledged, state.Completeness())
		}
		if gaps := l.cable.handler.Stats().Gaps; gaps != 1 {
			t.Errorf("gaps = %d, want 1", gaps)
		}
		l.end(t)
	})
}
