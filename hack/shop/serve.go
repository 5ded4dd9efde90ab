package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// pong is the answer of a store to whatever line it gets.
const pong = "+PONG\r\n"

// patience is how long a store waits for the next line of a connection.
const patience = 30 * time.Second

func (p part) serveHTTP(ctx context.Context) error {
	if p.listen == "" {
		return nil
	}
	server := &http.Server{
		Addr: p.listen, ReadHeaderTimeout: 5 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") }),
	}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (p part) serveStore(ctx context.Context) error {
	if p.store == "" {
		return nil
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", p.store)
	if err != nil {
		return err
	}
	go func() {
		<-ctx.Done()
		_ = listener.Close()
	}()
	for {
		conn, err := listener.Accept()
		switch {
		case err == nil:
			go answerPings(conn)
		case errors.Is(err, net.ErrClosed):
			return nil
		default:
			return err
		}
	}
}

func answerPings(conn net.Conn) {
	defer conn.Close()
	for lines := bufio.NewScanner(conn); ; {
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil || !lines.Scan() {
			return
		}
		if _, err := io.WriteString(conn, pong); err != nil {
			return
		}
	}
}

func (p part) serveEcho(ctx context.Context) error {
	if p.echo == "" {
		return nil
	}
	var config net.ListenConfig
	conn, err := config.ListenPacket(ctx, "udp", p.echo)
	if err != nil {
		return err
	}
	go func() {
		<-ctx.Done()
		_ = conn.Close()
	}()
	for datagram := make([]byte, 64); ; {
		_, from, err := conn.ReadFrom(datagram)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err == nil {
			_, err = conn.WriteTo([]byte(pong), from)
		}
		if err != nil {
			return err
		}
	}
}
