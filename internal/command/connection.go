package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"github.com/portolan-io/portolan/internal/query"
)

// connection says how a command reaches the operator: through the cluster of a kubeconfig, or directly.
type connection struct {
	kubeconfig string
	overrides  clientcmd.ConfigOverrides

	namespace, service string // of the operator's Service; empty means discover
	port               int    // of the Service or of the pod

	address, caFile, tokenFile string // direct

	timeout time.Duration // of one query, finding the operator included; 0 means none
}

// queryPort is where the operator answers port-forwards.
const queryPort = 9090

func newConnection() *connection { return &connection{port: queryPort, timeout: 30 * time.Second} }

func (c *connection) addFlags(fs *pflag.FlagSet) {
	c.addKubectlFlags(fs)
	fs.StringVar(&c.namespace, "mapper-namespace", "", "namespace of the operator; empty means look for it")
	fs.StringVar(&c.service, "mapper-service-name", "", "name of the operator's Service; empty means look for it")
	fs.IntVar(&c.port, "mapper-service-port", queryPort, "port on which the operator answers port-forwards")
	fs.StringVar(&c.address, "address", "", "ask the operator at https://host:port directly, without a port-forward")
	fs.StringVar(&c.caFile, "ca-file", "", "PEM file of the authority that signs the certificate at --address; empty means those of the system")
	fs.StringVar(&c.tokenFile, "token-file", "", "file with the bearer token for --address")
	fs.DurationVar(&c.timeout, "timeout", c.timeout, "limit for one query, connection included; 0 means none")
}

// addKubectlFlags adds the flags by which kubectl chooses a cluster, but for two: here -n is a list of namespaces, and
// --server names a workload.
func (c *connection) addKubectlFlags(fs *pflag.FlagSet) {
	fs.StringVar(&c.kubeconfig, "kubeconfig", "", "Path to the kubeconfig file")
	flags := clientcmd.RecommendedConfigOverrideFlags("")
	flags.ContextOverrideFlags.Namespace, flags.ClusterOverrideFlags.APIServer = clientcmd.FlagInfo{}, clientcmd.FlagInfo{}
	flags.AuthOverrideFlags.Username, flags.AuthOverrideFlags.Password = clientcmd.FlagInfo{}, clientcmd.FlagInfo{}
	clientcmd.BindOverrideFlags(&c.overrides, fs, flags)
}

// validate refuses what cannot work before anything is contacted.
func (c *connection) validate() error {
	switch {
	case c.timeout < 0:
		return flagError{fmt.Errorf("timeout %s: want 0 or more", c.timeout)}
	case c.port < 1 || c.port > 1<<16-1:
		return flagError{fmt.Errorf("mapper-service-port %d: want 1 to 65535", c.port)}
	case c.address == "" && c.caFile != "":
		return flagError{errors.New("flag --ca-file needs --address")}
	case c.address == "" && c.tokenFile != "":
		return flagError{errors.New("flag --token-file needs --address")}
	}
	return nil
}

// ask calls question with a client of the operator, within the timeout.
func (c *connection) ask(ctx context.Context, question func(context.Context, *query.Client) error) error {
	if c.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	if c.address != "" {
		client, err := c.direct()
		if err != nil {
			return err
		}
		return c.late(ctx, "operator", question(ctx, client))
	}
	client, closeTunnel, err := c.tunnelled(ctx)
	if err != nil {
		return c.late(ctx, "cluster", err)
	}
	defer closeTunnel()
	return c.late(ctx, "operator", question(ctx, client))
}

// late puts an answer that did not come in time into words.
func (c *connection) late(ctx context.Context, who string, err error) error {
	if err == nil || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return err
	}
	return hinted{fmt.Errorf("%s did not answer within %s", who, c.timeout), "raise --timeout or narrow with -n"}
}

// tunnelled finds the operator in the cluster and opens a tunnel to it.
func (c *connection) tunnelled(ctx context.Context) (*query.Client, func(), error) {
	config, name, err := c.kubernetes()
	if err != nil {
		return nil, nil, err
	}
	found, err := newFinder(config, name, c)
	if err != nil {
		return nil, nil, err
	}
	return found.reach(ctx)
}

// kubernetes returns the configuration of the cluster and the name of the context, for people.
func (c *connection) kubernetes() (*rest.Config, string, error) {
	klog.LogToStderr(false) // what its libraries log, an error says better
	klog.SetOutput(discard{})
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = c.kubeconfig
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &c.overrides)
	config, err := loader.ClientConfig()
	switch {
	case clientcmd.IsEmptyConfig(err):
		return nil, "", c.noCluster()
	case err != nil:
		return nil, "", fmt.Errorf("reading the kubeconfig: %w", err)
	}
	name := c.overrides.CurrentContext
	if raw, err := loader.RawConfig(); err == nil && name == "" {
		name = raw.CurrentContext
	}
	return config, name, nil
}

func (c *connection) noCluster() error {
	const what = "no cluster configured"
	if file := c.kubeconfig; file != "" {
		return fmt.Errorf("%s: the kubeconfig %s names no cluster", what, file)
	}
	if list := os.Getenv(clientcmd.RecommendedConfigPathEnvVar); list != "" {
		return fmt.Errorf("%s: KUBECONFIG is %q and names no cluster", what, list)
	}
	return fmt.Errorf("%s: KUBECONFIG is unset and the default kubeconfig does not exist", what)
}

// discard drops what is written to it.
type discard struct{}

// Write implements io.Writer.
func (discard) Write(p []byte) (int, error) { return len(p), nil }
