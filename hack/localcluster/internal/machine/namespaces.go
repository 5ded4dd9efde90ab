//go:build linux

package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// nsfsMagic is the type of a file that is a namespace, NSFS_MAGIC of linux/magic.h.
const nsfsMagic = 0x6e736673

// pins is the folder in which the namespaces are kept alive by bind mounts.
func (m Machine) pins() string { return m.Path("pins") }

// networkPin and mountPin are the files that the namespaces are mounted on.
func (m Machine) networkPin() string { return m.Path("pins", "net") }
func (m Machine) mountPin() string   { return m.Path("pins", "mnt") }

// isNamespace reports whether a namespace is mounted on path.
func isNamespace(path string) bool {
	var s unix.Statfs_t
	return unix.Statfs(path, &s) == nil && s.Type == nsfsMagic
}

// pinNetwork makes the network namespace.
func (m Machine) pinNetwork() error {
	if err := m.mountPins(); err != nil {
		return err
	}
	if isNamespace(m.networkPin()) {
		return nil
	}
	return onOwnThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("creating a network namespace: %w", err)
		}
		return pin(unix.Gettid(), "net", m.networkPin())
	})
}

// mountPins makes the folder of the pins a private mount of its own, as the kernel demands of a folder in which a mount namespace is
// pinned.
func (m Machine) mountPins() error {
	if err := os.MkdirAll(m.pins(), 0o700); err != nil {
		return fmt.Errorf("creating the folder of the namespaces: %w", err)
	}
	if mounted, err := isMounted(m.pins()); mounted || err != nil {
		return err
	}
	if err := unix.Mount(m.pins(), m.pins(), "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mounting the folder of the namespaces: %w", err)
	}
	if err := unix.Mount("", m.pins(), "", unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making the folder of the namespaces private: %w", err)
	}
	return nil
}

// pinMounts makes the mount namespace.
func (m Machine) pinMounts() error {
	if isNamespace(m.mountPin()) {
		return nil
	}
	ready, done := make(chan int, 1), make(chan struct{})
	failed := make(chan error, 1)
	go func() {
		failed <- onOwnThread(func() error {
			if err := m.populate(); err != nil {
				return err
			}
			ready <- unix.Gettid()
			<-done // the namespace lives as long as this thread, until it is pinned
			return nil
		})
	}()
	defer close(done)
	select {
	case err := <-failed:
		return err
	case thread := <-ready:
		return pin(thread, "mnt", m.mountPin()) // from the host's namespace: a pin is not visible inside
	}
}

// populate gives the calling thread a mount namespace in which mounts of the host arrive and no mount leaves, and shows
// the cluster's folders in it.
func (m Machine) populate() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("creating a mount namespace: %w", err)
	}
	for _, how := range []uintptr{unix.MS_SLAVE, unix.MS_SHARED} {
		if err := unix.Mount("", "/", "", unix.MS_REC|how, ""); err != nil {
			return fmt.Errorf("separating the mount namespace: %w", err)
		}
	}
	for place, folder := range m.PrivateFolders() {
		if err := unix.Mount(folder, place, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("mounting %s on %s: %w", folder, place, err)
		}
	}
	return nil
}

// pin keeps a namespace of a thread of this process alive at path.
func pin(thread int, kind, path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o400)
	if err != nil {
		return fmt.Errorf("creating the place of a namespace: %w", err)
	}
	_ = file.Close()
	source := fmt.Sprintf("/proc/self/task/%d/ns/%s", thread, kind)
	if err := unix.Mount(source, path, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("keeping the %s namespace: %w", kind, err)
	}
	return nil
}

// unpin lets go of the namespaces, which end with the last process in them, and with the mount namespace all its mounts.
func (m Machine) unpin() error {
	for _, path := range []string{m.networkPin(), m.mountPin(), m.pins()} {
		if err := unmountAll(path); err != nil {
			return err
		}
	}
	return nil
}

// unmountAll removes every mount from one mount point.
func unmountAll(path string) error {
	for {
		mounted, err := isMounted(path)
		if err != nil || !mounted {
			return err
		}
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
			return fmt.Errorf("unmounting %s: %w", path, err)
		}
	}
}

// isMounted reports whether path is a mount point in the mount namespace of this process.
func isMounted(path string) (bool, error) {
	var s unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BASIC_STATS, &s)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking for a mount on %s: %w", path, err)
	}
	return s.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0, nil
}

// MountsBelow returns the mount points below a folder, in the mount namespace of this process.
func MountsBelow(folder string) ([]string, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("reading the mounts: %w", err)
	}
	var below []string
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 4 && strings.HasPrefix(fields[4], folder+"/") {
			below = append(below, fields[4])
		}
	}
	return below, nil
}
