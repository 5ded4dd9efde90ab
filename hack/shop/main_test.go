package main

import (
	"context"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestPartsTalk(t *testing.T) {
	web, store := freeAddress(t), freeAddress(t)
	ctx := t.Context()
	server := part{listen: web, store: store, echo: store}
	go func() { _ = server.play(ctx, &strings.Builder{}) }()

	var out strings.Builder
	targets := []string{"http://" + web, "tcp://" + store, "udp://" + store, "open://" + web}
	client := part{calls: targets, every: time.Millisecond, timeout: 2 * time.Second, rounds: 1}
	deadline := time.Now().Add(10 * time.Second)
	for strings.Count(out.String(), " ok\n") < len(targets) && time.Now().Before(deadline) {
		out.Reset()
		if err := client.play(ctx, &out); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Count(out.String(), " ok\n"); got != len(targets) {
		t.Errorf("calls went %q, want %d that are ok", out.String(), len(targets))
	}
}

// A store counts connections: every line of one connection is answered, and nobody opens a second one.
func TestAHeldConnectionIsOne(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		line := make([]byte, 64)
		for range 3 {
			if _, err := conn.Read(line); err != nil {
				return
			}
			if _, err := conn.Write([]byte(pong)); err != nil {
				return
			}
		}
		cancel()
	}()
	var out strings.Builder
	target := "tcp://" + listener.Addr().String()
	if err := (part{holds: []string{target}, every: time.Millisecond, timeout: 2 * time.Second}).play(ctx, &out); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(out.String(), " ok\n"); got != 1 || !strings.HasPrefix(out.String(), "call "+target+" ok\n") {
		t.Errorf("it says %q, want one connection", out.String())
	}
}

func TestCallsSayHowTheyWent(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0") // connects, and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	for name, tc := range map[string]struct{ target, want string }{
		"a port that nobody listens on refuses":   {"tcp://" + freeAddress(t), "refused: dial tcp"},
		"a page of such a port is refused too":    {"http://" + freeAddress(t) + "/", "refused: dial tcp"},
		"a name that nobody knows is a failure":   {"http://no-such-name.invalid:80/", "failed: dial tcp: lookup"},
		"an answer that never comes is a failure": {"http://" + mute.Addr().String() + "/", "failed: "},
		"so is a store's":                         {"tcp://" + mute.Addr().String(), "failed: read tcp"},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			client := part{calls: []string{tc.target}, every: time.Millisecond, timeout: 300 * time.Millisecond, rounds: 1}
			if err := client.play(t.Context(), &out); err != nil {
				t.Fatal(err)
			}
			if want := "call " + tc.target + " " + tc.want; !strings.HasPrefix(out.String(), want) {
				t.Errorf("it says %q, want %q first", out.String(), want)
			}
		})
	}
}

func TestATimeoutOfTheConnectionIsARefusal(t *testing.T) {
	dial := &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}
	if got := describe(dial); !strings.HasPrefix(got, "refused: ") {
		t.Errorf("describe(%v) = %q, want a refusal", dial, got)
	}
	dial.Err = syscall.EHOSTUNREACH // so does a pod that is gone answer
	if got := describe(dial); !strings.HasPrefix(got, "failed: ") {
		t.Errorf("describe(%v) = %q, want a failure", dial, got)
	}
	dial.Err = &net.DNSError{Err: "no answer", IsTimeout: true}
	if got := describe(dial); !strings.HasPrefix(got, "failed: ") {
		t.Errorf("describe(%v) = %q, want a failure", dial, got)
	}
}

func TestParseRefusesWhatItCannotCall(t *testing.T) {
	for _, args := range [][]string{{"-call", "ftp://x:1"}, {"-call", "http://"}, {"-call", "http://x/"}, {"-hold", "http://x:1"}, {"-every", "0s"}, {"-unknown"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("parse(%q) succeeded, want an error", args)
		}
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
