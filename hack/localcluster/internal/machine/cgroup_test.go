//go:build linux

package machine

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseHierarchies(t *testing.T) {
	for name, tc := range map[string]struct {
		mountinfo string
		want      []hierarchy
	}{
		"version 2 alone": {
			"30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
			[]hierarchy{{root: "/sys/fs/cgroup", unified: true}},
		},
		"version 1 beside version 2": {
			"34 25 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct\n" +
				"35 25 0:30 / /sys/fs/cgroup/cpuset rw shared:9 master:2 - cgroup cgroup rw,cpuset\n" +
				"36 25 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
			[]hierarchy{
				{root: "/sys/fs/cgroup/cpu", controllers: []string{"rw", "cpu", "cpuacct"}},
				{root: "/sys/fs/cgroup/cpuset", controllers: []string{"rw", "cpuset"}},
				{root: "/sys/fs/cgroup/unified", unified: true},
			},
		},
		"mounts elsewhere and broken lines are not hierarchies": {
			"34 25 0:29 / /mnt/cgroup rw - cgroup cgroup rw,cpu\n1 2 3\n\n36 25 0:31 / /sys/fs/cgroup rw cgroup2\n22 1 8:1 / / rw - ext4 /dev/sda rw\n", nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := parseHierarchies([]byte(tc.mountinfo))
			if diff := cmp.Diff(got, tc.want, cmp.AllowUnexported(hierarchy{})); diff != "" {
				t.Errorf("parseHierarchies (-got +want):\n%s", diff)
			}
		})
	}
}

func TestInGroup(t *testing.T) {
	const group = "/portolan-localcluster/a"
	for name, tc := range map[string]struct {
		text string
		want bool
	}{
		"version 2, the group itself":    {"0::/portolan-localcluster/a\n", true},
		"version 2, below the group":     {"0::/portolan-localcluster/a/kubepods/pod1/c\n", true},
		"version 1, in one hierarchy":    {"5:memory:/\n4:cpu,cpuacct:/portolan-localcluster/a/components\n0::/\n", true},
		"a cluster whose name begins so": {"0::/portolan-localcluster/ab\n", false},
		"another cluster":                {"0::/portolan-localcluster/b\n", false},
		"no group":                       {"0::/\n", false},
		"a group of that name elsewhere": {"0::/docker/portolan-localcluster/a\n", false},
		"an empty text":                  {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := inGroup(tc.text, group); got != tc.want {
				t.Errorf("inGroup = %t, want %t", got, tc.want)
			}
		})
	}
}

// FuzzParseHierarchies checks that no text panics and that everything found is below /sys/fs/cgroup.
func FuzzParseHierarchies(f *testing.F) {
	f.Add([]byte("34 25 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"))
	f.Add([]byte("30 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n - \n"))
	f.Fuzz(func(t *testing.T, mountinfo []byte) {
		for _, h := range parseHierarchies(mountinfo) {
			if h.root == "" || h.unified == (len(h.controllers) > 0) {
				t.Errorf("found %+v", h)
			}
		}
	})
}

func TestRemoveTreeTakesFoldersOnly(t *testing.T) {
	if err := removeTree(t.Context(), t.TempDir()+"/missing"); err != nil {
		t.Errorf("removing a group that is not there: %v", err)
	}
}
