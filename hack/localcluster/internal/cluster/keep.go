//go:build linux

package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/portolan-io/portolan/hack/localcluster/internal/process"
)

const (
	shortLife    = 20 * time.Second       // a component that ends sooner has failed
	mostFailures = 6                      // of one component in a row, before the keeper gives up
	firstPause   = 200 * time.Millisecond // before a component is started again; doubled after each failure
)

// keeper is the program that keeps the others running: this one, with another subcommand.
func (c *Cluster) keeper() component {
	return component{"keeper", "localcluster", []string{"keep", "--name", c.Name}}
}

// startKeeper starts the keeper in the machine unless it runs. The context that it returns ends with an error when a keeper that it
// started ends.
func (c *Cluster) startKeeper(ctx context.Context, end context.CancelCauseFunc) error {
	keeper := c.keeper()
	if process.Load(c.record(keeper)).Alive() {
		return nil
	}
	var running process.Running
	err := c.Do(func() (err error) {
		running, err = process.Start(c.spec(keeper))
		return err
	})
	if err != nil {
		return err
	}
	go func() {
		select {
		case <-ctx.Done():
		case <-running.Ended:
			end(fmt.Errorf("the keeper of the components ended: %s", lastLines(c.log(keeper))))
		}
	}()
	return nil
}

// Keep runs the components, in the machine, and starts again those that end; like any node's, some of them end on purpose when what
// they depend on changes. Components that run already, under an earlier keeper, are taken over. It returns when the
// context ends, which leaves the components running, or when one of them fails again and again.
func Keep(ctx context.Context, o Options) error {
	c, err := Open(o)
	if err != nil {
		return err
	}
	a, err := c.api()
	if err != nil {
		return err
	}
	defer a.close()
	g, ctx := errgroup.WithContext(ctx)
	for _, each := range controlPlane(c.Plan) {
		g.Go(func() error { return c.keep(ctx, each) })
	}
	g.Go(func() error {
		if err := c.awaitAPI(ctx, a); err != nil {
			return err
		}
		for _, each := range clients(c.Plan) {
			g.Go(func() error { return c.keep(ctx, each) })
		}
		return nil
	})
	return g.Wait()
}

// keep runs one component until the context ends or it has failed too often.
func (c *Cluster) keep(ctx context.Context, each component) error {
	failures := 0
	for {
		began := time.Now()
		if err := c.runOnce(ctx, each); err != nil || ctx.Err() != nil {
			return err
		}
		c.sayf("%s %s ended after %s", time.Now().UTC().Format(time.RFC3339), each.name, time.Since(began).Round(time.Millisecond))
		if failures++; time.Since(began) > shortLife {
			failures = 1
		}
		if failures >= mostFailures {
			return fmt.Errorf("%s failed %d times: %s (whole log: %s)", each.name, failures, lastLines(c.log(each)), c.log(each))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(firstPause << (failures - 1)):
		}
	}
}

// runOnce starts a component unless it runs, and returns when it has ended or the context has.
func (c *Cluster) runOnce(ctx context.Context, each component) error {
	if present := process.Load(c.record(each)); present.Alive() {
		return process.Await(ctx, present)
	}
	running, err := process.Start(c.spec(each))
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-running.Ended:
	}
	return nil
}

// spec says how a component is run.
func (c *Cluster) spec(each component) process.Spec {
	return process.Spec{
		Name:   each.name,
		Path:   c.program(each.program),
		Args:   each.args,
		Env:    []string{"PATH=" + c.options.Programs + ":" + searchPath},
		Log:    c.log(each),
		Record: c.record(each),
	}
}

// record and log are the files of a component.
func (c *Cluster) record(each component) string { return c.Path("processes", each.name+".json") }
func (c *Cluster) log(each component) string    { return c.Path("log", each.name+".log") }

// lastLines returns the end of a log, for an error message.
func lastLines(path string) string {
	const most = 1000
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	if len(text) > most {
		text = text[len(text)-most:]
	}
	return string(bytes.TrimSpace(text))
}
