//go:build linux

package machine

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/portolan-io/portolan/hack/localcluster/internal/process"
)

// cgroupParent is the control group that holds those of all local clusters.
const cgroupParent = "/portolan-localcluster"

// hierarchy is one mounted tree of control groups: the only one on a cgroup v2 host, one per controller with v1.
type hierarchy struct {
	root        string   // mount point
	controllers []string // empty for v2
	unified     bool     // v2
}

// cpuset reports whether a new group of this hierarchy takes no process until it is told which processors it has.
func (h hierarchy) cpuset() bool { return slices.Contains(h.controllers, "cpuset") }

// hierarchies returns the mounted trees of control groups, in mount order.
func hierarchies() ([]hierarchy, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("reading the mounts: %w", err)
	}
	found := parseHierarchies(text)
	if len(found) == 0 {
		return nil, errors.New("no control groups are mounted below /sys/fs/cgroup: containers cannot run here")
	}
	return found, nil
}

// parseHierarchies reads the text of /proc/self/mountinfo. Lines that it does not understand are other mounts.
// Source: proc(5).
//
//	34 25 0:29 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
func parseHierarchies(mountinfo []byte) []hierarchy {
	var found []hierarchy
	lines := bufio.NewScanner(bytes.NewReader(mountinfo))
	for lines.Scan() {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 5 || len(right) < 3 || !strings.HasPrefix(left[4], "/sys/fs/cgroup") {
			continue
		}
		switch right[0] {
		case "cgroup":
			found = append(found, hierarchy{root: left[4], controllers: strings.Split(right[2], ",")})
		case "cgroup2":
			found = append(found, hierarchy{root: left[4], unified: true})
		}
	}
	return found
}

// CgroupPath is the control group of the cluster in every hierarchy, from the hierarchy's root. The kubelet puts its pods
// below it.
func (m Machine) CgroupPath() string { return filepath.Join(cgroupParent, m.Name) }

// join creates the cluster's control groups and moves this very process into the one for components, so that every
// process it starts from now on belongs to the cluster from its first instant.
func (m Machine) join() error {
	trees, err := hierarchies()
	if err != nil {
		return err
	}
	for _, tree := range trees {
		group := filepath.Join(tree.root, m.CgroupPath(), "components")
		if err := os.MkdirAll(group, 0o755); err != nil {
			return fmt.Errorf("creating a control group: %w", err)
		}
		if err := m.delegate(tree); err != nil {
			return err
		}
		if tree.cpuset() {
			continue
		}
		procs := filepath.Join(group, "cgroup.procs")
		if err := os.WriteFile(procs, []byte(strconv.Itoa(os.Getpid())), 0o644); err != nil {
			return fmt.Errorf("joining a control group: %w", err)
		}
	}
	return nil
}

// delegate makes the controllers of a hierarchy usable below the cluster's group.
func (m Machine) delegate(tree hierarchy) error {
	levels := []string{tree.root, filepath.Join(tree.root, cgroupParent), filepath.Join(tree.root, m.CgroupPath())}
	if tree.unified {
		return enableControllers(levels)
	}
	if tree.cpuset() {
		return copyProcessors(levels)
	}
	return nil
}

// enableControllers passes those controllers of the v2 root that a kubelet asks for down to the last of levels.
func enableControllers(levels []string) error {
	text, err := os.ReadFile(filepath.Join(levels[0], "cgroup.controllers"))
	if err != nil {
		return fmt.Errorf("reading the controllers: %w", err)
	}
	wanted := slices.DeleteFunc(strings.Fields(string(text)), func(controller string) bool {
		return !slices.Contains([]string{"cpu", "cpuset", "hugetlb", "io", "memory", "pids"}, controller)
	})
	for _, level := range levels {
		control := filepath.Join(level, "cgroup.subtree_control")
		enabled, err := os.ReadFile(control)
		if err != nil {
			return fmt.Errorf("reading the controllers of %s: %w", level, err)
		}
		for _, controller := range wanted {
			if slices.Contains(strings.Fields(string(enabled)), controller) {
				continue
			}
			if err := os.WriteFile(control, []byte("+"+controller), 0o644); err != nil {
				return fmt.Errorf("enabling the %s controller in %s: %w", controller, level, err)
			}
		}
	}
	return nil
}

// copyProcessors gives each level of a v1 cpuset tree the processors and memory nodes of the level above.
func copyProcessors(levels []string) error {
	for i := 1; i < len(levels); i++ {
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			value, err := os.ReadFile(filepath.Join(levels[i-1], file))
			if err != nil {
				return fmt.Errorf("reading the processors of a control group: %w", err)
			}
			if err := os.WriteFile(filepath.Join(levels[i], file), value, 0o644); err != nil {
				return fmt.Errorf("setting the processors of a control group: %w", err)
			}
		}
	}
	return nil
}

// members returns the processes in the cluster's control groups, this one excepted, and how many more have ended and only
// wait to be collected by their parent.
func (m Machine) members() (living []int, ended int, err error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, 0, fmt.Errorf("listing the processes: %w", err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() || !m.owns(pid) {
			continue
		}
		if _, err := process.Find(pid); err == nil {
			living = append(living, pid)
		} else {
			ended++
		}
	}
	return living, ended, nil
}

// owns reports whether a living process is in the cluster's control groups.
func (m Machine) owns(pid int) bool {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cgroup"))
	return err == nil && inGroup(string(text), m.CgroupPath())
}

// inGroup reports whether the text of /proc/PID/cgroup names the group or one below it. Source: cgroups(7).
func inGroup(text, group string) bool {
	for line := range strings.Lines(text) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) == 3 && (fields[2] == group || strings.HasPrefix(fields[2], group+"/")) {
			return true
		}
	}
	return false
}

// removeCgroups deletes the cluster's control groups, which must be empty, and the parent of all clusters' if it is now.
func (m Machine) removeCgroups(ctx context.Context) error {
	trees, err := hierarchies()
	if err != nil {
		return err
	}
	for _, tree := range trees {
		if err := removeTree(ctx, filepath.Join(tree.root, m.CgroupPath())); err != nil {
			return fmt.Errorf("removing a control group: %w", err)
		}
		_ = os.Remove(filepath.Join(tree.root, cgroupParent)) // fails while another cluster is there, rightly
	}
	return nil
}

// removeTree removes a group and all below it, deepest first. A control group is removed as a folder; its files are not.
func removeTree(ctx context.Context, group string) error {
	entries, err := os.ReadDir(group)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeTree(ctx, filepath.Join(group, e.Name())); err != nil {
				return err
			}
		}
	}
	return removeGroup(ctx, group)
}

// removeGroup removes one empty group. The kernel refuses for a moment while the last processes of it are being reaped.
func removeGroup(ctx context.Context, group string) error {
	const step, tries = 20 * time.Millisecond, 250
	for try := 1; ; try++ {
		err := os.Remove(group)
		if !errors.Is(err, unix.EBUSY) || try == tries {
			return err
		}
		if err := pause(ctx, step); err != nil {
			return err
		}
	}
}

// pause returns after a while, or with an error when the context ends.
func pause(ctx context.Context, while time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(while):
		return nil
	}
}
