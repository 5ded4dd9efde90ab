package role

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// health answers the kubelet. Liveness says that this process turns, and never asks anybody else.
type health struct {
	ready  func() string   // why the role is not ready; empty when it is
	limits func() []string // what limits it although it is ready, a sentence each; nil is for none
}

func (h *health) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if why := h.ready(); why != "" {
			http.Error(w, why, http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n" + h.limited()))
	})
	mux.HandleFunc("/", only("GET /healthz and GET /readyz"))
	return mux
}

// limited returns what limits the role, a line each.
func (h *health) limited() string {
	if h.limits == nil {
		return ""
	}
	var lines strings.Builder
	for _, limit := range h.limits() {
		lines.WriteString(limit + "\n")
	}
	return lines.String()
}

// only answers those who ask for something else than what a server has.
func only(served string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		asked := r.Method + " " + r.URL.Path
		http.Error(w, fmt.Sprintf("%+q is not served here; served is %s", asked[:min(len(asked), maxAsked)], served), http.StatusNotFound)
	}
}

// maxAsked is how much of a wrong path an answer repeats.
const maxAsked = 64

// stopLimit is how long a server may take to finish what it has begun.
const stopLimit = 5 * time.Second

// serve serves plain HTTP on address until ctx ends. An empty address serves nothing.
func serve(ctx context.Context, address string, handler http.Handler) error {
	if address == "" {
		return nil
	}
	listener, err := listen(ctx, address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	return until(ctx, server, func() error { return server.Serve(listener) })
}

// listen opens a port. A taken port is an error that names it.
func listen(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w; choose another address if the port is taken", address, err)
	}
	return listener, nil
}

// until runs a server and stops it in order when ctx ends.
func until(ctx context.Context, server *http.Server, run func() error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := run(); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
		defer cancel()
		return errors.Join(server.Shutdown(stopping), closeAll(stopping, server))
	})
	return group.Wait()
}

// closeAll cuts the connections that did not end in time.
func closeAll(ctx context.Context, server *http.Server) error {
	if ctx.Err() == nil {
		return nil
	}
	return server.Close()
}
