//go:build linux

// Package netpol enforces NetworkPolicies on the node with kube-router's controller, as a program of its own.
//
// It must not do anything else that kube-router can do: routes are the bridge's and services are kube-proxy's.
package netpol

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/cloudnativelabs/kube-router/pkg/controllers/netpol"
	"github.com/cloudnativelabs/kube-router/pkg/healthcheck"
	"github.com/cloudnativelabs/kube-router/pkg/options"
	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// settings is what the command can be told.
type settings struct {
	kubeconfig string        // path of the file with the API server and the identity to use
	node       string        // name of the Node object of this machine
	services   string        // range of ClusterIPs
	period     time.Duration // time between two full passes, besides one after every change
}

// NewCommand returns the command that enforces the policies for one node until it gets SIGINT or SIGTERM.
func NewCommand() *cobra.Command {
	s := settings{period: 30 * time.Second}
	cmd := &cobra.Command{
		Use:          "netpol",
		Short:        "Enforce NetworkPolicies on this node",
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			return run(ctx, s)
		},
	}
	cmd.Flags().StringVar(&s.kubeconfig, "kubeconfig", "", "file with the API server and the identity to use")
	cmd.Flags().StringVar(&s.node, "node", "", "name of the Node of this machine")
	cmd.Flags().StringVar(&s.services, "service-cidr", "", "range of the addresses of Services")
	cmd.Flags().DurationVar(&s.period, "period", s.period, "time between two full passes, besides one after every change")
	return cmd
}

// run watches pods, policies and namespaces and keeps the node's packet filter in step with them until ctx ends.
func run(ctx context.Context, s settings) error {
	config, err := clientcmd.BuildConfigFromFlags("", s.kubeconfig)
	if err != nil {
		return fmt.Errorf("reading the kubeconfig %q: %w", s.kubeconfig, err)
	}
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("making the API client: %w", err)
	}
	if err := awaitNode(ctx, client, s.node); err != nil {
		return err
	}
	return enforce(ctx, client, s)
}

// awaitNode waits until the Node object exists and has an address, without which the controller cannot be made.
func awaitNode(ctx context.Context, client kubernetes.Interface, name string) error {
	err := wait.PollUntilContextCancel(ctx, 250*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		node, err := client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		return err == nil && len(node.Status.Addresses) > 0, nil
	})
	if err != nil {
		return fmt.Errorf("waiting for the node %q: %w", name, err)
	}
	return nil
}

// enforce runs the controller on shared informers until ctx ends.
func enforce(ctx context.Context, client kubernetes.Interface, s settings) error {
	factory := informers.NewSharedInformerFactory(client, 0)
	pods := factory.Core().V1().Pods().Informer()
	policies := factory.Networking().V1().NetworkPolicies().Informer()
	namespaces := factory.Core().V1().Namespaces().Informer()
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), pods.HasSynced, policies.HasSynced, namespaces.HasSynced) {
		return errors.New("reading pods, policies and namespaces: stopped before the first answer")
	}

	config := options.NewKubeRouterConfig()
	config.HostnameOverride = s.node
	config.ClusterIPCIDR = s.services
	config.IPTablesSyncPeriod = s.period
	controller, err := netpol.NewNetworkPolicyController(client, config, pods, policies, namespaces, &sync.Mutex{})
	if err != nil {
		return fmt.Errorf("making the policy controller: %w", err)
	}
	for informer, handler := range map[cache.SharedIndexInformer]cache.ResourceEventHandler{
		pods: controller.PodEventHandler, policies: controller.NetworkPolicyEventHandler, namespaces: controller.NamespaceEventHandler,
	} {
		if _, err := informer.AddEventHandler(handler); err != nil {
			return fmt.Errorf("watching for changes: %w", err)
		}
	}

	heartbeats := make(chan *healthcheck.ControllerHeartbeat, 1)
	go drain(ctx, heartbeats)
	var running sync.WaitGroup
	running.Add(1)
	controller.Run(heartbeats, ctx.Done(), &running)
	running.Wait()
	return nil
}

// drain takes the controller's heartbeats, which it would otherwise wait to deliver.
func drain(ctx context.Context, heartbeats <-chan *healthcheck.ControllerHeartbeat) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-heartbeats:
		}
	}
}
