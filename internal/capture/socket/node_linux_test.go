package socket

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/portolan-io/portolan/internal/capture/frame"
	"github.com/portolan-io/portolan/internal/testkit/node"
	"github.com/portolan-io/portolan/internal/traffic"
)

func TestMain(m *testing.M) { os.Exit(node.Main(m)) }

// pairs returns who is connected to whom, with the numbers of connections.
func pairs(w *traffic.Window) []string {
	var all []string
	for _, s := range w.Drain(nil, 0) {
		pod := s.From.PodUID
		if pod != "" {
			pod = " of pod " + pod[:8]
		}
		all = append(all, fmt.Sprintf("%s%s to %s: %d", s.From.Addr, pod, netip.AddrPortFrom(s.To.Addr, s.To.Port), s.Count))
	}
	slices.Sort(all)
	return all
}

// lookOnce looks at the real /proc, with what the calling thread may do.
func lookOnce(t *testing.T, enters bool) (_ []string, limit, counted string) {
	t.Helper()
	window := traffic.NewWindow(0)
	source := atEase(window, Options{Proc: "/proc"})
	source.enters = enters
	limit, err := source.look(t.Context(), nine)
	if err != nil {
		t.Error(err)
	}
	return pairs(window), limit, counts(source.Counts())
}

// TestRealConnections: connections that are older than the source, between pods, from the node to a pod and from a pod to
// the node, are seen from their clients' side, whichever way the sockets are read.
func TestRealConnections(t *testing.T) {
	node.Isolated(t, func(t *testing.T) {
		node.Forward(t)
		client, server := node.NewPod(t, 1), node.NewPod(t, 2)
		server.Listen(":8080")
		at4, at6 := netip.AddrPortFrom(server.Addr4(), 8080).String(), netip.AddrPortFrom(server.Addr6(), 8080).String()
		client.Connect(at4, at4, at6)
		server.Connect(at4) // to itself: nobody's business
		other := client.Listen("0.0.0.0:70")
		server.Connect(netip.AddrPortFrom(client.Addr4(), 70).String())
		node.Connect(t, at4) // a process of the node that is of no pod

		want := []string{
			"10.0.1.2 to 10.0.2.2:8080: 2",
			"10.0.2.2 to 10.0.1.2:70: 1",
			"2001:db8:1::2 to [2001:db8:2::2]:8080: 1",
		}
		const ignored = "ignored local 2\nignored server-side 5\nignored host-namespace 1\n"
		before := namespaceOf(t, self)
		for name, enters := range map[string]bool{"by socket diagnosis": true, "by files": false} {
			got, limit, counted := lookOnce(t, enters)
			if diff := cmp.Diff(got, want); diff != "" || counted != ignored || limit != "" {
				t.Errorf("%s: limit %q, counts\n%sand connections (-got +want):\n%s", name, limit, counted, diff)
			}
		}
		node.Check(t, node.Unprivileged(func() error { // no link to a namespace of others can be read now
			got, limit, counted := lookOnce(t, false)
			if diff := cmp.Diff(got, want); diff != "" || counted != ignored || limit != "" {
				t.Errorf("without capabilities: limit %q, counts\n%sand connections (-got +want):\n%s", limit, counted, diff)
			}
			if _, err := proc("/proc").namespace(strconv.Itoa(other)); !refused(err) {
				t.Errorf("the namespace of another process can be read: %v", err)
			}
			return nil
		}))
		if after := namespaceOf(t, self); after != before {
			t.Errorf("the process is in network namespace %d, and was in %d", after, before)
		}
	})
}

func namespaceOf(t *testing.T, process string) uint64 {
	t.Helper()
	number, err := proc("/proc").namespace(process)
	node.Check(t, err)
	return number
}

// TestRealHostNetworkPods: on the node's network a connection belongs to the pod whose process has it open.
func TestRealHostNetworkPods(t *testing.T) {
	const uid = "0d5f6c1e-8a57-4f0e-9a7c-1f2f6f2b9b11"
	node.Isolated(t, func(t *testing.T) {
		node.Forward(t)
		server := node.NewPod(t, 1)
		server.Listen(":8080")
		at := netip.AddrPortFrom(server.Addr4(), 8080).String()
		ofPod := node.Connect(t, at, at)
		node.Connect(t, at)
		claim(t, ofPod, uid)

		got, limit, _ := lookOnce(t, true)
		if diff := cmp.Diff(got, []string{"10.0.1.1 of pod 0d5f6c1e to 10.0.1.2:8080: 2"}); diff != "" || limit != "" {
			t.Errorf("limit %q, connections (-got +want):\n%s", limit, diff)
		}
		node.Check(t, node.Unprivileged(func() error {
			got, limit, counted := lookOnce(t, false)
			if len(got) != 0 || !strings.Contains(counted, "ignored host-namespace 3\n") {
				t.Errorf("without SYS_PTRACE %q is seen, and counted\n%s", got, counted)
			}
			const want = "connections of host-network pods cannot be told apart, because reading their open files was refused (permission denied); add the SYS_PTRACE capability"
			if !strings.HasPrefix(limit, want) || !strings.Contains(limit, "AppArmor") {
				t.Errorf("limit %q, want %s…", limit, want)
			}
			return nil
		}))
	})
}

// TestSocketsOfAnotherUser: the agent may not open the folder fd of a process of another user, which is what pods are.
func TestSocketsOfAnotherUser(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"thread-self/fdinfo/2": "mnt_id:\t8\nino:\t900\n",
		"thread-self/fdinfo/3": "mnt_id:\t10\nino:\t901\n",
		"7/fdinfo/0":           "mnt_id:\t3395\nino:\t6\n",
		"7/fdinfo/4":           "mnt_id:\t8\nino:\t333\n",
		"7/fdinfo/5":           "mnt_id:\t10\nino:\t444\n",
		"8/fdinfo/5":           "mnt_id:\t10\n", // Linux before 5.14
	} {
		path := filepath.Join(root, name)
		check(t, os.MkdirAll(filepath.Dir(path), 0o700))
		check(t, os.WriteFile(path, []byte(text), 0o600))
	}
	check(t, os.Mkdir(filepath.Join(root, "thread-self/fd"), 0o700))
	check(t, os.Symlink("pipe:[900]", filepath.Join(root, "thread-self/fd/2")))
	check(t, os.Symlink("socket:[901]", filepath.Join(root, "thread-self/fd/3")))
	check(t, os.Mkdir(filepath.Join(root, "7/fd"), 0))
	check(t, os.Mkdir(filepath.Join(root, "8/fd"), 0))
	check(t, node.Unprivileged(func() error {
		var got []uint64
		take := func(inode uint64) { got = append(got, inode) }
		if err := proc(root).sockets("7", make([]byte, mostSmall), take); err != nil || !slices.Equal(got, []uint64{444}) {
			t.Errorf("sockets %v, %v, want 444", got, err)
		}
		if err := proc(root).sockets("8", make([]byte, mostSmall), take); !refused(err) || len(got) != 1 {
			t.Errorf("sockets %v, %v where fdinfo does not tell, want a refusal", got, err)
		}
		return nil
	}))
}

// claim makes a process look as if the kubelet had started it for a pod.
func claim(t *testing.T, process int, uid string) {
	t.Helper()
	groups := filepath.Join(t.TempDir(), "cgroup")
	node.Check(t, os.WriteFile(groups, []byte("0::/kubepods/burstable/pod"+uid+"/8f3c\n"), 0o600))
	node.Check(t, unix.Mount(groups, fmt.Sprintf("/proc/%d/cgroup", process), "", unix.MS_BIND, ""))
}

// TestSourceLeavesNothingBehind: no goroutine, thread or file stays, however the sockets were read.
func TestSourceLeavesNothingBehind(t *testing.T) {
	node.Isolated(t, func(t *testing.T) {
		client, server := node.NewPod(t, 1), node.NewPod(t, 2)
		node.Forward(t)
		server.Listen(":8080")
		client.Connect(netip.AddrPortFrom(server.Addr4(), 8080).String())
		before, main := goleak.IgnoreCurrent(), namespaceOf(t, "self")
		open, threads := entries(t, "/proc/self/fd"), 0
		window := traffic.NewWindow(0)
		for i := range 10 {
			source := New(window, Options{Proc: "/proc"})
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- source.Run(ctx) }()
			for source.Status().State != frame.On {
				runtime.Gosched()
			}
			cancel()
			node.Check(t, <-ended)
			if got := source.Status(); got.State != frame.Off {
				t.Errorf("Status() = %+v after the end, want off", got)
			}
			if i == 4 {
				threads = entries(t, "/proc/self/task")
			}
		}
		goleak.VerifyNone(t, before)
		if got := entries(t, "/proc/self/fd"); got > open+2 { // the runtime's own poller has two
			t.Errorf("%d open files, %d before", got, open)
		}
		if got := entries(t, "/proc/self/task"); got > threads+4 { // the runtime may start some; 10 looks enter 20 namespaces
			t.Errorf("%d threads, %d before", got, threads)
		}
		if got := namespaceOf(t, "self"); got != main {
			t.Errorf("the main thread is in network namespace %d, and was in %d", got, main)
		}
		if got := pairs(window); len(got) != 1 {
			t.Errorf("%q was seen, want one pair", got)
		}
	})
}

func entries(t *testing.T, dir string) int {
	t.Helper()
	all, err := os.ReadDir(dir)
	node.Check(t, err)
	return len(all)
}
