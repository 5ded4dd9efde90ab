package socket

import (
	"net/netip"
	"testing"
	"time"

	"github.com/portolan-io/portolan/internal/traffic"
)

// TestAServerThatClosesItsDoorStaysAServer: where neither port tells who called whom, a listener of an earlier look does,
// until the last connection to it has ended. A server is looked at because it accepts, although it opens nothing.
func TestAServerThatClosesItsDoorStaysAServer(t *testing.T) {
	const (
		listens  = "   0: 00000000:C383 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 7 1\n" // 50051
		accepted = "   1: 0400010A:C383 1100000A:E8B2 01 00000000:00000000 00:00000000 00000000 0 0 8 1\n" // from port 59570
		calls    = "   2: 0400010A:9C40 1100000A:C384 01 00000000:00000000 00:00000000 00000000 0 0 9 1\n" // to port 50052
		reused   = "   3: 0400010A:C383 1200000A:C384 01 00000000:00000000 00:00000000 00000000 0 0 9 1\n" // from port 50051
	)
	c := &counting{t: t, root: t.TempDir()}
	window := traffic.NewWindow(0)
	source := atEase(window, Options{Proc: c.root})
	for i, tc := range []struct {
		what, rows     string
		accepts, opens int // ever
		want           int // sightings
	}{
		{"nobody is there", "", 0, 0, 0},
		{"the server has opened its door", listens + accepted, 1, 0, 0},
		{"it calls somebody, and the door is closed", accepted + calls, 1, 1, 1},
		{"its last connection has ended", calls, 1, 2, 0},
		{"its port is one like any other", calls + reused, 1, 3, 1},
	} {
		c.rows, c.accepts = tc.rows, tc.accepts
		c.open("01", tc.opens)
		_, err := source.look(t.Context(), nine.Add(time.Duration(i)*5*time.Second))
		check(t, err)
		if got := window.Drain(nil, 0); len(got) != tc.want {
			t.Errorf("%s: %d sightings, want %d: %+v", tc.what, len(got), tc.want, got)
		}
	}
}

func TestRecallIsBounded(t *testing.T) {
	var table Table
	for port := range uint16(2 * mostListeners) {
		table.Add(Row{Local: netip.AddrPortFrom(netip.MustParseAddr("10.1.0.4"), port+1), State: listening})
	}
	heard := make(listeners)
	table.recall(heard)
	if len(heard) != mostListeners {
		t.Errorf("%d listeners are remembered, want %d", len(heard), mostListeners)
	}
	table.Reset()
	if table.recall(heard); len(heard) != 0 {
		t.Errorf("%d listeners are remembered although they are gone, and nobody is connected", len(heard))
	}
}
