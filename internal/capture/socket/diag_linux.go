package socket

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// diagnose adds the sockets of the network namespace that the present thread is in, but for address families that it has
// none of. oversize is how many there are beyond the bound.
func diagnose(t *Table, without families) (oversize uint64, err error) {
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		if family == unix.AF_INET && without.none4 || family == unix.AF_INET6 && without.none6 {
			continue
		}
		request := nl.NewNetlinkRequest(nl.SOCK_DIAG_BY_FAMILY, unix.NLM_F_DUMP)
		request.AddRawData(diagRequest(family))
		rows := 0
		err := request.ExecuteIter(unix.NETLINK_INET_DIAG, nl.SOCK_DIAG_BY_FAMILY, func(msg []byte) bool {
			if rows++; rows > mostRows {
				oversize++
			} else if row, ok := DecodeDiag(msg); ok {
				t.Add(row)
			}
			return true
		})
		// An interrupted list may lack what changed meanwhile, which the next look sees.
		if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
			return oversize, fmt.Errorf("asking the kernel for its sockets: %w", err)
		}
	}
	return oversize, nil
}

// mayEnter reports whether this process may enter the network namespaces of others.
func mayEnter() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	return unix.Capget(&header, &sets[0]) == nil && sets[0].Effective&(1<<unix.CAP_SYS_ADMIN) != 0
}

// inside runs f in the network namespace that the file shows, on a thread of its own that ends with it: no other goroutine
// may find itself in that namespace.
func inside(file string, f func() error) error {
	namespace, err := os.Open(file)
	if err != nil {
		return err
	}
	defer namespace.Close()
	return onLastThread(func() error {
		if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("entering a network namespace: %w", err)
		}
		return f()
	})
}

// onLastThread runs f on a thread that ends with it. The main thread never ends, and what /proc shows of the process is the
// main thread's: when f would run there, that thread is held until f has run on another one.
func onLastThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and unlocked on the main thread only
		if unix.Gettid() != unix.Getpid() {
			done <- f()
			return
		}
		err := onLastThread(f)
		runtime.UnlockOSThread()
		done <- err
	}()
	return <-done
}
