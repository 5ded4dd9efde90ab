//go:build linux

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// searchPath is where programs of the host are looked for; the path of a user often lacks the folders of root.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// need is a program of the host that the cluster runs, and the Debian package that has it.
type need struct{ program, debianPackage string }

// needs lists the programs of the host that the components call.
func needs() []need {
	return []need{
		{"runc", "runc"},         // containerd
		{"iptables", "iptables"}, // policies, host ports
		{"ipset", "ipset"},       // policies
		{"conntrack", "conntrack"},
		{"nft", "nftables"}, // kube-proxy
		{"mount", "mount"},  // kubelet
	}
}

// checkHost refuses a host on which the cluster cannot work, and says what to do.
func (c *Cluster) checkHost(ctx context.Context) error {
	if err := needRoot(); err != nil {
		return err
	}
	var missing []string
	for _, n := range needs() {
		if _, err := find(n.program); err != nil {
			missing = append(missing, n.debianPackage)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("missing programs: run `make localcluster` as root, or `apt-get install --no-install-recommends %s`", strings.Join(missing, " "))
	}
	for _, name := range []string{"kube", "containerd", "containerd-shim-runc-v2", "bridge", "host-local", "portmap", "images/pause.tar", "images/coredns.tar"} {
		if _, err := os.Stat(c.program(name)); err != nil {
			return fmt.Errorf("the cluster's programs are not built: run `make localcluster` (%w)", err)
		}
	}
	return loadModules(ctx)
}

// needRoot refuses other users.
func needRoot() error {
	if os.Geteuid() != 0 {
		return errors.New("a cluster needs root, for namespaces and mounts: run this as root, or with sudo")
	}
	return nil
}

// overlayMagic is the type of an overlay file system, OVERLAYFS_SUPER_MAGIC of linux/magic.h.
const overlayMagic = 0x794c7630

// refuseOverlay refuses a place for the state folder on which containerd cannot put the overlays of containers.
func refuseOverlay(parent string) error {
	var s unix.Statfs_t
	if err := unix.Statfs(parent, &s); err != nil {
		return fmt.Errorf("looking at the parent of the state folder, %s: %w", parent, err)
	}
	if s.Type == overlayMagic {
		return fmt.Errorf("%s is on an overlay, as in a container, where containers cannot run: name a folder on a disk or tmpfs with --dir", parent)
	}
	return nil
}

// find returns the path of a program of the host.
func find(program string) (string, error) {
	for _, folder := range filepath.SplitList(searchPath) {
		if path, err := exec.LookPath(filepath.Join(folder, program)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("finding %s: %w", program, exec.ErrNotFound)
}

// loadModules loads the kernel modules that nothing loads by itself, where the kernel does not have them built in.
func loadModules(ctx context.Context) error {
	for feature, module := range map[string]string{
		"/proc/sys/net/bridge":                     "br_netfilter",
		"/sys/module/overlay":                      "overlay",
		"/proc/sys/net/netfilter/nf_conntrack_max": "nf_conntrack",
	} {
		if _, err := os.Stat(feature); err == nil {
			continue
		}
		cmd := exec.CommandContext(ctx, "modprobe", module)
		cmd.Env = []string{"PATH=" + searchPath}
		_ = cmd.Run() // what needs the module says so if it is not there
	}
	return nil
}
