// Command portolan is the agent, the operator and the command line: one binary, one version everywhere.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/portolan-io/portolan/internal/command"
)

// version is set by the linker; a build without it says so.
var version = "v0.0.0-unknown"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := command.Run(ctx, version, os.Args)
	stop()
	os.Exit(code)
}
