package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"
)

// callAll runs the rounds; within a round all calls run at once, so that one that hangs delays nobody.
func (p part) callAll(ctx context.Context, said *lines) {
	if len(p.calls) == 0 {
		return
	}
	ticker := time.NewTicker(p.every)
	defer ticker.Stop()
	for round := 0; p.rounds == 0 || round < p.rounds; round++ {
		p.round(ctx, said)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (p part) round(ctx context.Context, said *lines) {
	var calls sync.WaitGroup
	for _, target := range p.calls {
		calls.Go(func() { said.say(target, p.call(ctx, target)) })
	}
	calls.Wait()
}

// hold opens a connection and keeps it in use until ctx ends. It says how opening went, and opens another one only if that
// breaks, so that each "ok" is a connection.
func (p part) hold(ctx context.Context, target string, said *lines) {
	ticker := time.NewTicker(p.every)
	defer ticker.Stop()
	var held net.Conn
	for {
		if held == nil {
			conn, _, err := p.dial(ctx, target)
			said.say(target, err)
			held = conn
		} else {
			_ = held.SetDeadline(time.Now().Add(p.timeout))
			if err := ping(held); err != nil {
				said.say(target, err)
				_ = held.Close()
				held = nil
			}
		}
		select {
		case <-ctx.Done():
			return // the connection goes with the program
		case <-ticker.C:
		}
	}
}

// describe tells a connection that did not come about, which is how a policy shows itself, from all other mishaps.
func describe(err error) string {
	if err == nil {
		return "ok"
	}
	_, unknown := errors.AsType[*net.DNSError](err)
	attempt, tried := errors.AsType[*net.OpError](err)
	if !unknown && tried && attempt.Op == "dial" && (attempt.Timeout() || errors.Is(err, syscall.ECONNREFUSED)) {
		return "refused: " + err.Error()
	}
	return "failed: " + err.Error()
}

// call makes one call over a connection of its own.
func (p part) call(ctx context.Context, target string) error {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	conn, scheme, err := p.dial(ctx, target)
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, set := ctx.Deadline(); set {
		_ = conn.SetDeadline(deadline)
	}
	switch scheme {
	case "http":
		return get(ctx, conn, target)
	case "open":
		return nil
	default:
		return ping(conn)
	}
}

// dial opens the connection for a target and returns it with the target's scheme.
func (p part) dial(ctx context.Context, target string) (net.Conn, string, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, "", err
	}
	network := "tcp"
	if u.Scheme == "udp" {
		network = "udp"
	}
	dialer := net.Dialer{Timeout: p.timeout}
	conn, err := dialer.DialContext(ctx, network, u.Host)
	return conn, u.Scheme, err
}

// get asks for a page over a connection that is there.
func get(ctx context.Context, conn net.Conn, target string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return conn, nil },
	}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("HTTP %s", response.Status)
	}
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<16))
	return err
}

func ping(conn net.Conn) error {
	if _, err := io.WriteString(conn, "PING\r\n"); err != nil {
		return err
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && !strings.HasPrefix(answer, "+PONG") {
		err = fmt.Errorf("answer %q, want +PONG", answer)
	}
	return err
}
