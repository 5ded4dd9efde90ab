//go:build linux

// Package machine makes a part of this host look like a computer of its own: a network namespace that is joined to the host
// by one link, a mount namespace in which the folders that a node writes to are the cluster's, and control groups by which
// every process of the cluster is known. A node of the cluster runs in it.
//
// It must not know what runs there. Nothing it makes outlives Destroy, and none of it survives a reboot.
package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/portolan-io/portolan/hack/localcluster/internal/plan"
	"github.com/portolan-io/portolan/hack/localcluster/internal/process"
)

// Machine is the machine of one cluster, present or not.
type Machine struct {
	plan.Plan
}

// PrivateFolders maps folders of the host that a node writes to, whatever its flags say, to the folders in the state
// folder that the mount namespace shows in their place. The caller of Create makes both.
func (m Machine) PrivateFolders() map[string]string {
	return map[string]string{
		"/run":             m.Path("machine", "run"),     // sockets of containerd and its shims
		"/var/log":         m.Path("machine", "log"),     // /var/log/containers
		"/var/lib/cni":     m.Path("machine", "cni"),     // addresses that are given to pods
		"/var/lib/kubelet": m.Path("machine", "kubelet"), // volumes, device plugins
	}
}

// Exists reports whether both namespaces are there, so that Do and Exec can work.
func (m Machine) Exists() bool {
	return isNamespace(m.networkPin()) && isNamespace(m.mountPin())
}

// Create makes the namespaces, the link and the control groups, and moves this process into the control groups: all that
// it starts later belongs to the machine. Parts that exist already are kept.
func (m Machine) Create() error {
	if err := m.join(); err != nil {
		return err
	}
	if err := m.pinNetwork(); err != nil {
		return err
	}
	if err := m.createNetwork(); err != nil {
		return err
	}
	return m.pinMounts()
}

// Destroy ends every process of the machine and removes all that Create made. It works on any part of a machine.
func (m Machine) Destroy(ctx context.Context) error {
	if err := m.killAll(ctx); err != nil {
		return err
	}
	return errors.Join(m.removeLink(), m.unpin(), m.removeCgroups(ctx))
}

// killAll kills the processes of the machine until none is left: one that is being killed may start others. Then it gives
// their parents, which may be the host's first process, a moment to collect them.
func (m Machine) killAll(ctx context.Context) error {
	const rounds, step = 100, 50 * time.Millisecond
	for range rounds {
		living, ended, err := m.members()
		if err != nil {
			return err
		}
		if len(living)+ended == 0 {
			return nil
		}
		if err := process.Kill(ctx, living, m.owns); err != nil {
			return err
		}
		if len(living) > 0 {
			continue
		}
		if err := pause(ctx, step); err != nil {
			return err
		}
	}
	if living, _, err := m.members(); err != nil || len(living) == 0 {
		return err
	}
	return fmt.Errorf("processes of the cluster keep coming back in %s", m.CgroupPath())
}

// Do runs act on a thread inside both namespaces and returns its error. Processes that act starts are born there;
// goroutines that it starts are not.
func (m Machine) Do(act func() error) error {
	return onOwnThread(func() error {
		// A thread that shares its working folder with others may not change its mount namespace.
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return fmt.Errorf("preparing to enter the machine: %w", err)
		}
		if err := enter(m.networkPin(), unix.CLONE_NEWNET); err != nil {
			return err
		}
		if err := enter(m.mountPin(), unix.CLONE_NEWNS); err != nil {
			return err
		}
		return act()
	})
}

// Exec replaces this process by a program in the machine's network namespace, with the host's view of files. It returns
// only on errors.
func (m Machine) Exec(command, env []string) error {
	path, err := exec.LookPath(command[0])
	if err != nil {
		return fmt.Errorf("finding the program: %w", err)
	}
	return onOwnThread(func() error {
		if err := enter(m.networkPin(), unix.CLONE_NEWNET); err != nil {
			return err
		}
		if err := unix.Exec(path, command, env); err != nil {
			return fmt.Errorf("running %s: %w", path, err)
		}
		return nil
	})
}

// onOwnThread runs act on a thread that ends with it, so that what act does to the thread is never seen elsewhere.
func onOwnThread(act func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the runtime then ends the thread
		result <- act()
	}()
	return <-result
}

// enter moves the calling thread into the namespace that is pinned at path.
func enter(path string, kind int) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("entering the machine: %w", err)
	}
	defer func() { _ = file.Close() }()
	if err := unix.Setns(int(file.Fd()), kind); err != nil {
		return fmt.Errorf("entering the machine: %w", err)
	}
	return nil
}
