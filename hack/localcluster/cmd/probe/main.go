//go:build linux

// Command probe is the workload of the acceptance tests: a server, a client, and a look at what a container may do.
//
//	probe serve :8080        answers every request with its host name
//	probe call URL           asks once, with a new connection; prints the answer
//	probe status             prints capabilities, seccomp mode and user of this process
//	probe print FILE...      prints files
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "probe: %v\n", err)
		os.Exit(1)
	}
}

// run does what the first argument says.
func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("want serve, call, status or print")
	}
	switch verb, rest := args[0], args[1:]; {
	case verb == "serve" && len(rest) == 1:
		return serve(ctx, rest[0], out)
	case verb == "call" && len(rest) == 1:
		return call(ctx, rest[0], out)
	case verb == "status" && len(rest) == 0:
		return status(out)
	case verb == "print":
		return show(rest, out)
	}
	return fmt.Errorf("unknown command %q", strings.Join(args, " "))
}

// serve answers requests until the context ends.
func serve(ctx context.Context, address string, out io.Writer) error {
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	server := &http.Server{
		Addr:              address,
		ReadHeaderTimeout: 5 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprintf(w, "%s answers %s\n", name, r.RemoteAddr)
		}),
	}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if _, err := fmt.Fprintln(out, name, "serves", address); err != nil {
		return err
	}
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// call makes one request on a new connection, and gives up after two seconds.
func call(ctx context.Context, url string, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	_, err = io.Copy(out, answer.Body)
	return err
}

// status prints the lines of /proc/self/status that say what this process may do.
func status(out io.Writer) error {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		name, _, _ := strings.Cut(line, ":")
		switch name {
		case "CapEff", "Seccomp", "NoNewPrivs", "Uid":
			if _, err := fmt.Fprintln(out, strings.Join(strings.Fields(line), " ")); err != nil {
				return err
			}
		}
	}
	return nil
}

// show prints files one after the other.
func show(paths []string, out io.Writer) error {
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if _, err := out.Write(text); err != nil {
			return err
		}
	}
	return nil
}
