//go:build linux

package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/portolan-io/portolan/hack/localcluster/internal/config"
	"github.com/portolan-io/portolan/hack/localcluster/internal/inventory"
	"github.com/portolan-io/portolan/hack/localcluster/internal/machine"
)

// Up brings the cluster up: when it returns nil the node is Ready, names resolve, and policies are enforced. On a cluster
// that runs it changes nothing; components that have died are started again with their data. What a killed Up or a reboot
// left behind is removed or used.
func Up(ctx context.Context, o Options) error {
	began := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, o.Timeout, fmt.Errorf("not up after %s", o.Timeout))
	defer cancel()
	c := &Cluster{options: o, hosts: inventory.Inventory{Root: Home}}
	if err := c.checkHost(ctx); err != nil {
		return err
	}
	release, err := c.hosts.Lock(ctx, func() { c.sayf("waiting for another localcluster command") })
	if err != nil {
		return err
	}
	defer release()
	if c, err = choose(o, c.hosts); err != nil {
		return err
	}
	if err := c.up(ctx); err != nil {
		return fmt.Errorf("bringing up cluster %q: %w", c.Name, err)
	}
	c.sayf("cluster %q is up after %.1f s: %s, node %s", c.Name, time.Since(began).Seconds(), c.APIServer(), c.NodeName())
	return nil
}

// step is one step of up. Each leaves what is right as it is.
type step struct {
	making, checking string // what it does for a new cluster, and for one whose machine is there; empty if it does nothing
	act              func() error
}

// up goes through the steps, unless the cluster works whole.
func (c *Cluster) up(ctx context.Context) error {
	present := c.Exists()
	if present && whole(c.Status(ctx)) {
		c.sayf("%s: is up", c.Name)
		return nil
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	for _, step := range c.steps(ctx, end) {
		doing := step.making
		if present {
			doing = step.checking
		}
		if doing == "" {
			continue
		}
		c.sayf("%s: %s", c.Name, doing)
		if err := step.act(); err != nil {
			return fmt.Errorf("%s: %w", doing, err)
		}
	}
	return nil
}

// whole reports whether every part works.
func whole(parts []Part) bool {
	return !slices.ContainsFunc(parts, func(p Part) bool { return p.Err != nil })
}

// steps returns the way from nothing, or from a part of a cluster, to a cluster that works. end ends the context of the steps.
func (c *Cluster) steps(ctx context.Context, end context.CancelCauseFunc) []step {
	const network, files = "its network, mounts and control groups", "certificates and configuration"
	const components, last = "starting the components that do not run", "waiting for the node, names and policies"
	return []step{
		{"clearing what an earlier run may have left", "", func() error { return c.clear(ctx) }},
		{"creating " + network, "checking " + network, c.createMachine},
		{"making " + files, "checking " + files, c.makeFiles},
		{"starting the components", components, func() error { return c.startKeeper(ctx, end) }},
		{"waiting for the API server, loading images", "waiting for the API server, checking images", func() error {
			return together(
				func() error { return c.withAPI(func(a *api) error { return c.awaitAPI(ctx, a) }) },
				func() error { return c.loadSystemImages(ctx) })
		}},
		{"applying roles and the name server", "checking roles and the name server", func() error {
			return c.withAPI(func(a *api) error { return c.applyAddons(ctx, a) })
		}},
		{last, last, func() error {
			return together(
				func() error { return c.awaitComponents(ctx) },
				func() error { return c.withAPI(func(a *api) error { return c.awaitNode(ctx, a) }) },
				func() error { return c.awaitNames(ctx) },
				func() error { return c.awaitPolicies(ctx) })
		}},
	}
}

// withAPI lets act talk to the API server.
func (c *Cluster) withAPI(act func(*api) error) error {
	a, err := c.api()
	if err != nil {
		return err
	}
	defer a.close()
	return act(a)
}

// clear removes everything of a cluster whose machine is gone: after a reboot, or when it was never finished.
func (c *Cluster) clear(ctx context.Context) error {
	if c.Exists() {
		return nil
	}
	if err := c.Destroy(ctx); err != nil {
		return err
	}
	return c.removeFolder()
}

// createMachine enters the cluster in the inventory, before anything of it exists, and makes its machine.
func (c *Cluster) createMachine() error {
	if err := c.hosts.Add(c.Plan); err != nil {
		return err
	}
	if err := os.Mkdir(c.Dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("creating the state folder: %w", err)
	}
	for place, folder := range c.PrivateFolders() {
		if err := c.hosts.MakeFolder(place); err != nil {
			return err
		}
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return fmt.Errorf("creating a folder of the machine: %w", err)
		}
	}
	return c.Create()
}

// makeFiles writes certificates, once, and configuration files.
func (c *Cluster) makeFiles() error {
	for _, folder := range []string{"config", "config/cni", "log", "processes", "etcd", "kubelet-plugins"} {
		if err := os.MkdirAll(c.Path(folder), 0o700); err != nil {
			return fmt.Errorf("creating a folder of the cluster: %w", err)
		}
	}
	if err := c.makeCertificates(); err != nil {
		return err
	}
	files, err := c.configFiles()
	if err != nil {
		return err
	}
	for name, text := range files {
		if err := write(c.Path("config", name), text); err != nil {
			return err
		}
	}
	return nil
}

// configFiles renders the configuration files, by name below the folder config.
func (c *Cluster) configFiles() (map[string][]byte, error) {
	kubelet, errKubelet := config.Kubelet(c.Plan, config.KubeletFiles{
		Authority:        c.Path("pki", clusterAuthority+".crt"),
		Certificate:      c.Path("pki", "kubelet-server.crt"),
		Key:              c.Path("pki", "kubelet-server.key"),
		ResolvConf:       c.Path("config", "resolv.conf"),
		ContainerdSocket: c.socket(),
		CgroupRoot:       c.CgroupPath(),
	})
	proxy, errProxy := config.Proxy(c.Plan, c.Path("config", "proxy.kubeconfig"))
	network, errNetwork := config.Network(c.Plan, machine.Bridge)
	containerd := config.Containerd(config.ContainerdFiles{
		Root:        c.Path("containerd"),
		State:       "/run/containerd",
		Socket:      c.socket(),
		CNIPrograms: c.options.Programs,
		CNINetworks: c.Path("config", "cni"),
		PauseImage:  pauseImage,
	})
	return map[string][]byte{
		"kubelet.json":      kubelet,
		"proxy.json":        proxy,
		"cni/pods.conflist": network,
		"containerd.toml":   containerd,
		"resolv.conf":       config.ResolvConf(),
	}, errors.Join(errKubelet, errProxy, errNetwork)
}

// applyAddons creates the objects of the cluster itself. Each is tried until it succeeds: the API server makes its own
// namespaces and roles a moment after it is ready.
func (c *Cluster) applyAddons(ctx context.Context, a *api) error {
	for _, each := range addons(c.Plan) {
		if err := until(ctx, func(ctx context.Context) error { return a.apply(ctx, each.path, each.object) }); err != nil {
			return err
		}
	}
	return nil
}

// together does several things at once and returns the first error.
func together(acts ...func() error) error {
	var g errgroup.Group
	for _, act := range acts {
		g.Go(act)
	}
	return g.Wait()
}
