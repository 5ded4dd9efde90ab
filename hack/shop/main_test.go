package main

import (
	"net"
	"strings"
	"testing"
	"time"
)

func TestPartsTalk(t *testing.T) {
	web, store := freeAddress(t), freeAddress(t)
	ctx := t.Context()
	server := part{listen: web, store: store}
	go func() { _ = server.play(ctx, &strings.Builder{}) }()

	var out strings.Builder
	client := part{calls: []string{"http://" + web, "tcp://" + store}, every: time.Millisecond, timeout: 2 * time.Second, rounds: 1}
	deadline := time.Now().Add(10 * time.Second)
	for strings.Count(out.String(), " ok\n") < 2 && time.Now().Before(deadline) {
		out.Reset()
		if err := client.play(ctx, &out); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Count(out.String(), " ok\n"); got != 2 {
		t.Errorf("calls went %q, want two that are ok", out.String())
	}
}

func TestCallsThatCannotBeMadeSayWhy(t *testing.T) {
	var out strings.Builder
	client := part{calls: []string{"tcp://" + freeAddress(t)}, every: time.Millisecond, timeout: time.Second, rounds: 1}
	if err := client.play(t.Context(), &out); err != nil || !strings.Contains(out.String(), "failed: ") {
		t.Errorf("play() = %v with %q, want a failed call", err, out.String())
	}
}

func TestParseRefusesWhatItCannotCall(t *testing.T) {
	for _, args := range [][]string{{"-call", "ftp://x:1"}, {"-call", "http://"}, {"-every", "0s"}, {"-unknown"}} {
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
