package role

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"

	"github.com/portolan-io/portolan/internal/capture/dns"
	"github.com/portolan-io/portolan/internal/capture/frame"
	"github.com/portolan-io/portolan/internal/capture/syn"
	"github.com/portolan-io/portolan/internal/traffic"
	"github.com/portolan-io/portolan/internal/wire"
)

// AgentOptions is everything the agent can be told.
type AgentOptions struct {
	Client   wire.ClientOptions
	Agent    wire.Agent    // node and pod are those of this agent; the operator checks them against its token
	Interval time.Duration // between two batches, 200ms to 1m
	Capture  frame.Options
	DNS, SYN bool
	Health   string // address of the health server
	Metrics  string // address of the metrics server; empty for none
}

// DefaultAgentOptions returns what the agent does when it is told nothing but where the operator is.
func DefaultAgentOptions(version string) AgentOptions {
	return AgentOptions{
		Client:   wire.ClientOptions{CAFile: "/var/run/portolan/ca.crt", TokenFile: "/var/run/portolan/token"},
		Agent:    wire.Agent{Version: version},
		Interval: 5 * time.Second,
		DNS:      true, SYN: true,
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
	fs.IntVar(&o.Capture.RingBytes, "ring-bytes", o.Capture.RingBytes, "memory of the packet ring; 0 means 8 MiB")
	fs.BoolVar(&o.DNS, "dns", o.DNS, "see DNS answers")
	fs.BoolVar(&o.SYN, "syn", o.SYN, "see TCP connections being opened")
	fs.StringVar(&o.Health, "health-address", o.Health, "address of /healthz and /readyz")
	fs.StringVar(&o.Metrics, "metrics-address", o.Metrics, "address of /metrics; empty for none")
}

// Validate returns one error per wrong field, joined.
func (o AgentOptions) Validate() error {
	errs := []error{o.Client.Validate(), o.Capture.Validate()}
	if o.Agent.Node == "" {
		errs = append(errs, errors.New("node-name: is required; the DaemonSet sets it from spec.nodeName"))
	}
	if o.Interval < 200*time.Millisecond || o.Interval > time.Minute {
		errs = append(errs, fmt.Errorf("interval %s: want 200ms to 1m", o.Interval))
	}
	if !o.DNS && !o.SYN {
		errs = append(errs, errors.New("dns and syn are both off: there is nothing to see"))
	}
	return errors.Join(errs...)
}

// RunAgent plays the agent until ctx ends: the whole line, built first, then run.
//
//	capture ─▶ dns, syn ─▶ window ─▶ sender ─▶ operator
func RunAgent(ctx context.Context, o AgentOptions, log *slog.Logger) error {
	client, err := wire.NewClient(o.Client)
	if err != nil {
		return err
	}
	window := traffic.NewWindow(traffic.DefaultWindowKeys)
	eyes := newEyes(o, window)
	sender := wire.NewSender(client, window, wire.SenderOptions{
		Agent: o.Agent, Interval: o.Interval, Status: eyes.status, Log: log,
	})
	watch := &health{ready: eyes.ready}
	counts := metricsHandler(agentMetrics(eyes, window, sender), agentTroubles(eyes, sender))

	log.Info("the agent starts", "node", o.Agent.Node, "operator", o.Client.URL, "version", o.Agent.Version)
	line, ctx := errgroup.WithContext(ctx)
	line.Go(func() error { return serve(ctx, o.Health, watch.handler()) })
	line.Go(func() error { return serve(ctx, o.Metrics, counts) })
	seen, allSeen := context.WithCancel(context.WithoutCancel(ctx)) // the sender ends last: it delivers what was seen
	line.Go(func() error { defer allSeen(); return eyes.run(ctx, log) })
	line.Go(func() error { return sender.Run(seen) })
	return line.Wait()
}

// eyes is the capture of this node with the sources that read it.
type eyes struct {
	capture *frame.Capture
	window  *traffic.Window
	dns     *dns.Source // nil when off
	syn     *syn.Source // nil when off
}

func newEyes(o AgentOptions, window *traffic.Window) *eyes {
	e := &eyes{capture: frame.New(o.Capture), window: window}
	if o.DNS {
		e.dns = dns.New(window, traffic.DNS)
	}
	if o.SYN {
		e.syn = syn.New(window, traffic.SYN)
	}
	return e
}

// retryCapture is the time before a capture that could not begin is tried again.
const retryCapture = 30 * time.Second

// run captures until ctx ends. A capture that cannot begin is said once, is not ready, and is tried again: the cause may be
// repaired, and the agent's other duties go on.
func (e *eyes) run(ctx context.Context, log *slog.Logger) error {
	var decoders []frame.Decoder
	if e.dns != nil {
		decoders = append(decoders, e.dns)
	}
	if e.syn != nil {
		decoders = append(decoders, e.syn)
	}
	said := ""
	for ctx.Err() == nil {
		err := e.capture.Run(ctx, decoders...)
		if err == nil {
			continue
		}
		if err.Error() != said {
			said = err.Error()
			log.Error("the capture does not run", "error", err, "retry", retryCapture.String())
		}
		pause(ctx, retryCapture)
	}
	return nil
}

// pause returns after d, or earlier when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// ready says why the agent is not ready; empty when it is. One source that runs is enough, and both share one capture.
func (e *eyes) ready() string {
	if status := e.capture.Status(); status.State == frame.Off {
		return status.Sentence
	}
	return ""
}

// counted is a source with its counts.
type counted struct {
	name   traffic.Source
	counts []frame.Count
}

func (e *eyes) sources() []counted {
	var on []counted
	if e.dns != nil {
		on = append(on, counted{traffic.DNS, e.dns.Counts()})
	}
	if e.syn != nil {
		on = append(on, counted{traffic.SYN, e.syn.Counts()})
	}
	return on
}

// captureName is the name under which counts of the packet ring appear, which no single source owns.
const captureName = "capture"

// status is what the agent says of itself with each batch.
func (e *eyes) status() wire.Status {
	capture := e.capture.Status()
	var s wire.Status
	for _, source := range e.sources() {
		s.Sources = append(s.Sources, wire.SourceState{
			Source: string(source.name), Running: capture.State != frame.Off, Message: capture.Sentence,
		})
		s.Counters = append(s.Counters, counters(string(source.name), source.counts)...)
	}
	s.Counters = append(s.Counters, counters(captureName, e.capture.Counts())...)
	s.Counters = append(s.Counters, wire.Counter{
		Source: captureName, Reason: "window-full", Dropped: true, Value: e.window.Overflow(),
	})
	return s
}

func counters(source string, counts []frame.Count) []wire.Counter {
	out := make([]wire.Counter, 0, len(counts))
	for _, c := range counts {
		out = append(out, wire.Counter{Source: source, Reason: c.Reason, Dropped: c.Lost, Value: c.N})
	}
	return out
}
