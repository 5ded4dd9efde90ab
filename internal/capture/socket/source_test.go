package socket

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/portolan-io/portolan/internal/capture/frame"
	"github.com/portolan-io/portolan/internal/testkit/golden"
	"github.com/portolan-io/portolan/internal/traffic"
)

func TestPace(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	for name, tc := range map[string]struct {
		base  time.Duration
		took  []time.Duration
		want  time.Duration
		limit string
	}{
		"short looks change nothing":               {5 * s, []time.Duration{100 * ms, 500 * ms}, 5 * s, ""},
		"a look over a tenth doubles the period":   {5 * s, []time.Duration{501 * ms}, 10 * s, "a look at all sockets takes 501ms, so there is one every 10s instead of every 5s"},
		"and again, as long as it is too long":     {5 * s, []time.Duration{3 * s, 3 * s, 3 * s}, 40 * s, "one every 40s"},
		"but not beyond a minute":                  {5 * s, []time.Duration{9 * s, 9 * s, 9 * s, 9 * s, 9 * s}, 60 * s, "one every 1m0s"},
		"a look that fits keeps the period":        {5 * s, []time.Duration{501 * ms, 501 * ms}, 10 * s, "one every 10s"},
		"short looks bring it back, step by step":  {5 * s, []time.Duration{3 * s, 3 * s, 3 * s, 100 * ms}, 20 * s, "one every 20s"},
		"and no further than it was":               {5 * s, []time.Duration{3 * s, 10 * ms, 10 * ms, 10 * ms}, 5 * s, ""},
		"a period that was chosen is no shorter":   {40 * s, []time.Duration{10 * ms}, 40 * s, ""},
		"a long period that was chosen grows, too": {40 * s, []time.Duration{9 * s}, 60 * s, "instead of every 40s"},
	} {
		t.Run(name, func(t *testing.T) {
			p := pace{base: tc.base, period: tc.base}
			limit := ""
			for _, took := range tc.took {
				limit = p.after(took)
			}
			if p.period != tc.want || !strings.Contains(limit, tc.limit) || (limit == "") != (tc.limit == "") {
				t.Errorf("period %s, limit %q; want %s, %q", p.period, limit, tc.want, tc.limit)
			}
		})
	}
}

func TestOptions(t *testing.T) {
	for period, want := range map[time.Duration]string{
		0: "", time.Second: "", time.Minute: "",
		time.Millisecond: "socket-period 1ms: want 1s to 1m0s", time.Hour: "socket-period 1h0m0s: want 1s to 1m0s",
	} {
		if err := (Options{Period: period}).Validate(); fmt.Sprint(err) != want && (err != nil || want != "") {
			t.Errorf("Validate() with %s = %v, want %q", period, err, want)
		}
	}
}

// TestRunLooksAgainAndAgain: the first look is at once, the next ones after each period, and none after the end.
func TestRunLooksAgainAndAgain(t *testing.T) {
	root := plant(t, golden.Cases(t, "testdata/one-look-per-namespace.txtar")[0])
	before := goleak.IgnoreCurrent()
	synctest.Test(t, func(t *testing.T) {
		window := traffic.NewWindow(0)
		source := New(window, Options{Proc: root, Period: 5 * time.Second})
		if got := source.Status(); got.State != frame.Off || got.Sentence != "socket scan has not started" {
			t.Errorf("Status() = %+v before Run", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- source.Run(ctx) }()
		synctest.Wait()
		if got := source.Status(); got != (frame.Status{State: frame.On}) || window.Len() != 3 {
			t.Errorf("Status() = %+v and %d pairs after the first look, want on and 3", got, window.Len())
		}
		window.Drain(nil, 0)
		time.Sleep(54 * time.Second)
		synctest.Wait()
		if window.Len() != 0 {
			t.Errorf("%d pairs are told again within 54 seconds", window.Len())
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if window.Len() != 3 {
			t.Errorf("%d pairs are told again after a minute, want 3", window.Len())
		}
		cancel()
		if err := <-ended; err != nil || source.Status().State != frame.Off {
			t.Errorf("Run() = %v, then %+v", err, source.Status())
		}
	})
	goleak.VerifyNone(t, before)
}

// TestLookIsBoundedInAFile: what is beyond 16 MiB of a list is counted, and the rest holds.
func TestLookIsBoundedInAFile(t *testing.T) {
	root := plant(t, golden.Cases(t, "testdata/one-look-per-namespace.txtar")[0])
	list, err := os.OpenFile(filepath.Join(root, "40/net/tcp"), os.O_APPEND|os.O_WRONLY, 0)
	check(t, err)
	_, err = list.WriteString(strings.Repeat("   9: 0400010A:9C50 1100000A:0050 06 00000000:00000000 00:00000000 00000000 0 0 0 3\n", mostBytes/80))
	check(t, err)
	check(t, list.Close())
	window := traffic.NewWindow(0)
	source := atEase(window, Options{Proc: root})
	if _, err := source.look(t.Context(), nine); err != nil || window.Len() != 3 || counts(source.Counts()) != "dropped oversize 1\n" {
		t.Errorf("look() = %v, %d pairs, counts\n%s", err, window.Len(), counts(source.Counts()))
	}
}

// BenchmarkLook is 300 processes in 30 namespaces with 2,000 sockets; the budget is 50 ms.
func BenchmarkLook(b *testing.B) {
	const namespaces, each, sockets = 30, 10, 2000
	root := b.TempDir()
	for i := range namespaces {
		first := strconv.Itoa(1000 + i*each)
		var list strings.Builder
		list.WriteString(head)
		for n := range sockets / namespaces {
			fmt.Fprintf(&list, "%4d: %02X00010A:%04X %02X00000A:0050 01 00000000:00000000 00:00000000 00000000     0        0 %d 1 0000000000000000 20 4 30 10 -1\n",
				n, i+2, 40000+n, n%16, 52000+n)
		}
		check(b, os.MkdirAll(filepath.Join(root, first, "net"), 0o700))
		check(b, os.WriteFile(filepath.Join(root, first, "net/tcp"), []byte(list.String()), 0o600))
		check(b, os.WriteFile(filepath.Join(root, first, "net/tcp6"), []byte(head), 0o600))
		for n := range each {
			process := filepath.Join(root, strconv.Itoa(1000+i*each+n))
			check(b, os.MkdirAll(filepath.Join(process, "ns"), 0o700))
			check(b, os.Symlink(fmt.Sprintf("net:[%d]", 4026532000+i), filepath.Join(process, "ns/net")))
			check(b, os.WriteFile(filepath.Join(process, "cgroup"), fmt.Appendf(nil, "0::/kubepods/pod0d5f6c1e-8a57-4f0e-9a7c-1f2f6f2b%04d/8f3c\n", i), 0o600))
		}
	}
	window := traffic.NewWindow(0)
	source := atEase(window, Options{Proc: root})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := source.look(b.Context(), nine); err != nil {
			b.Fatal(err)
		}
	}
	if window.Len() != namespaces*16 {
		b.Errorf("%d pairs, want %d", window.Len(), namespaces*16)
	}
}
