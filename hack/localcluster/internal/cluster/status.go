//go:build linux

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/portolan-io/portolan/hack/localcluster/internal/process"
)

// ErrDegraded says that a cluster exists and a part of it does not work. `localcluster up` repairs it.
var ErrDegraded = errors.New("the cluster does not work whole: repair it with `localcluster up`")

// Part is the state of one part of a cluster.
type Part struct {
	Name string
	PID  int   // of a component that runs, else 0
	Err  error // what is wrong, nil if nothing
}

// Status returns the components in the order in which they start, then the node, the name server and the policies.
func (c *Cluster) Status(ctx context.Context) []Part {
	return append(c.processes(), c.services(ctx)...)
}

// processes returns the state of the components.
func (c *Cluster) processes() []Part {
	var parts []Part
	for _, each := range slices.Concat([]component{c.keeper()}, controlPlane(c.Plan), clients(c.Plan)) {
		part := Part{Name: each.name}
		if r := process.Load(c.record(each)); r.Alive() {
			part.PID = r.PID
		} else {
			part.Err = fmt.Errorf("not running (log: %s)", c.log(each))
		}
		parts = append(parts, part)
	}
	return parts
}

// services returns the state of what the components do together.
func (c *Cluster) services(ctx context.Context) []Part {
	a, err := c.api()
	if err != nil {
		return []Part{{Name: "API", Err: err}}
	}
	defer a.close()
	return []Part{
		{Name: "API", Err: a.get(ctx, "/readyz", nil)},
		{Name: "node", Err: c.nodeReady(ctx, a)},
		{Name: "names", Err: c.namesReady(ctx)},
		{Name: "policies", Err: c.policiesReady(ctx)},
	}
}

// Kubeconfig returns the administrator's kubeconfig, which works on the host and in the cluster's network.
func (c *Cluster) Kubeconfig() ([]byte, error) {
	text, err := os.ReadFile(c.AdminKubeconfig())
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig (the cluster may not be up): %w", err)
	}
	return text, nil
}

// Run replaces this process by a command in the cluster's network namespace, with KUBECONFIG set to the administrator's
// unless env names one. It returns only on errors.
func (c *Cluster) Run(command, env []string) error {
	if !c.Exists() {
		return fmt.Errorf("cluster %q is not up: run `localcluster up --name %s`", c.Name, c.Name)
	}
	const variable = "KUBECONFIG="
	if !slices.ContainsFunc(env, func(e string) bool { return strings.HasPrefix(e, variable) }) {
		env = append(env, variable+c.AdminKubeconfig())
	}
	return c.Exec(command, env)
}
