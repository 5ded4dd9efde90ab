//go:build linux

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/portolan-io/portolan/hack/localcluster/internal/inventory"
	"github.com/portolan-io/portolan/hack/localcluster/internal/machine"
)

// Down removes the cluster: its processes, its machine, its folder and its entry in the inventory, in the order that lets a killed Down
// be repeated. A cluster that does not exist is down already.
func Down(ctx context.Context, o Options) error {
	if err := needRoot(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.Timeout, fmt.Errorf("not down after %s", o.Timeout))
	defer cancel()
	hosts := inventory.Inventory{Root: Home}
	release, err := hosts.Lock(ctx, func() { _, _ = fmt.Fprintln(o.Progress, "waiting for another localcluster command") })
	if err != nil {
		return err
	}
	defer release()
	c, err := Open(o)
	if errors.Is(err, inventory.ErrUnknown) {
		_, _ = fmt.Fprintf(o.Progress, "there is no cluster %q\n", o.Name)
		return hosts.Remove(o.Name)
	}
	if err != nil {
		return err
	}
	c.sayf("%s: ending its processes, removing its machine", c.Name)
	if err := c.Destroy(ctx); err != nil {
		return fmt.Errorf("taking down cluster %q: %w", c.Name, err)
	}
	if err := c.removeFolder(); err != nil {
		return err
	}
	if err := c.hosts.Remove(c.Name); err != nil {
		return err
	}
	c.sayf("cluster %q is gone", c.Name)
	return nil
}

// removeFolder deletes the state folder, unless a mount in it could lead elsewhere.
func (c *Cluster) removeFolder() error {
	if err := c.refuseMounts(); err != nil {
		return err
	}
	if err := os.RemoveAll(c.Dir); err != nil {
		return fmt.Errorf("removing the state folder: %w", err)
	}
	return nil
}

// refuseMounts returns an error if something is mounted in the state folder: deleting it would delete what is mounted.
func (c *Cluster) refuseMounts() error {
	mounts, err := machine.MountsBelow(c.Dir)
	if err != nil {
		return err
	}
	if len(mounts) > 0 {
		return fmt.Errorf("the state folder %s has mounts that are not the cluster's: unmount %s", c.Dir, strings.Join(mounts, " "))
	}
	return nil
}
