//go:build linux

// Command kube is every Kubernetes program of the local cluster in one binary: it runs the component that its own name,
// or else its first argument, says. One binary is built and linked once where eight would be, and they share most packages.
//
// It must not decide how a component is configured: flags and files come from the caller, as for the upstream programs.
package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	_ "time/tzdata" // CronJobs name time zones, and the machine may have no database of them

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // request metrics of every client in /metrics
	_ "k8s.io/component-base/metrics/prometheus/version"  // kubernetes_build_info in /metrics
	kubectl "k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"

	"github.com/portolan-io/portolan/hack/localcluster/internal/netpol"
)

// components maps the name of a program to the constructor of its command.
func components(ctx context.Context) map[string]func() *cobra.Command {
	return map[string]func() *cobra.Command{
		"kube-apiserver":          apiserver.NewAPIServerCommand,
		"kube-controller-manager": controllers.NewControllerManagerCommand,
		"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
		"kube-proxy":              proxy.NewProxyCommand,
		"kubelet":                 func() *cobra.Command { return kubelet.NewKubeletCommand(ctx) },
		"kubectl":                 kubectl.NewDefaultKubectlCommand,
		"netpol":                  netpol.NewCommand,
	}
}

func main() {
	os.Exit(run(context.Background()))
}

// run starts the wanted component and returns its exit code. The components read os.Args themselves, so it is set to what
// they would see as programs of their own.
func run(ctx context.Context) int {
	name := filepath.Base(os.Args[0])
	known := components(ctx)
	if !isComponent(known, name) {
		if len(os.Args) < 2 || !isComponent(known, os.Args[1]) {
			names := slices.Sorted(maps.Keys(known))
			fmt.Fprintf(os.Stderr, "usage: %s COMPONENT [ARGS], where COMPONENT is etcd, %s\n", name, strings.Join(names, ", "))
			return 2
		}
		os.Args = os.Args[1:]
		name = os.Args[0]
	}
	switch name {
	case "etcd":
		etcdmain.Main(os.Args) // exits by itself on errors
	case "kubectl":
		util.CheckErr(cli.RunNoErrOutput(known[name]())) // prints the error as kubectl does, and exits with its code
	default:
		return cli.Run(known[name]())
	}
	return 0
}

// isComponent reports whether name is one of the programs in this binary.
func isComponent(known map[string]func() *cobra.Command, name string) bool {
	_, ok := known[name]
	return ok || name == "etcd"
}
