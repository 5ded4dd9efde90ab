package frame_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/portolan-io/portolan/internal/capture/dns"
	"github.com/portolan-io/portolan/internal/capture/frame"
	"github.com/portolan-io/portolan/internal/capture/syn"
	"github.com/portolan-io/portolan/internal/testkit/node"
	"github.com/portolan-io/portolan/internal/traffic"
)

const patience = 30 * time.Second

func TestCaptureRealPacketsWithRing(t *testing.T) {
	node.Isolated(t, func(t *testing.T) { captureRealPackets(t, frame.Options{}) })
}

func TestCaptureRealPacketsOneByOne(t *testing.T) {
	node.Isolated(t, func(t *testing.T) { captureRealPackets(t, frame.Options{Plain: true}) })
}

// captureRealPackets lets a client pod look up names at a server pod and connect to it. The packets cross two interfaces
// of the node, so each is captured twice. Each must count once.
func captureRealPackets(t *testing.T, o frame.Options) {
	node.Forward(t)
	client, server := node.NewPod(t, 1), node.NewPod(t, 2)
	serveDNS(t, server)

	want := map[string]uint64{}
	for from, at := range map[netip.Addr]netip.Addr{client.Addr4(): server.Addr4(), client.Addr6(): server.Addr6()} {
		for _, network := range []string{"udp", "tcp"} {
			want[fmt.Sprintf("dns %s %s.example 192.0.2.1", from, network)]++
			want[fmt.Sprintf("dns %s %s.example 2001:db8::53", from, network)]++
		}
		want[fmt.Sprintf("syn %s %s", from, netip.AddrPortFrom(at, 53))] = 1
		want[fmt.Sprintf("syn %s %s", from, netip.AddrPortFrom(at, 8080))] = 3
	}

	window := traffic.NewWindow(0)
	capture, seen := frame.New(o), newObserver(func() bool { return window.Len() >= len(want) })
	stop := run(t, capture, dns.New(window, traffic.DNS), syn.New(window, traffic.SYN), seen)
	seen.begin(t)
	if got := capture.Status(); got != (frame.Status{State: frame.On}) {
		t.Errorf("Status() = %+v, want on", got)
	}
	for _, at := range []netip.Addr{server.Addr4(), server.Addr6()} {
		client.In(func() error { return errors.Join(ask("udp", at), ask("tcp", at), connect(at, 3)) })
	}
	seen.settle(t)
	node.Check(t, stop())

	got := map[string]uint64{}
	for _, s := range window.Drain(nil, 0) {
		switch s.Source {
		case traffic.DNS:
			got[fmt.Sprintf("dns %s %s %s", s.From.Addr, s.To.Name, s.To.Addr)] += s.Count
		case traffic.SYN:
			got[fmt.Sprintf("syn %s %s", s.From.Addr, netip.AddrPortFrom(s.To.Addr, s.To.Port))] += s.Count
		}
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("sightings (-got +want):\n%s", diff)
	}
	for _, c := range capture.Counts() {
		if c.Lost && c.N != 0 {
			t.Errorf("%d packets are counted as %s, want none", c.N, c.Reason)
		}
	}
	if got := capture.Received(); got < 2*uint64(len(want)) {
		t.Errorf("Received() = %d, want at least two copies of each of %d", got, len(want))
	}
}

// run starts the capture and returns a function that stops it and returns its error.
func run(t *testing.T, c *frame.Capture, decoders ...frame.Decoder) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx, decoders...) }()
	return func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(patience):
			return errors.New("the capture goes on after its context has ended")
		}
	}
}

// observer tells the test how far the capture is. It must be the last decoder.
type observer struct {
	enough           func() bool
	sent             atomic.Bool // the test sends no more packets
	started, settled chan struct{}
	packets, quiet   int
}

func newObserver(enough func() bool) *observer {
	return &observer{enough: enough, started: make(chan struct{}), settled: make(chan struct{})}
}

func (o *observer) Handle(*frame.Packet) { o.packets++ }

func (o *observer) Flush() {}

// Tick closes settled once all is sent, there is enough, and nothing has come for three ticks.
func (o *observer) Tick(time.Time) {
	if o.quiet == 0 {
		close(o.started)
		o.quiet = 1
	}
	if o.packets > 0 || !o.sent.Load() || !o.enough() {
		o.packets, o.quiet = 0, 1
		return
	}
	if o.quiet++; o.quiet == 4 {
		close(o.settled)
	}
}

// begin waits until the capture takes packets.
func (o *observer) begin(t *testing.T) {
	t.Helper()
	wait(t, o.started)
}

// settle waits until the capture has taken all that was sent.
func (o *observer) settle(t *testing.T) {
	t.Helper()
	o.sent.Store(true)
	wait(t, o.settled)
}

func wait(t *testing.T, c chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("the capture did not get there in %s", patience)
	}
}

// A decoder that stands still lets the ring run full. What the kernel then drops is counted, and nothing else is missing.
func TestCaptureCountsWhatTheKernelDrops(t *testing.T) {
	node.Isolated(t, func(t *testing.T) {
		node.Forward(t)
		p := node.NewPod(t, 1)
		sink, err := net.ListenPacket("udp4", "10.0.1.1:9")
		node.Check(t, err)
		defer sink.Close()
		const sent = 1000
		capture := frame.New(frame.Options{RingBytes: 256 << 10, BlockBytes: 128 << 10})
		seen := newObserver(func() bool { return number(capture, "kernel") > 0 })
		slow := &slowDecoder{proceed: make(chan struct{})}
		stop := run(t, capture, slow, seen)
		seen.begin(t)
		p.In(func() error { return shout(p, sent) })
		close(slow.proceed)
		seen.settle(t)
		node.Check(t, stop())
		dropped := number(capture, "kernel")
		if dropped == 0 || dropped+slow.handled != sent {
			t.Errorf("%d dropped and %d handled, want all of %d together", dropped, slow.handled, sent)
		}
		if got, want := capture.Received(), slow.handled+number(capture, "other-protocol"); got != want {
			t.Errorf("Received() = %d, want %d", got, want)
		}
	})
}

// number returns how often the capture has counted the reason.
func number(c *frame.Capture, reason string) uint64 {
	for _, count := range c.Counts() {
		if count.Reason == reason {
			return count.N
		}
	}
	return 0
}

// slowDecoder stands still at its first packet until it may proceed.
type slowDecoder struct {
	proceed chan struct{}
	handled uint64
}

func (s *slowDecoder) Handle(*frame.Packet) { <-s.proceed; s.handled++ }
func (s *slowDecoder) Tick(time.Time)       {}
func (s *slowDecoder) Flush()               {}

// shout sends large packets from port 53 to port 9 of the node.
func shout(p *node.Pod, packets int) error {
	from := &net.UDPAddr{IP: p.Addr4().AsSlice(), Port: 53}
	c, err := net.DialUDP("udp4", from, &net.UDPAddr{IP: p.Gateway4().AsSlice(), Port: 9})
	if err != nil {
		return err
	}
	defer c.Close()
	payload := make([]byte, 1200)
	for range packets {
		if _, err := c.Write(payload); err != nil {
			return err
		}
	}
	return nil
}

func TestCaptureLeavesNothingBehind(t *testing.T) {
	node.Isolated(t, func(t *testing.T) {
		files := openFiles(t)
		goroutines := runtime.NumGoroutine()
		for range 3 {
			capture, seen := frame.New(frame.Options{}), newObserver(func() bool { return true })
			stop := run(t, capture, seen)
			seen.settle(t)
			node.Check(t, stop())
			if got := capture.Status(); got.State != frame.Off {
				t.Errorf("Status() = %+v after the end, want off", got)
			}
		}
		if got := openFiles(t); got > files+2 { // the runtime's own poller has two
			t.Errorf("%d open files, %d before", got, files)
		}
		for deadline := time.Now().Add(patience); runtime.NumGoroutine() > goroutines; runtime.Gosched() {
			if time.Now().After(deadline) {
				t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), goroutines)
			}
		}
	})
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	node.Check(t, err)
	return len(entries)
}

func TestCaptureThatHasEndedBeforeItBegins(t *testing.T) {
	node.Isolated(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		node.Check(t, frame.New(frame.Options{}).Run(ctx))
	})
}

func TestCaptureNamesTheMissingCapability(t *testing.T) {
	node.Isolated(t, func(t *testing.T) {
		capture := frame.New(frame.Options{})
		failed := make(chan error)
		go func() {
			runtime.LockOSThread() // and never unlocked, so the thread without the capability ends with this goroutine
			if err := dropNetRaw(); err != nil {
				failed <- err
				return
			}
			failed <- capture.Run(t.Context())
		}()
		err := <-failed
		const want = "packet capture is off: opening a packet socket was refused (operation not permitted); add the NET_RAW capability to the agent's container"
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Fatalf("Run: %v, want %s…", err, want)
		}
		if got := capture.Status(); got.State != frame.Off || got.Sentence != err.Error() {
			t.Errorf("Status() = %+v, want off with the error", got)
		}
		if got := capture.Failures()[0]; got != (frame.Count{Reason: "not-permitted", Lost: true, N: 1}) {
			t.Errorf("Failures()[0] = %+v, want not-permitted once", got)
		}
	})
}

func TestCaptureCountsEveryRunThatFails(t *testing.T) {
	capture := frame.New(frame.Options{RingBytes: 1})
	for range 2 {
		if err := capture.Run(t.Context()); err == nil {
			t.Fatal("Run() = nil with a ring of one byte")
		}
	}
	got := make(map[string]uint64)
	for _, c := range capture.Failures() {
		got[c.Reason] = c.N
	}
	if want := (map[string]uint64{"not-permitted": 0, "not-supported": 0, "broken-off": 0, "other": 2}); !maps.Equal(got, want) {
		t.Errorf("Failures() = %v, want %v", got, want)
	}
}

// dropNetRaw takes the capability from the present thread.
func dropNetRaw() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	data[0].Effective &^= 1 << unix.CAP_NET_RAW
	return unix.Capset(&header, &data[0])
}
