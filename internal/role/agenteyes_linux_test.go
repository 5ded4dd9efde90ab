package role

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/portolan-io/portolan/internal/testkit/node"
	"github.com/portolan-io/portolan/internal/traffic"
	"github.com/portolan-io/portolan/internal/wire"
)

func TestMain(m *testing.M) { os.Exit(node.Main(m)) }

const patience = 30 * time.Second

func await(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !reached(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// journal is a log that may be read while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// look lets the eyes run, and ends them after the test has looked at them.
func look(t *testing.T, e *eyes, at func(log *journal)) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	ctx, cancel := context.WithCancel(t.Context())
	ended, log := make(chan struct{}), &journal{}
	go func() {
		e.run(ctx, slog.New(slog.NewTextHandler(log, nil)))
		close(ended)
	}()
	at(log)
	cancel()
	<-ended
	goleak.VerifyNone(t, before)
}

func stateOf(e *eyes, name traffic.Source) (state wire.SourceState) {
	for _, s := range e.status().Sources {
		if s.Source == string(name) {
			return s
		}
	}
	return state
}

// TestASourceThatCannotRunLeavesTheOthersAlone: it is said once, in the log and in the status; the agent is ready.
func TestASourceThatCannotRunLeavesTheOthersAlone(t *testing.T) {
	node.Isolated(t, func(t *testing.T) {
		o := DefaultAgentOptions("v1")
		o.Sockets.Proc, o.Conntrack = "/nowhere/proc", true
		e := newEyes(o, traffic.NewWindow(0))
		if why := e.ready(); !strings.Contains(why, "packet capture has not started\nsocket scan has not started\nconntrack has not started") {
			t.Errorf("before it began it is not ready because %q", why)
		}
		look(t, e, func(log *journal) {
			await(t, "packets are taken", func() bool { return e.ready() == "" && stateOf(e, traffic.DNS).Running })
			const off = "socket scan is off: cannot read /nowhere/proc: no such file or directory; mount the host's /proc read-only there"
			const empty = "conntrack: the table is empty; this network plugin probably keeps its own"
			await(t, "the states are known", func() bool {
				return stateOf(e, traffic.Socket).Message == off && stateOf(e, traffic.Flow) == wire.SourceState{Source: "flow", Running: true, Message: empty}
			})
			if stateOf(e, traffic.Socket).Running || !stateOf(e, traffic.SYN).Running || stateOf(e, traffic.SYN).Message != "" {
				t.Errorf("the sources are %+v", e.status().Sources)
			}
			await(t, "it is said", func() bool {
				return strings.Contains(log.String(), off) && strings.Contains(log.String(), empty) && strings.Contains(log.String(), `sources="dns, syn"`)
			})
			if n := strings.Count(log.String(), "\n"); n != 3 {
				t.Errorf("%d lines are said, want one for each eye:\n%s", n, log)
			}
			if got := strings.Join(e.limits(), "\n"); got != off+"\n"+empty {
				t.Errorf("limited because %q", got)
			}
		})
	})
}

// TestNoSourceLeft: an agent without NET_RAW, NET_ADMIN and /proc lives, and says why it is not ready.
func TestNoSourceLeft(t *testing.T) {
	node.Isolated(t, func(t *testing.T) {
		node.Check(t, node.Unprivileged(func() error {
			o := DefaultAgentOptions("v1")
			o.Sockets.Proc, o.Conntrack = "/nowhere/proc", true
			e := newEyes(o, traffic.NewWindow(0))
			for _, one := range e.all {
				if err := one.run(t.Context()); err == nil || err.Error() != one.status().Sentence {
					t.Errorf("run() = %v, status %+v", err, one.status())
				}
			}
			why := e.ready()
			for _, want := range []string{"add the NET_RAW capability", "/nowhere/proc", "add the NET_ADMIN capability"} {
				if !strings.Contains(why, want) {
					t.Errorf("not ready because %q, want also %q", why, want)
				}
			}
			for _, s := range e.status().Sources {
				if s.Running {
					t.Errorf("%s runs", s.Source)
				}
			}
			for _, s := range e.sources {
				if got := s.eye.failures()[0]; (got.N == 1) != (s.name != traffic.Socket) || got.Reason != "not-permitted" {
					t.Errorf("%s was not permitted %d times (%s)", s.name, got.N, got.Reason)
				}
			}
			return nil
		}))
	})
}

// TestAnAgentThatOnlyDumps: what it sees is in the file when it has ended, in front of it what was there.
func TestAnAgentThatOnlyDumps(t *testing.T) {
	node.Isolated(t, func(t *testing.T) {
		node.Forward(t)
		client, server := node.NewPod(t, 1), node.NewPod(t, 2)
		server.Listen(":8080")
		client.Connect(netip.AddrPortFrom(server.Addr4(), 8080).String())
		o := DefaultAgentOptions("v1")
		o.Dump, o.Sockets.Proc, o.Health, o.Metrics = filepath.Join(t.TempDir(), "dump"), "/proc", "", ""
		o.Interval = 200 * time.Millisecond
		node.Check(t, o.Validate())
		node.Check(t, os.WriteFile(o.Dump, []byte("before\n"), 0o600))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- RunAgent(ctx, o, slog.New(slog.DiscardHandler)) }()
		await(t, "a sighting", func() bool {
			text, err := os.ReadFile(o.Dump)
			return err == nil && bytes.Count(text, []byte("\n")) > 1
		})
		cancel()
		node.Check(t, <-ended)
		text, err := os.ReadFile(o.Dump)
		node.Check(t, err)
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		s, err := traffic.ParseLine([]byte(lines[1]))
		if err != nil || lines[0] != "before" || s.Source != traffic.Socket || s.From.Addr != client.Addr4() || s.To.Port != 8080 {
			t.Errorf("the dump is\n%s\n%v", text, err)
		}
	})
}
