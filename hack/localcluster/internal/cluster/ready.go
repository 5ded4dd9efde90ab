//go:build linux

package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// awaitAPI returns when the API server is ready to serve.
func (c *Cluster) awaitAPI(ctx context.Context, a *api) error {
	return until(ctx, func(ctx context.Context) error { return a.get(ctx, "/readyz", nil) })
}

// awaitComponents returns when every component runs.
func (c *Cluster) awaitComponents(ctx context.Context) error {
	return until(ctx, func(context.Context) error {
		for _, part := range c.processes() {
			if part.Err != nil {
				return fmt.Errorf("%s: %w", part.Name, part.Err)
			}
		}
		return nil
	})
}

// awaitNode returns when the node takes pods.
func (c *Cluster) awaitNode(ctx context.Context, a *api) error {
	return until(ctx, func(ctx context.Context) error { return c.nodeReady(ctx, a) })
}

// nodeReady says what keeps the node from taking pods.
func (c *Cluster) nodeReady(ctx context.Context, a *api) error {
	var node corev1.Node
	if err := a.get(ctx, "/api/v1/nodes/"+c.NodeName(), &node); err != nil {
		return err
	}
	i := slices.IndexFunc(node.Status.Conditions, func(d corev1.NodeCondition) bool { return d.Type == corev1.NodeReady })
	if i < 0 {
		return errors.New("the node has not reported yet")
	}
	if d := node.Status.Conditions[i]; d.Status != corev1.ConditionTrue {
		return fmt.Errorf("the node is not ready: %s", d.Message)
	}
	return nil
}

// awaitNames returns when the name server answers at its Service address: that proves CoreDNS and kube-proxy.
func (c *Cluster) awaitNames(ctx context.Context) error { return until(ctx, c.namesReady) }

// namesReady asks the name server for a Service that every cluster has.
func (c *Cluster) namesReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*pause)
	defer cancel()
	server := net.JoinHostPort(c.DNS().String(), "53")
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, server)
	}}
	got, err := resolver.LookupNetIP(ctx, "ip4", "kubernetes.default.svc.cluster.local.")
	if err != nil {
		return fmt.Errorf("asking the name server: %w", err)
	}
	if len(got) != 1 || got[0] != c.Kubernetes() {
		return fmt.Errorf("the name server answers %v for the Service kubernetes, want %s", got, c.Kubernetes())
	}
	return nil
}

// awaitPolicies returns when NetworkPolicies are enforced.
func (c *Cluster) awaitPolicies(ctx context.Context) error { return until(ctx, c.policiesReady) }

// policiesReady looks for the chain through which every packet of a pod goes once the policy controller has made its first pass.
func (c *Cluster) policiesReady(ctx context.Context) error {
	iptables, err := find("iptables")
	if err != nil {
		return err
	}
	return c.Do(func() error {
		cmd := exec.CommandContext(ctx, iptables, "-w", "-S", "KUBE-ROUTER-FORWARD")
		cmd.Env = []string{"PATH=" + searchPath}
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("looking for the policy chain: %s: %w", text, err)
		}
		return nil
	})
}
