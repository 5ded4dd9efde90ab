package traffic

import (
	"maps"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var start = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

func connection(client string, port uint16, server string, at time.Duration) Sighting {
	return Sighting{
		Source: SYN, Count: 1, First: start.Add(at), Last: start.Add(at),
		From: Party{Addr: netip.MustParseAddr(client), Port: port},
		To:   Party{Addr: netip.MustParseAddr(server), Port: 80},
		What: What{Act: Connect, Protocol: TCP},
	}
}

func TestWindowFoldsRepeats(t *testing.T) {
	w := NewWindow(0)
	w.Add(connection("10.0.0.1", 4001, "10.0.0.2", 2*time.Second))
	w.Add(connection("10.0.0.1", 4002, "10.0.0.2", time.Second))
	w.Add(connection("10.0.0.3", 4001, "10.0.0.2", 3*time.Second))

	want := []Sighting{
		connection("10.0.0.1", 0, "10.0.0.2", time.Second),
		connection("10.0.0.3", 0, "10.0.0.2", 3*time.Second),
	}
	want[0].Last, want[0].Count, want[0].Ports = start.Add(2*time.Second), 2, []uint16{4001, 4002}
	want[1].Ports = []uint16{4001}
	byClient := cmpopts.SortSlices(func(a, b Sighting) bool { return a.From.Addr.Less(b.From.Addr) })
	if diff := cmp.Diff(w.Drain(nil, 0), want, byClient, cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{})); diff != "" {
		t.Errorf("drained window (-got +want):\n%s", diff)
	}
	if w.Len() != 0 {
		t.Errorf("Len() = %d after Drain, want 0", w.Len())
	}
}

func TestWindowCountsWhatItCannotHold(t *testing.T) {
	w := NewWindow(1)
	if !w.Add(connection("10.0.0.1", 1, "10.0.0.2", 0)) || w.Add(connection("10.0.0.9", 1, "10.0.0.2", 0)) {
		t.Error("the first key must be kept and the second refused")
	}
	if !w.Add(connection("10.0.0.1", 2, "10.0.0.2", 0)) {
		t.Error("a known key must be folded although the window is full")
	}
	if got := w.Overflow(); got != 1 {
		t.Errorf("Overflow() = %d, want 1", got)
	}
}

func TestDrainTakesNoMoreThanAsked(t *testing.T) {
	w := NewWindow(0)
	for port := range uint16(10) {
		s := connection("10.0.0.1", 1, "10.0.0.2", 0)
		s.To.Port = port
		w.Add(s)
	}
	if got := len(w.Drain(nil, 4)); got != 4 || w.Len() != 6 {
		t.Errorf("Drain(4) returned %d and left %d, want 4 and 6", got, w.Len())
	}
}

// BenchmarkWindowKnown keeps the budget "Window update without allocation".
func BenchmarkWindowKnown(b *testing.B) {
	w := NewWindow(0)
	s := connection("10.0.0.1", 1, "10.0.0.2", 0)
	w.Add(s)
	b.ReportAllocs()
	for b.Loop() {
		w.Add(s)
	}
}

func TestReplaceSaysMoreOfTheSame(t *testing.T) {
	said := connection("10.0.0.1", 4001, "10.0.0.2", 0)
	better := said
	better.What.Translated = netip.MustParseAddrPort("10.0.0.9:8080")
	other := connection("10.0.0.3", 4001, "10.0.0.2", 0)
	for name, tc := range map[string]struct {
		before []Sighting
		limit  int
		want   bool
		counts map[bool]uint64 // by whether they are better
	}{
		"it is there":                         {[]Sighting{said, other}, 2, true, map[bool]uint64{false: 1, true: 1}},
		"it is there twice":                   {[]Sighting{said, said}, 2, true, map[bool]uint64{false: 1, true: 1}},
		"it is there twice, and no more room": {[]Sighting{said, said}, 1, false, map[bool]uint64{false: 2}},
		"the better one is there, too":        {[]Sighting{said, said, better}, 2, true, map[bool]uint64{false: 1, true: 2}},
		"it was drained":                      {[]Sighting{other}, 2, false, map[bool]uint64{false: 1}},
	} {
		w := NewWindow(tc.limit)
		for _, s := range tc.before {
			w.Add(s)
		}
		if got := w.Replace(said, better); got != tc.want {
			t.Errorf("%s: Replace() = %t, want %t", name, got, tc.want)
		}
		counts := map[bool]uint64{}
		for _, s := range w.Drain(nil, 0) {
			counts[s.What.Translated.IsValid()] += s.Count
		}
		if !maps.Equal(counts, tc.counts) || w.Overflow() != 0 {
			t.Errorf("%s: counts %v, overflow %d, want %v and none", name, counts, w.Overflow(), tc.counts)
		}
	}
}
