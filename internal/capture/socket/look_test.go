package socket

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/internal/capture/frame"
	"github.com/portolan-io/portolan/internal/testkit/golden"
	"github.com/portolan-io/portolan/internal/traffic"
)

var nine = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

// plant makes a /proc of the files below proc/ of a case, and of its links, and returns its path.
func plant(t testing.TB, c golden.Case) string {
	t.Helper()
	root := t.TempDir()
	put := func(name string, write func(path string) error) {
		path := filepath.Join(root, name)
		check(t, os.MkdirAll(filepath.Dir(path), 0o700))
		check(t, write(path))
	}
	for _, file := range c.Files {
		if name, isProc := strings.CutPrefix(file.Name, "proc/"); isProc {
			put(name, func(path string) error { return os.WriteFile(path, file.Data, 0o600) })
		}
	}
	for link := range strings.Lines(c.Part("links")) {
		name, target, _ := strings.Cut(strings.TrimSpace(link), " ")
		put(name, func(path string) error { return os.Symlink(target, path) })
	}
	return root
}

// atEase returns a source whose looks have all the time that they need.
func atEase(window *traffic.Window, o Options) *Source {
	s := New(window, o)
	s.portion = time.Hour
	return s
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// lines returns what the window holds, as sorted lines.
func lines(w *traffic.Window) string {
	var all []string
	for _, s := range w.Drain(nil, 0) {
		all = append(all, string(traffic.AppendLine(nil, s)))
	}
	slices.Sort(all)
	return strings.Join(all, "")
}

// counts returns the counts that are not 0.
func counts(all []frame.Count) string {
	var text strings.Builder
	for _, c := range all {
		family := map[bool]string{true: "dropped", false: "ignored"}[c.Lost]
		if c.N > 0 {
			fmt.Fprintf(&text, "%s %s %d\n", family, c.Reason, c.N)
		}
	}
	return text.String()
}

func TestLook(t *testing.T) {
	golden.Each(t, "testdata/*.txtar", func(t *testing.T, c golden.Case) {
		window := traffic.NewWindow(0)
		source := atEase(window, Options{Proc: plant(t, c)})
		limit, err := source.look(t.Context(), nine)
		if limit != "" || err != nil {
			t.Errorf("look() = %q, %v", limit, err)
		}
		c.Check(t, golden.Part{Name: "sightings", Text: lines(window)}, golden.Part{Name: "counts", Text: counts(source.Counts())})

		lookAgain(t, source, window)
	})
}

// lookAgain looks five seconds later: what is known is not told again.
func lookAgain(t *testing.T, source *Source, window *traffic.Window) {
	t.Helper()
	if _, err := source.look(t.Context(), nine.Add(5*time.Second)); err != nil {
		t.Error(err)
	}
	if again := lines(window); again != "" {
		t.Errorf("a second look tells again\n%s", again)
	}
}

func TestLookCountsEachConnectionOnce(t *testing.T) {
	root := plant(t, golden.Cases(t, "testdata/one-look-per-namespace.txtar")[0])
	window := traffic.NewWindow(0)
	source := atEase(window, Options{Proc: root})
	list := filepath.Join(root, "40/net/tcp")
	for i, tc := range []struct {
		after time.Duration
		more  string // a row that joins
		want  uint64 // counts together
	}{
		{0, "", 4},
		{5 * time.Second, "", 0},
		{10 * time.Second, "   3: 0400010A:9C50 1100000A:0050 01 00000000:00000000 00:00000000 00000000 0 0 9 1\n", 1},
		{71 * time.Second, "", 3}, // each pair once
	} {
		file, err := os.OpenFile(list, os.O_APPEND|os.O_WRONLY, 0)
		check(t, err)
		_, err = file.WriteString(tc.more)
		check(t, err)
		check(t, file.Close())
		_, err = source.look(t.Context(), nine.Add(tc.after))
		check(t, err)
		var got uint64
		for _, s := range window.Drain(nil, 0) {
			got += s.Count
		}
		if got != tc.want {
			t.Errorf("look %d, after %s: %d connections told, want %d", i+1, tc.after, got, tc.want)
		}
	}
}

func TestLookSaysWhyItCannot(t *testing.T) {
	empty := t.TempDir()
	for name, tc := range map[string]struct{ proc, want string }{
		"nothing is mounted": {
			"/nowhere/proc", "socket scan is off: cannot read /nowhere/proc: no such file or directory; mount the host's /proc read-only there",
		},
		"an empty folder is mounted": {
			empty, "socket scan is off: " + empty + " shows no process; mount the host's /proc read-only there",
		},
	} {
		t.Run(name, func(t *testing.T) {
			source := New(traffic.NewWindow(0), Options{Proc: tc.proc})
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

// counting is a namespace that counts the connections that it opens.
type counting struct {
	t       *testing.T
	root    string
	rows    string
	accepts int // how many it has accepted
}

// open adds connections to the list and, if it counts them, to the counter of what it has opened or accepted.
func (c *counting) open(state string, opens int, more ...string) {
	c.t.Helper()
	for _, port := range more {
		c.rows += "   1: 0400010A:" + port + " 1100000A:0050 " + state + " 00000000:00000000 00:00000000 00000000 0 0 9 1\n"
	}
	for name, text := range map[string]string{
		"cgroup": "", "net/tcp": head + c.rows, "net/tcp6": head,
		"net/snmp": fmt.Sprintf("Tcp: ActiveOpens PassiveOpens\nTcp: %d %d\n", opens, c.accepts),
	} {
		path := filepath.Join(c.root, "40", name)
		check(c.t, os.MkdirAll(filepath.Dir(path), 0o700))
		check(c.t, os.WriteFile(path, []byte(text), 0o600))
	}
}

// TestAQuietNamespaceIsLeftAlone: a list is read again when a connection was opened since, or was just being opened, or
// after a minute.
func TestAQuietNamespaceIsLeftAlone(t *testing.T) {
	c := &counting{t: t, root: t.TempDir()}
	window := traffic.NewWindow(0)
	source := atEase(window, Options{Proc: c.root})
	at := time.Duration(0)
	expect := func(what string, after time.Duration, want uint64) {
		t.Helper()
		at += after
		_, err := source.look(t.Context(), nine.Add(at))
		check(t, err)
		var got uint64
		for _, s := range window.Drain(nil, 0) {
			got += s.Count
		}
		if got != want {
			t.Errorf("%s: %d connections told, want %d", what, got, want)
		}
	}
	c.open("01", 1, "9C41")
	expect("the first look reads", 0, 1)
	c.open("01", 1, "9C42")
	expect("nothing was opened, so nothing is read", 5*time.Second, 0)
	c.open("01", 2)
	expect("something was", 5*time.Second, 1)
	c.open("02", 3, "9C43")
	expect("something is being opened", 5*time.Second, 0)
	c.rows = strings.ReplaceAll(c.rows, " 02 ", " 01 ")
	c.open("01", 3)
	expect("and is open now", 5*time.Second, 1)
	c.open("01", 3, "9C44")
	expect("nothing was opened", 5*time.Second, 0)
	expect("after a minute it is read", time.Minute, 2) // one is new, and the pair is said again with it
	for _, file := range []string{"net/sockstat", "net/sockstat6"} {
		check(t, os.WriteFile(filepath.Join(c.root, "40", file), []byte("TCP: inuse 0 orphan 0\nTCP6: inuse 0\n"), 0o600))
	}
	c.open("01", 4, "9C45")
	expect("a namespace without sockets has nothing to read", 5*time.Second, 0)
}

// TestALookHasItsPortionOfTheTime: one namespace is always read, what was never read comes first and soon.
func TestALookHasItsPortionOfTheTime(t *testing.T) {
	root := t.TempDir()
	for i := range 3 { // network namespaces with a connection each
		process := filepath.Join(root, strconv.Itoa(40+i))
		check(t, os.MkdirAll(filepath.Join(process, "net"), 0o700))
		check(t, os.MkdirAll(filepath.Join(process, "ns"), 0o700))
		check(t, os.Symlink(fmt.Sprintf("net:[%d]", 4026532001+i), filepath.Join(process, "ns/net")))
		row := fmt.Sprintf("   0: %02X00010A:9C41 1100000A:0050 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0 20 4 30 10 -1\n", i+4)
		check(t, os.WriteFile(filepath.Join(process, "net/tcp"), []byte(head+row), 0o600))
		check(t, os.WriteFile(filepath.Join(process, "net/tcp6"), []byte(head), 0o600))
	}
	source := New(traffic.NewWindow(0), Options{Proc: root})
	if source.portion != 50*time.Millisecond {
		t.Errorf("a look has %s, want the 50 ms of the budget", source.portion)
	}
	source.portion = 0
	var pairs []int
	for i := range 4 {
		_, err := source.look(t.Context(), nine.Add(time.Duration(i)*time.Second))
		check(t, err)
		pairs = append(pairs, source.window.Len())
		want := defaultPeriod - time.Second
		if source.unread {
			want = catchUp
		}
		if got := source.pause(defaultPeriod, time.Second); got != want {
			t.Errorf("the next look comes after %s, want %s", got, want)
		}
	}
	if !slices.Equal(pairs, []int{1, 2, 3, 3}) || source.unread {
		t.Errorf("the looks have found %d pairs, and something was never read: %t; want one more each until there are 3", pairs, source.unread)
	}
}

// TestNamespacesTakeTurns: those that were read longest ago come first, new ones before all.
func TestNamespacesTakeTurns(t *testing.T) {
	source := New(traffic.NewWindow(0), Options{})
	source.known = map[uint64]*memory{1: {read: nine.Add(time.Minute)}, 2: {read: nine}, 9: {}}
	found := []*space{{list: 1}, {list: 2}, {list: 3}}
	(&look{Source: source}).recall(found)
	var order []uint64
	for _, s := range found {
		order = append(order, s.list)
	}
	if !slices.Equal(order, []uint64{3, 2, 1}) || len(source.known) != 3 || source.known[9] != nil {
		t.Errorf("the order is %d and %d are known, want 3, 2, 1 and what is there", order, len(source.known))
	}
}
