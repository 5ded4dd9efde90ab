package conntrack

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/portolan-io/portolan/internal/traffic"
)

func TestIdle(t *testing.T) {
	stay := readTimeouts(t.TempDir())
	for name, tc := range map[string]struct {
		change func(*Flow)
		want   time.Duration
	}{
		"a connection that speaks":                  {func(f *Flow) { f.Left = 431_999 }, 0},
		"one that has said nothing for an hour":     {func(f *Flow) { f.Left = 428_399 }, time.Hour},
		"one that waits for an answer":              {func(f *Flow) { f.Left = 289 }, 10 * time.Second},
		"one that ended a minute and a half ago":    {func(f *Flow) { f.State, f.Left = tcpTimeWait, 29 }, 90 * time.Second},
		"one that is just about to be forgotten":    {func(f *Flow) { f.State, f.Left = tcpTimeWait, 0 }, 119 * time.Second},
		"a question by UDP":                         {func(f *Flow) { f.Protocol, f.State, f.Assured, f.Left = protocolUDP, 0, false, 24 }, 5 * time.Second},
		"a conversation by UDP":                     {func(f *Flow) { f.Protocol, f.State, f.Left = protocolUDP, 0, 24 }, 95 * time.Second},
		"SCTP, which is not known":                  {func(f *Flow) { f.Protocol, f.State, f.Left = protocolSCTP, 0, 25 }, 0},
		"a state that nobody knows":                 {func(f *Flow) { f.State, f.Left = 200, 25 }, 0},
		"an entry that does not say what it has":    {func(f *Flow) { f.State, f.Left = tcpTimeWait, untold }, 0},
		"an entry that stays longer than others do": {func(f *Flow) { f.State, f.Left = tcpTimeWait, 500 }, 0},
	} {
		f := call().with(tc.change)
		if got := stay.idle(&f); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

func TestTimeoutsAreThoseOfTheNode(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"tcp_timeout_established": "86400\n", "tcp_timeout_close_wait": "3600\n", "udp_timeout": "soon\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, "nf_conntrack_"+name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := readTimeouts(folder)
	if got.tcp[tcpEstablished] != 24*time.Hour || got.tcp[tcpCloseWait] != time.Hour || got.udp != 30*time.Second {
		t.Errorf("timeouts %+v", got)
	}
}

// TestWhatEndedIsToldAsOfItsEnd: a minute later another pod may have the address.
func TestWhatEndedIsToldAsOfItsEnd(t *testing.T) {
	m := newMemory(entry(call().with(func(f *Flow) { f.State, f.Left = tcpTimeWait, 19 })))
	story(t, m, func(t *testing.T, _ *Source, w *traffic.Window) {
		sightings := w.Drain(nil, 0)
		if want := time.Now().Add(-100 * time.Second); len(sightings) != 1 || !sightings[0].First.Equal(want) || !sightings[0].Last.Equal(want) {
			t.Errorf("%+v, want one of %s", sightings, want)
		}
	})
}
