// Command shop is every workload of the demo shop, and of the conversations of the end-to-end tests: it serves, it calls others
// at a steady pace over new connections, it holds connections open, and it says on standard output how each call went:
// "call <target> ok", "refused: <cause>" where no connection came about, or "failed: <cause>". One static program plays all the
// parts, so one image is enough.
//
// It is sample traffic. It must not know Portolan, and it depends on the standard library alone.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"slices"
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
	echo    string        // address of the same over UDP; empty for none
	calls   []string      // URLs of the schemes that callable knows
	holds   []string      // tcp:// URLs
	every   time.Duration // between two rounds of calls
	rounds  int           // how many rounds; 0 means until stopped
	timeout time.Duration // of one call
}

func parse(args []string) (part, error) {
	var p part
	flags := flag.NewFlagSet("shop", flag.ContinueOnError)
	flags.StringVar(&p.listen, "listen", "", "serve HTTP on this address, such as :8080")
	flags.StringVar(&p.store, "store", "", "serve a store on this address, such as :6379")
	flags.StringVar(&p.echo, "echo", "", "answer datagrams on this UDP address, such as :5060, as the store does")
	flags.Func("call", "call this URL, http://host:port/path, tcp://host:port, udp://host:port, or open://host:port, "+
		"which connects and says nothing; may be repeated", urls(&p.calls, "http", "tcp", "udp", "open"))
	flags.Func("hold", "hold one connection to this store open, tcp://host:port; may be repeated", urls(&p.holds, "tcp"))
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

// urls returns a flag that collects URLs with host and port.
func urls(into *[]string, schemes ...string) func(string) error {
	return func(s string) error {
		u, err := url.Parse(s)
		if err != nil || u.Hostname() == "" || u.Port() == "" || !slices.Contains(schemes, u.Scheme) {
			return fmt.Errorf("%q: want scheme://host:port, where the scheme is %s", s, strings.Join(schemes, " or "))
		}
		*into = append(*into, s)
		return nil
	}
}

// play serves and calls until ctx ends, or until the rounds are over where nothing is served.
func (p part) play(ctx context.Context, out io.Writer) error {
	services := []func(context.Context) error{p.serveHTTP, p.serveStore, p.serveEcho}
	errs := make(chan error, len(services))
	for _, serve := range services {
		go func() { errs <- serve(ctx) }()
	}
	said := &lines{out: out}
	var held sync.WaitGroup
	for _, target := range p.holds {
		held.Go(func() { p.hold(ctx, target, said) })
	}
	p.callAll(ctx, said)
	held.Wait()
	if p.listen == "" && p.store == "" && p.echo == "" {
		return nil
	}
	var failed error
	for range services {
		failed = errors.Join(failed, <-errs)
	}
	return failed
}

// lines says how calls went, one at a time.
type lines struct {
	lock sync.Mutex
	out  io.Writer
}

func (l *lines) say(target string, err error) {
	l.lock.Lock()
	defer l.lock.Unlock()
	fmt.Fprintf(l.out, "call %s %s\n", target, describe(err))
}
