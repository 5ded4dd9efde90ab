package role

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"

	"github.com/portolan-io/portolan/internal/capture/frame"
	"github.com/portolan-io/portolan/internal/capture/socket"
	"github.com/portolan-io/portolan/internal/traffic"
	"github.com/portolan-io/portolan/internal/wire"
)

// AgentOptions is everything the agent can be told.
type AgentOptions struct {
	Client   wire.ClientOptions
	Agent    wire.Agent    // node and pod are those of this agent; the operator checks them against its token
	Interval time.Duration // between two batches, 200ms to 1m
	Queue    QueueOptions
	Capture  frame.Options
	Sockets  socket.Options
	Health   string // address of the health server
	Metrics  string // address of the metrics server; empty for none

	DNS, SYN, Socket, Conntrack bool // the sources that are on

	Dump   string    // file to which everything that is seen is appended as lines; "-" is Output, empty is none
	Output io.Writer // standard output
}

// QueueOptions bound what waits for an operator that cannot be reached. Whatever comes first holds.
type QueueOptions struct {
	Batches int // 2 to 10,000
	Bytes   int // encoded, 1 MiB to 1 GiB
}

func (q QueueOptions) validate() error {
	var errs []error
	if q.Batches < 2 || q.Batches > 10_000 {
		errs = append(errs, fmt.Errorf("queue-batches %d: want 2 to 10000", q.Batches))
	}
	if q.Bytes < 1<<20 || q.Bytes > 1<<30 {
		errs = append(errs, fmt.Errorf("queue-bytes %d: want %d to %d", q.Bytes, 1<<20, 1<<30))
	}
	return errors.Join(errs...)
}

// DefaultAgentOptions returns what the agent does when it is told nothing but where the operator is.
func DefaultAgentOptions(version string) AgentOptions {
	return AgentOptions{
		Client:   wire.ClientOptions{CAFile: "/var/run/portolan/ca.crt", TokenFile: "/var/run/portolan/token"},
		Agent:    wire.Agent{Version: version},
		Interval: 5 * time.Second,
		Queue:    QueueOptions{Batches: 64, Bytes: 4 << 20},
		Sockets:  socket.Options{Proc: "/host/proc", Period: 5 * time.Second},
		DNS:      true, SYN: true, Socket: true,
		Health: "127.0.0.1:57921", Metrics: ":57922",
	}
}

// AddFlags registers one flag per field; the field's present value is the default.
func (o *AgentOptions) AddFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.Client.URL, "operator-url", o.Client.URL, "https URL of the operator")
	fs.StringVar(&o.Client.ServerName, "operator-name", o.Client.ServerName, "name that the operator's certificate must have; empty means the host of --operator-url")
	fs.StringVar(&o.Client.CAFile, "ca-file", o.Client.CAFile, "PEM file of the authority that signs the operator's certificate")
	fs.StringVar(&o.Client.TokenFile, "token-file", o.Client.TokenFile, "file with this agent's ServiceAccount token for the audience portolan")
	fs.StringVar(&o.Agent.Node, "node-name", o.Agent.Node, "name of the node that this agent sees")
	fs.StringVar(&o.Agent.Pod, "pod-name", o.Agent.Pod, "name of this agent's pod")
	fs.DurationVar(&o.Interval, "interval", o.Interval, "time between two batches")
	fs.IntVar(&o.Queue.Batches, "queue-batches", o.Queue.Batches, "how many batches wait for an operator that cannot be reached")
	fs.IntVar(&o.Queue.Bytes, "queue-bytes", o.Queue.Bytes, "how many bytes of them wait; at 4 MiB 76,000 different connections or 43,000 different lookups")
	fs.IntVar(&o.Capture.RingBytes, "ring-bytes", o.Capture.RingBytes, "memory of the packet ring; 0 means 8 MiB")
	fs.BoolVar(&o.DNS, "dns", o.DNS, "see DNS answers")
	fs.BoolVar(&o.SYN, "syn", o.SYN, "see TCP connections being opened")
	fs.BoolVar(&o.Socket, "socket", o.Socket, "see TCP connections that are open, older ones included; needs --proc")
	fs.BoolVar(&o.Conntrack, "conntrack", o.Conntrack, "see the flows that the kernel tracks, UDP included; needs the capability NET_ADMIN")
	fs.StringVar(&o.Sockets.Proc, "proc", o.Sockets.Proc, "where the node's /proc is mounted")
	fs.DurationVar(&o.Sockets.Period, "socket-period", o.Sockets.Period, "time between two looks at open connections; it grows when they take long")
	fs.StringVar(&o.Dump, "dump", o.Dump, "file to append everything that is seen to, one JSON object a line; - for standard output. Without --operator-url nothing else is done with it")
	fs.StringVar(&o.Health, "health-address", o.Health, "address of /healthz and /readyz")
	fs.StringVar(&o.Metrics, "metrics-address", o.Metrics, "address of /metrics; empty for none")
}

// Validate returns one error per wrong field, joined.
func (o AgentOptions) Validate() error {
	errs := []error{o.Capture.Validate(), o.Sockets.Validate(), o.Queue.validate()}
	if o.delivers() {
		errs = append(errs, o.Client.Validate())
		if o.Agent.Node == "" {
			errs = append(errs, errors.New("node-name: is required; the DaemonSet sets it from spec.nodeName"))
		}
	}
	if o.Interval < 200*time.Millisecond || o.Interval > time.Minute {
		errs = append(errs, fmt.Errorf("interval %s: want 200ms to 1m", o.Interval))
	}
	if !o.DNS && !o.SYN && !o.Socket && !o.Conntrack {
		errs = append(errs, errors.New("dns, syn, socket and conntrack are all off: there is nothing to see"))
	}
	return errors.Join(errs...)
}

// delivers reports whether an operator is to be told. An agent that dumps needs none.
func (o AgentOptions) delivers() bool { return o.Client.URL != "" || o.Dump == "" }

// RunAgent plays the agent until ctx ends: the whole line, built first, then run.
//
//	capture ─▶ dns, syn ┐
//	socket ─────────────┼─▶ window ─▶ sender ─▶ operator
//	conntrack ──────────┘        └──▶ dump
func RunAgent(ctx context.Context, o AgentOptions, log *slog.Logger) error {
	window := traffic.NewWindow(traffic.DefaultWindowKeys)
	eyes := newEyes(o, window)
	dump, err := openDump(o)
	if err != nil {
		return err
	}
	defer dump.close()
	deliver, sent, err := newDelivery(o, window, eyes, dump, log)
	if err != nil {
		return err
	}
	watch := &health{ready: eyes.ready, limits: eyes.limits}
	counts := metricsHandler(agentMetrics(eyes, window, sent), agentTroubles(eyes, sent))

	log.Info("the agent starts", "node", o.Agent.Node, "operator", o.Client.URL, "dump", o.Dump, "version", o.Agent.Version)
	line, ctx := errgroup.WithContext(ctx)
	line.Go(func() error { return serve(ctx, o.Health, watch.handler()) })
	line.Go(func() error { return serve(ctx, o.Metrics, counts) })
	seen, allSeen := context.WithCancel(context.WithoutCancel(ctx)) // delivery ends last: it delivers what was seen
	line.Go(func() error { defer allSeen(); eyes.run(ctx, log); return nil })
	line.Go(func() error { return deliver(seen) })
	return line.Wait()
}

// newDelivery returns what empties the window until its context ends, and its statistics.
func newDelivery(o AgentOptions, window *traffic.Window, eyes *eyes, dump *dump, log *slog.Logger) (func(context.Context) error, func() wire.SenderStats, error) {
	if !o.delivers() {
		return func(ctx context.Context) error { return dump.drain(ctx, window, o.Interval) }, func() wire.SenderStats { return wire.SenderStats{} }, nil
	}
	client, err := wire.NewClient(o.Client)
	if err != nil {
		return nil, nil, err
	}
	sender := wire.NewSender(client, window, wire.SenderOptions{
		Agent: o.Agent, Interval: o.Interval, MaxBatches: o.Queue.Batches, MaxBytes: o.Queue.Bytes, Status: eyes.status, Log: log,
		Drained: func(list []traffic.Sighting) {
			if err := dump.take(list); err != nil {
				log.Error("the dump has ended", "error", err)
			}
		},
	})
	run := func(ctx context.Context) error { defer client.Close(); return sender.Run(ctx) }
	return run, sender.Stats, nil
}
