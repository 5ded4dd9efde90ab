// Command shop is every workload of the demo shop: it serves, it calls others at a steady pace over new connections, and
// it says on standard output how each call went: "call <target> ok", "refused: <cause>" where no connection came about, or
// "failed: <cause>". One static program plays all the parts, so one image is enough.
//
// It is sample traffic. It must not know Portolan, and it depends on the standard library alone.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	part, err := parse(os.Args[1:])
	if err == nil {
		err = part.play(ctx, os.Stdout)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "shop:", err)
		os.Exit(1)
	}
}

// part is what one workload does.
type part struct {
	listen  string        // address of an HTTP server; empty for none
	store   string        // address of a store that answers PING with +PONG; empty for none
	calls   []string      // http:// or tcp:// URLs
	every   time.Duration // between two rounds of calls
	rounds  int           // how many rounds; 0 means until stopped
	timeout time.Duration // of one call
}

func parse(args []string) (part, error) {
	var p part
	flags := flag.NewFlagSet("shop", flag.ContinueOnError)
	flags.StringVar(&p.listen, "listen", "", "serve HTTP on this address, such as :8080")
	flags.StringVar(&p.store, "store", "", "serve a store on this address, such as :6379")
	flags.Func("call", "call this URL, http://host:port/path or tcp://host:port; may be repeated", func(s string) error {
		u, err := url.Parse(s)
		if err != nil || u.Hostname() == "" || u.Port() == "" || u.Scheme != "http" && u.Scheme != "tcp" {
			return fmt.Errorf("%q: want http://host:port/path or tcp://host:port", s)
		}
		p.calls = append(p.calls, s)
		return nil
	})
	flags.DurationVar(&p.every, "every", time.Second, "time between two rounds of calls")
	flags.IntVar(&p.rounds, "rounds", 0, "stop after this many rounds; 0 means never")
	flags.DurationVar(&p.timeout, "timeout", 2*time.Second, "time limit of one call")
	if err := flags.Parse(args); err != nil {
		return part{}, err
	}
	if p.every <= 0 || p.timeout <= 0 {
		return part{}, errors.New("-every and -timeout must be positive")
	}
	return p, nil
}

// play serves and calls until ctx ends, or until the rounds are over where nothing is served.
func (p part) play(ctx context.Context, out io.Writer) error {
	errs := make(chan error, 2)
	serving := 0
	for _, serve := range []func(context.Context) error{p.serveHTTP, p.serveStore} {
		serving++
		go func() { errs <- serve(ctx) }()
	}
	p.callAll(ctx, out)
	if p.listen == "" && p.store == "" {
		return nil
	}
	var failed error
	for range serving {
		failed = errors.Join(failed, <-errs)
	}
	return failed
}

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
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		if _, err := io.WriteString(conn, "+PONG\r\n"); err != nil {
			return
		}
	}
}

// callAll runs the rounds; within a round all calls run at once, so that one that hangs delays nobody.
func (p part) callAll(ctx context.Context, out io.Writer) {
	if len(p.calls) == 0 {
		return
	}
	ticker := time.NewTicker(p.every)
	defer ticker.Stop()
	for round := 0; p.rounds == 0 || round < p.rounds; round++ {
		p.round(ctx, out)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (p part) round(ctx context.Context, out io.Writer) {
	var calls sync.WaitGroup
	var line sync.Mutex
	for _, target := range p.calls {
		calls.Go(func() {
			outcome := describe(p.call(ctx, target))
			line.Lock()
			defer line.Unlock()
			fmt.Fprintf(out, "call %s %s\n", target, outcome)
		})
	}
	calls.Wait()
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
	u, err := url.Parse(target)
	if err != nil {
		return err
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, set := ctx.Deadline(); set {
		_ = conn.SetDeadline(deadline)
	}
	if u.Scheme == "tcp" {
		return ping(conn)
	}
	return get(ctx, conn, target)
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
