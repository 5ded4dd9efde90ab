package conntrack

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/internal/capture/frame"
	"github.com/portolan-io/portolan/internal/traffic"
)

// memory is a connection table in memory. What happens is sent as entries or as an error.
type memory struct {
	happen chan any
	closed chan struct{}
	end    sync.Once
	broken error // of a list

	mu    sync.Mutex
	table [][]byte
	lists int
}

func newMemory(table ...[]byte) *memory {
	return &memory{table: table, happen: make(chan any), closed: make(chan struct{})}
}

// hold replaces what is in the table.
func (m *memory) hold(table ...[]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.table = table
}

// listed returns how often all of the table was read.
func (m *memory) listed() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lists
}

func (m *memory) list(take func([]byte)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lists++
	for _, entry := range m.table {
		take(entry)
	}
	return m.broken
}

func (m *memory) next(until time.Time, take func([]byte)) error {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-m.closed:
		return os.ErrClosed
	case <-timer.C:
		return os.ErrDeadlineExceeded
	case what := <-m.happen:
		if err, failed := what.(error); failed {
			return err
		}
		take(what.([]byte))
		return nil
	}
}

func (m *memory) timeouts() timeouts { return readTimeouts("") }

func (m *memory) close() { m.end.Do(func() { close(m.closed) }) }

// pairs returns what the window holds.
func pairs(w *traffic.Window) []string {
	var all []string
	for _, s := range w.Drain(nil, 0) {
		text := fmt.Sprintf("%s %s to %s: %d", s.What.Protocol, s.From.Addr, netip.AddrPortFrom(s.To.Addr, s.To.Port), s.Count)
		if s.What.Translated.IsValid() {
			text += " by way of " + s.What.Translated.String()
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

// counted returns the counts that are not 0.
func counted(s *Source) string {
	var text []string
	for _, c := range s.Counts() {
		if c.N > 0 {
			text = append(text, fmt.Sprintf("%s %d", c.Reason, c.N))
		}
	}
	return strings.Join(text, ", ")
}

// story runs a source on a table inside a bubble of time.
func story(t *testing.T, m *memory, tell func(t *testing.T, s *Source, w *traffic.Window)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m.happen, m.closed = make(chan any), make(chan struct{})
		window := traffic.NewWindow(0)
		source := New(window)
		source.open = func() (kernel, error) { return m, nil }
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- source.Run(ctx) }()
		synctest.Wait()
		tell(t, source, window)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run() = %v", err)
		}
		if got := source.Status(); got != (frame.Status{State: frame.Off, Sentence: "conntrack was stopped"}) {
			t.Errorf("Status() = %+v after the end", got)
		}
	})
}

func expect(t *testing.T, w *traffic.Window, want ...string) {
	t.Helper()
	synctest.Wait()
	if diff := cmp.Diff(pairs(w), want); diff != "" {
		t.Errorf("sightings (-got +want):\n%s", diff)
	}
}

const seen = "TCP 10.1.0.4 to 10.96.0.17:80: 1 by way of 10.1.0.9:8080"

func TestAFlowIsToldOnceItIsAnswered(t *testing.T) {
	m := newMemory()
	story(t, m, func(t *testing.T, s *Source, w *traffic.Window) {
		m.happen <- entry(call().with(func(f *Flow) { f.Replied, f.Assured, f.State = false, false, 1 }))
		expect(t, w)
		m.happen <- entry(call().with(func(f *Flow) { f.Assured, f.State = false, 2 }))
		expect(t, w, seen)
		m.happen <- entry(call()) // changes of a known flow say nothing
		m.happen <- entry(call().with(func(f *Flow) { f.State = 7 }))
		expect(t, w)
		m.happen <- entry(call().with(func(f *Flow) { f.Original.Source = netip.MustParseAddrPort("10.1.0.4:40113") }))
		expect(t, w, seen)
		m.happen <- []byte{1, 2, 3}
		synctest.Wait()
		if got := counted(s); got != "no-reply 1, malformed 1" {
			t.Errorf("counted %s", got)
		}
	})
}

// TestAFlowInSeveralZonesCountsOnce: network plugins that track in zones have a flow once before its translation, and once
// behind it.
func TestAFlowInSeveralZonesCountsOnce(t *testing.T) {
	behind := call().with(func(f *Flow) { f.Original.Destination = f.Reply.Source })
	m := newMemory(entry(call()), entry(behind), entry(call()))
	story(t, m, func(t *testing.T, _ *Source, w *traffic.Window) {
		expect(t, w, seen)
		m.happen <- entry(behind)
		expect(t, w)
		m.happen <- entry(call().with(func(f *Flow) { f.Original.Source = netip.MustParseAddrPort("10.1.0.4:40113") }))
		m.happen <- entry(behind.with(func(f *Flow) { f.Original.Source = netip.MustParseAddrPort("10.1.0.4:40113") }))
		expect(t, w, seen)
	})
}

func TestTheTableIsReadAtTheStartAndEachMinute(t *testing.T) {
	m := newMemory(entry(call()), entry(call())) // one flow in two zones
	story(t, m, func(t *testing.T, s *Source, w *traffic.Window) {
		expect(t, w, seen)
		if got := s.Status(); got != (frame.Status{State: frame.On}) {
			t.Errorf("Status() = %+v, want on", got)
		}
		time.Sleep(listEvery - time.Second)
		expect(t, w)
		time.Sleep(2 * time.Second)
		expect(t, w, seen) // still there
		m.hold()
		time.Sleep(2 * listEvery)
		expect(t, w)
		const empty = "conntrack: the table is empty; this network plugin probably keeps its own"
		if got := s.Status(); got != (frame.Status{State: frame.Degraded, Sentence: empty}) {
			t.Errorf("Status() = %+v, want %s", got, empty)
		}
		m.hold(entry(call()))
		time.Sleep(listEvery)
		expect(t, w, seen)
		if got := s.Status(); got.State != frame.On || m.listed() != 5 {
			t.Errorf("Status() = %+v after %d readings, want on after 5", got, m.listed())
		}
	})
}

func TestLostEventsAreCountedAndReadAgain(t *testing.T) {
	m := newMemory()
	story(t, m, func(t *testing.T, s *Source, w *traffic.Window) {
		m.hold(entry(call()))
		for range 3 { // within a second: one reading is enough
			m.happen <- syscall.ENOBUFS
		}
		expect(t, w)
		time.Sleep(listPause)
		expect(t, w, seen)
		if got := counted(s); got != "overrun 3" || m.listed() != 2 {
			t.Errorf("counted %s and read %d times, want overrun 3 and 2", got, m.listed())
		}
		time.Sleep(10 * time.Second)
		m.happen <- syscall.ENOBUFS // long after: at once
		expect(t, w)
		if m.listed() != 3 {
			t.Errorf("read %d times, want 3", m.listed())
		}
	})
}

func TestRunSaysWhyItCannot(t *testing.T) {
	refused := fmt.Errorf("listening to its changes: %w", syscall.EPERM)
	for name, tc := range map[string]struct {
		open   error
		broken error
		happen error
		want   string
	}{
		"without NET_ADMIN": {
			open: refused,
			want: "conntrack is off: reading the connection table was refused (listening to its changes: operation not permitted); add the NET_ADMIN capability to the agent's container, or look for a security module (AppArmor, SELinux) that forbids it",
		},
		"a kernel without the interface": {
			open: syscall.EPROTONOSUPPORT,
			want: "conntrack is off: the connection table cannot be read (protocol not supported); use a kernel with CONFIG_NF_CT_NETLINK, or load its module nf_conntrack_netlink",
		},
		"a table that cannot be read": {broken: syscall.EINVAL, want: "conntrack is off: the connection table cannot be read (invalid argument); use a kernel with CONFIG_NF_CT_NETLINK, or load its module nf_conntrack_netlink"},
		"events that break off":       {happen: syscall.ENOMEM, want: "conntrack is off: the connection table cannot be read (cannot allocate memory); use a kernel with CONFIG_NF_CT_NETLINK, or load its module nf_conntrack_netlink"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			m.broken, m.happen = tc.broken, make(chan any, 1)
			if tc.happen != nil {
				m.happen <- tc.happen
			}
			source := New(traffic.NewWindow(0))
			source.open = func() (kernel, error) { return m, tc.open }
			err := source.Run(t.Context())
			if err == nil || err.Error() != tc.want {
				t.Errorf("Run() = %v\nwant    %s", err, tc.want)
			}
			if got := source.Status(); got != (frame.Status{State: frame.Off, Sentence: tc.want}) {
				t.Errorf("Status() = %+v", got)
			}
		})
	}
}
