// Command localcluster is a real one-node Kubernetes cluster on one Linux host, without a container engine, an image registry or a
// download site: `up` starts it, `down` leaves nothing behind. See the README beside its module.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/portolan-io/portolan/hack/localcluster/internal/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := command.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
