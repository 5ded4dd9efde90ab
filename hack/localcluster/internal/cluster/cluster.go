//go:build linux

// Package cluster brings the local Kubernetes cluster up and takes it down: a control plane and one node, in a machine of
// their own (package machine), reached from the host over one link. Up and Down are the two stories; read those first.
//
// It must not touch anything on the host but the cluster's state folder, its entry in the inventory, and what package
// machine makes; and it must not reach beyond the host.
package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/portolan-io/portolan/hack/localcluster/internal/inventory"
	"github.com/portolan-io/portolan/hack/localcluster/internal/machine"
	"github.com/portolan-io/portolan/hack/localcluster/internal/plan"
)

// Home is the folder of the inventory; the state folders of clusters are below it unless the user says otherwise.
const Home = "/var/lib/portolan-localcluster"

// Options is what the user says about a cluster.
type Options struct {
	Name     string
	Dir      string        // state folder; "" is Home/Name, or where the cluster is already
	Range    string        // IPv4 range; "" is the first free one, or what the cluster has already
	IPv6     bool          // beside IPv4, for a cluster that is new
	Timeout  time.Duration // for the whole command
	Programs string        // folder of the programs that `make localcluster` builds
	Progress io.Writer     // gets one short line for each step
}

// Cluster is one local cluster, present or not.
type Cluster struct {
	machine.Machine
	options Options
	hosts   inventory.Inventory
}

// Open returns a cluster that exists. The error is inventory.ErrUnknown if it does not.
func Open(o Options) (*Cluster, error) {
	hosts := inventory.Inventory{Root: Home}
	p, err := hosts.Find(o.Name)
	if errors.Is(err, inventory.ErrUnknown) {
		return nil, fmt.Errorf("%w on this host: start it with `localcluster up --name %s`", err, o.Name)
	}
	if err != nil {
		return nil, err
	}
	return &Cluster{Machine: machine.Machine{Plan: p}, options: o, hosts: hosts}, needRoot()
}

// choose returns the cluster that the options mean: the one that exists, or a new one at a free range. The caller holds
// the inventory's lock.
func choose(o Options, hosts inventory.Inventory) (*Cluster, error) {
	c := &Cluster{options: o, hosts: hosts}
	present, err := hosts.Find(o.Name)
	switch {
	case err == nil:
		c.Plan = present
		return c, agree(o, present)
	case !errors.Is(err, inventory.ErrUnknown):
		return nil, err
	}
	c.Name = o.Name // names the link that TakenRanges leaves out
	taken, err := c.takenRanges()
	if err != nil {
		return nil, err
	}
	addresses, err := chooseRange(o.Range, taken)
	if err != nil {
		return nil, err
	}
	dir := o.Dir
	if dir == "" {
		dir = filepath.Join(Home, o.Name)
	}
	if c.Plan, err = plan.New(o.Name, dir, addresses); err != nil {
		return nil, err
	}
	c.DualStack = o.IPv6
	return c, errors.Join(refuseContent(dir), refuseOverlay(filepath.Dir(dir)))
}

// refuseContent protects a folder that something else lives in: all of the state folder is deleted in the end.
func refuseContent(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the state folder: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("state folder %s: it holds files that are no cluster's; empty it or choose another with --dir", dir)
	}
	return nil
}

// agree refuses options that differ from the cluster that exists.
func agree(o Options, present plan.Plan) error {
	if o.Dir != "" && o.Dir != present.Dir {
		return fmt.Errorf("cluster %q exists in %s, not in %s: run `localcluster down --name %s` first", o.Name, present.Dir, o.Dir, o.Name)
	}
	if o.Range != "" && o.Range != present.Range.String() {
		return fmt.Errorf("cluster %q exists at %s, not at %s: run `localcluster down --name %s` first", o.Name, present.Range, o.Range, o.Name)
	}
	if o.IPv6 && !present.DualStack {
		return fmt.Errorf("cluster %q exists without IPv6: run `localcluster down --name %s` first", o.Name, o.Name)
	}
	return nil
}

// chooseRange parses the wanted range, or takes a free one.
func chooseRange(wanted string, taken []netip.Prefix) (netip.Prefix, error) {
	if wanted == "" {
		return plan.FirstFree(taken)
	}
	addresses, err := netip.ParsePrefix(wanted)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("address range %q: want an IPv4 range such as 10.85.0.0/16", wanted)
	}
	if other := plan.Overlapping(addresses, taken); other.IsValid() {
		return netip.Prefix{}, fmt.Errorf("address range %s: this host already uses %s; choose another with --cidr", addresses, other)
	}
	return addresses, nil
}

// takenRanges returns the ranges that the host or another cluster uses.
func (c *Cluster) takenRanges() ([]netip.Prefix, error) {
	taken, err := c.TakenRanges()
	if err != nil {
		return nil, err
	}
	others, err := c.hosts.All()
	if err != nil {
		return nil, err
	}
	for _, other := range others {
		taken = append(taken, other.Range)
	}
	return taken, nil
}

// program returns the path of a program that `make localcluster` built.
func (c *Cluster) program(name string) string { return filepath.Join(c.options.Programs, name) }

// sayf writes one line of progress.
func (c *Cluster) sayf(format string, arguments ...any) {
	_, _ = fmt.Fprintf(c.options.Progress, format+"\n", arguments...) // progress that cannot be shown stops nothing
}

// AdminKubeconfig is the file that `localcluster kubeconfig` prints.
func (c *Cluster) AdminKubeconfig() string { return c.Path("config", "admin.kubeconfig") }

// write creates or replaces a file of the cluster, readable for its owner only. A file that says the same already is not
// touched: kube-proxy ends when its configuration is written.
func write(path string, text []byte) error {
	if present, err := os.ReadFile(path); err == nil && bytes.Equal(present, text) {
		return nil
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return fmt.Errorf("writing a file of the cluster: %w", err)
	}
	return nil
}
