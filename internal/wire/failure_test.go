package wire

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAnAnswerHasOneFailure(t *testing.T) {
	for status, want := range map[int]Failure{
		http.StatusFound: Refused, http.StatusBadRequest: Refused, http.StatusNotFound: Refused, http.StatusRequestEntityTooLarge: Refused,
		http.StatusUnauthorized: Unauthorized, http.StatusForbidden: Unauthorized,
		http.StatusRequestTimeout: Unavailable, http.StatusTooManyRequests: Unavailable,
		http.StatusInternalServerError: Unavailable, http.StatusServiceUnavailable: Unavailable,
	} {
		if got := failureOf(fmt.Errorf("sending: %w", &AnswerError{Status: status})); got != want {
			t.Errorf("status %d is %q, want %q", status, got, want)
		}
	}
	if got := failureOf(errors.New("connection refused")); got != Unreachable {
		t.Errorf("no answer is %q, want %q", got, Unreachable)
	}
}

func TestARealFailureIsSorted(t *testing.T) {
	for want, spoil := range map[Failure]func(*operator, *ClientOptions){
		Unreachable:   func(o *operator, _ *ClientOptions) { o.close() },
		Untrusted:     func(_ *operator, c *ClientOptions) { c.ServerName = "somebody-else.shop.svc" },
		NoCredentials: func(o *operator, _ *ClientOptions) { os.Remove(filepath.Join(o.files, "token")) },
		Unauthorized:  func(o *operator, _ *ClientOptions) { o.write("token", otherUseToken) },
		Unavailable: func(o *operator, _ *ClientOptions) {
			o.sink.set(func(c *chart) { c.refusing = errors.New("the disk is full") })
		},
	} {
		t.Run(string(want), func(t *testing.T) {
			o := startOperator(t)
			options := o.client().options
			spoil(o, &options)
			_, err := must(NewClient(options))(t).Report(t.Context(), report(1, connection(1, 1)))
			if err == nil {
				t.Fatal("no error")
			}
			if got := failureOf(err); got != want {
				t.Errorf("%v is %q, want %q", err, got, want)
			}
		})
	}
	t.Run("a CA file that is none", func(t *testing.T) {
		o := startOperator(t)
		o.write("ca.crt", "soon")
		if _, err := o.client().Report(t.Context(), report(1, connection(1, 1))); failureOf(err) != NoCredentials {
			t.Errorf("%v is %q, want %q", err, failureOf(err), NoCredentials)
		}
	})
}

func TestEveryAttemptThatFailsIsCounted(t *testing.T) {
	fates := []fault{unreachable, answerLost, hanging, overloaded, unauthorized, unreachable, refusing}
	synctest.Test(t, func(t *testing.T) {
		l := startLine(t, SenderOptions{}, func(n int) fault {
			if n < len(fates) {
				return fates[n]
			}
			return fine
		})
		if diff := cmp.Diff(l.sender.Stats().Failures, none()); diff != "" {
			t.Errorf("before the first attempt (-got +want):\n%s", diff)
		}
		l.window.Add(connection(1, 4))
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		want := none()
		want[Unreachable], want[Unavailable], want[Unauthorized], want[Refused] = 4, 1, 1, 1
		if diff := cmp.Diff(l.sender.Stats().Failures, want); diff != "" {
			t.Errorf("failures (-got +want):\n%s", diff)
		}
		l.cable.deaf.Store(true)
		time.Sleep(12 * time.Second)
		synctest.Wait()
		if got := l.sender.Stats().Failures[Unreachable]; got <= 4 {
			t.Errorf("%d unreachable after heartbeats that failed, want more than 4", got)
		}
		l.end(t)
	})
}

// none are the counts of a sender that has not failed yet.
func none() map[Failure]uint64 {
	counts := make(map[Failure]uint64)
	for _, f := range Failures() {
		counts[f] = 0
	}
	return counts
}
