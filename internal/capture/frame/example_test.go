package frame_test

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/portolan-io/portolan/internal/capture/dns"
	"github.com/portolan-io/portolan/internal/capture/frame"
	"github.com/portolan-io/portolan/internal/capture/syn"
	"github.com/portolan-io/portolan/internal/traffic"
)

// One capture feeds both decoders, which fill one window.
func ExampleCapture() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	window := traffic.NewWindow(traffic.DefaultWindowKeys)
	names, connections := dns.New(window, traffic.DNS), syn.New(window, traffic.SYN)
	capture := frame.New(frame.Options{})
	if err := capture.Run(ctx, names, connections); err != nil {
		fmt.Println(err) // one sentence: what, why, and what to do about it
	}
	for _, counts := range [][]frame.Count{capture.Counts(), names.Counts(), connections.Counts()} {
		fmt.Println(counts)
	}
}
