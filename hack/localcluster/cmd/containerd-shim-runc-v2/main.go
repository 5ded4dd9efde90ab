//go:build linux

// Command containerd-shim-runc-v2 is upstream's shim: one small process per pod that outlives containerd and runs runc.
// It is a main of its own, and not part of the all-in-one binary, because every pod pays for its memory.
package main

import (
	"context"

	"github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2/manager"
	_ "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2/task/plugin"
	"github.com/containerd/containerd/v2/pkg/shim"
)

func main() {
	shim.RunShim(context.Background(), manager.NewShimManager("io.containerd.runc.v2"))
}
