// Command demo tells the story of Portolan on a real cluster: a shop that talks, its map, its intents, and an intruder who is
// refused. It uses the cluster of the current kubeconfig context if the person agrees, and otherwise builds one.
//
// It must not reach into Portolan: it runs kubectl and portolan as a person would.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	root, err := os.Getwd()
	d := &demo{
		root: root, folder: filepath.Join(root, "bin/demo"), state: localState, entry: localEntry, system: runtime.GOOS, out: os.Stdout,
	}
	if err == nil {
		err = d.tell(ctx, os.Args[1:])
	}
	code := exitCode(ctx, err)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "\ndemo: %v\n", err)
	}
	if code == exitInterrupted {
		fmt.Fprint(os.Stderr, d.remains())
	}
	os.Exit(code)
}

// The exit codes besides 0.
const (
	exitFailed      = 1
	exitInterrupted = 130 // what a shell says of a program that Ctrl-C ended
)

func exitCode(ctx context.Context, err error) int {
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		return exitInterrupted
	default:
		return exitFailed
	}
}

func (d *demo) tell(ctx context.Context, args []string) error {
	if err := os.MkdirAll(d.folder, 0o755); err != nil {
		return err
	}
	if err := d.own(); err != nil {
		return err
	}
	switch {
	case len(args) == 1 && args[0] == "down":
		return d.down(ctx)
	case len(args) > 0:
		return errors.New("usage: demo [down]")
	case d.another:
		return errors.New("DEMO_OF is for make demo-down: it names the demo of another checkout")
	default:
		return d.up(ctx)
	}
}

// chapter is one step of the story; it ends the story when it fails.
type chapter struct {
	title string
	limit time.Duration
	tell  func(context.Context) error
}

func (d *demo) up(ctx context.Context) error {
	return d.read(ctx, []chapter{
		{"Choosing a cluster", 2 * time.Minute, d.chooseCluster},
		{"Starting the cluster", 15 * time.Minute, d.startCluster},
		{"Bringing the images", 3 * time.Minute, d.bringImages},
		{"Installing Portolan", 3 * time.Minute, d.install},
		{"Opening the shop", 3 * time.Minute, d.openShop},
		{"Waiting for the map", 3 * time.Minute, d.awaitMap},
		{"The map", time.Minute, d.showMap},
		{"Exporting intents", time.Minute, d.exportIntents},
		{"Enforcing them", 3 * time.Minute, d.enforce},
		{"An intruder", 2 * time.Minute, d.intrude},
		{"Where to go from here", time.Minute, d.leave},
	})
}

func (d *demo) down(ctx context.Context) error {
	return d.read(ctx, []chapter{
		{"Finding what the demo left", time.Minute, d.recall},
		{"Removing it", 5 * time.Minute, d.remove},
	})
}

func (d *demo) read(ctx context.Context, story []chapter) error {
	for i, c := range story {
		fmt.Fprintf(d.out, "\n[%d/%d] %s\n", i+1, len(story), c.title)
		err := within(ctx, c)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("interrupted at step %d of %d, %q", i+1, len(story), c.title)
		case err != nil:
			return fmt.Errorf("%s: %w", c.title, err)
		}
	}
	return nil
}

func within(ctx context.Context, c chapter) error {
	ctx, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	return c.tell(ctx)
}
