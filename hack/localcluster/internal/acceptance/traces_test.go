//go:build cluster

package acceptance

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// traces is what can be seen of clusters on the host: for each kind, one line for each thing.
type traces map[string][]string

// look returns the traces of the clusters with these names, and everything that names no cluster. Other clusters of the host come
// and go while the test runs, and are left out.
func look(t *testing.T, names ...string) traces {
	t.Helper()
	found := traces{
		"mounts":              lines(t, "/proc/self/mounts"),
		"routes":              lines(t, "/proc/net/route"),
		"packet filter rules": strings.Split(run(t, exec.Command("/usr/sbin/nft", "list", "ruleset"), ""), "\n"),
		"address sets":        strings.Split(run(t, exec.Command("/usr/sbin/ipset", "list", "-name"), ""), "\n"),
		"control groups":      walk(t, "/sys/fs/cgroup", 4),
		"processes":           processes(t, names),
		"interfaces":          interfaces(t),
		"files":               append(list("/var/lib"), list("/var/lib/portolan-localcluster")...),
		"files that programs of nodes are known to leave": known(),
	}
	for kind, all := range found {
		found[kind] = slices.DeleteFunc(all, func(line string) bool { return foreign(line, names) })
	}
	return found
}

// foreign reports whether a line is about a cluster that is not one of names, or about what such clusters share.
func foreign(line string, names []string) bool {
	shared := []string{"/var/lib/kubelet", "/var/lib/cni", "/var/lib/portolan-localcluster/folders.created", "/var/lib/portolan-demo"}
	if slices.Contains(shared, line) {
		return othersExist(names)
	}
	if !strings.Contains(line, "/portolan-localcluster/") && !strings.Contains(line, "plc-") {
		return strings.HasSuffix(line, "/portolan-localcluster") && othersExist(names)
	}
	return !slices.ContainsFunc(names, func(name string) bool {
		return strings.Contains(line, "/portolan-localcluster/"+name) || strings.Contains(line, "plc-"+name)
	})
}

// othersExist reports whether the host has clusters beside names.
func othersExist(names []string) bool {
	entries, _ := filepath.Glob("/var/lib/portolan-localcluster/*.json")
	return slices.ContainsFunc(entries, func(entry string) bool {
		return !slices.Contains(names, strings.TrimSuffix(filepath.Base(entry), ".json"))
	})
}

// compare reports everything that is there after and was not before.
func compare(t *testing.T, before, after traces) {
	t.Helper()
	left := traces{}
	for kind, all := range after {
		for _, line := range all {
			if !slices.Contains(before[kind], line) {
				left[kind] = append(left[kind], line)
			}
		}
	}
	if diff := cmp.Diff(left, traces{}); diff != "" {
		t.Errorf("left behind (-left +nothing):\n%s", diff)
	}
}

// lines returns the lines of a file.
func lines(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(text), "\n")
}

// list returns the paths in a folder, none if there is no such folder.
func list(folder string) []string {
	paths, _ := filepath.Glob(filepath.Join(folder, "*"))
	return paths
}

// known returns those of the usual files of kubelets and container runtimes that exist.
func known() []string {
	var found []string
	for _, pattern := range []string{
		"/run/netns/*", "/run/containerd", "/run/xtables.lock", "/run/kubernetes", "/run/flannel", "/var/log/pods", "/var/log/containers",
		"/etc/cni", "/opt/cni", "/opt/containerd", "/opt/nri", "/usr/libexec/kubernetes", "/etc/kubernetes",
	} {
		paths, _ := filepath.Glob(pattern)
		found = append(found, paths...)
	}
	return found
}

// walk returns the folders below root, down to a depth.
func walk(t *testing.T, root string, depth int) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && !entry.IsDir() {
			return nil // groups may vanish meanwhile
		}
		if err != nil {
			return err
		}
		found = append(found, path)
		if strings.Count(strings.TrimPrefix(path, root), "/") >= depth {
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(found, func(path string) bool { return !strings.Contains(path, "portolan-localcluster") })
}

// processes returns the processes that are in a control group of the clusters or name their folders on their command line.
func processes(t *testing.T, names []string) []string {
	t.Helper()
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, folder := range folders {
		group, _ := os.ReadFile(filepath.Join(folder, "cgroup"))
		command, _ := os.ReadFile(filepath.Join(folder, "cmdline"))
		for _, name := range names {
			mark := "/portolan-localcluster/" + name + "/"
			if strings.Contains(string(group), mark) || strings.Contains(string(command), mark) {
				found = append(found, folder+" "+mark+" "+strings.ReplaceAll(string(command), "\x00", " "))
			}
		}
	}
	return found
}

// interfaces returns the names of the host's network interfaces.
func interfaces(t *testing.T) []string {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, each := range all {
		names = append(names, each.Name)
	}
	return names
}
