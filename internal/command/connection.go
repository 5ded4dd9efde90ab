package command

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/client-go/kubernetes"
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

	signsIn bool // the operator has to know who asks, also through a tunnel

	timeout time.Duration // of one query, finding the operator included; 0 means none
	debug   bool
	version string // of this program
}

// queryPort is where the operator answers port-forwards.
const queryPort = 9090

func newConnection(version string) *connection {
	return &connection{port: queryPort, timeout: 30 * time.Second, version: version}
}

func (c *connection) addFlags(fs *pflag.FlagSet) {
	c.addKubectlFlags(fs)
	fs.StringVar(&c.namespace, "mapper-namespace", "", "namespace of the operator; empty means look for it")
	fs.StringVar(&c.service, "mapper-service-name", "", "name of the operator's Service; empty means look for it")
	fs.IntVar(&c.port, "mapper-service-port", queryPort, "port on which the operator answers port-forwards")
	fs.StringVar(&c.address, "address", "", "ask the operator at https://host:port directly, without a port-forward")
	fs.StringVar(&c.caFile, "ca-file", "", "PEM file of the authority that signs the certificate at --address; empty means those of the system")
	fs.StringVar(&c.tokenFile, "token-file", "", "file with the bearer token for --address, as \"kubectl create token\" makes it; its user needs the ClusterRole portolan-map-reader, and to reset portolan-map-resetter")
	fs.DurationVar(&c.timeout, "timeout", c.timeout, "limit for one query, connection included; 0 means none")
	fs.BoolVar(&c.debug, "debug", false, "say on standard error what is asked, whom, and how long it takes")
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
	case c.address == "" && c.tokenFile != "" && !c.signsIn:
		return flagError{errors.New("flag --token-file needs --address")}
	}
	return nil
}

// reached is an operator that answers, and what the way to it showed.
type reached struct {
	*query.Client
	cluster     kubernetes.Interface // nil when the operator was asked directly
	ready, pods int                  // of the operator, where the cluster said so
}

// question asks an operator. It is called again with another pod of the operator when one cannot be reached.
type question func(ctx context.Context, operator reached) error

// ask calls q with the operator, within the timeout. An error says what failed, and what to do about it.
func (c *connection) ask(cmd *cobra.Command, q question) error {
	if err := c.validate(); err != nil {
		return err
	}
	ctx, began := cmd.Context(), time.Now()
	if c.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	say := func(format string, args ...any) {
		if c.debug {
			fmt.Fprintf(cmd.ErrOrStderr(), "debug: %6s "+format+"\n", append([]any{time.Since(began).Round(time.Millisecond)}, args...)...)
		}
	}
	err := c.askBy(ctx, say, q)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && err != nil {
		return hinted{fmt.Errorf("operator did not answer within %s", c.timeout), "raise --timeout or narrow with -n"}
	}
	say("done")
	return err
}

// sayf tells what happens, for those who look for a fault.
type sayf func(format string, args ...any)

func (c *connection) askBy(ctx context.Context, say sayf, q question) error {
	if c.address != "" {
		client, err := c.direct()
		if err != nil {
			return err
		}
		say("the operator is at %s", c.address)
		return c.unanswered(q(ctx, reached{Client: client}))
	}
	config, contextName, err := c.kubernetes()
	if err != nil {
		return err
	}
	say("the cluster of context %q is at %s", contextName, config.Host)
	f, err := newFinder(config, contextName, c)
	if err != nil {
		return err
	}
	if c.signsIn {
		if f.sign, err = c.signature(config, contextName); err != nil {
			return err
		}
	}
	return f.ask(ctx, say, q)
}

// unanswered puts into words why an operator at an address did not answer. What it did answer stays as it is.
func (c *connection) unanswered(err error) error {
	var answer *query.AnswerError
	var other *otherVersionError
	if err == nil || errors.As(err, &answer) || errors.As(err, &other) {
		return err
	}
	err = fmt.Errorf("operator at %s cannot be asked: %w", c.address, err)
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); unknown {
		return hinted{err, `pass the operator's authority with --ca-file: the key ca.crt of ConfigMap portolan-ca in the agents' namespace`}
	}
	if other, misnamed := errors.AsType[x509.HostnameError](err); misnamed {
		return hinted{err, "an address has no name of its own: add --tls-server-name " + certified(other.Certificate)}
	}
	return err
}

// certified returns a name that a certificate is for: the first that others than its own machine can use.
func certified(c *x509.Certificate) string {
	for _, name := range c.DNSNames {
		if name != "localhost" {
			return name
		}
	}
	return "with a name that the operator's certificate has"
}

// fits refuses an operator of another major version, whose answers this program could misread.
func (c *connection) fits(operator string) error {
	own, theirs := major(c.version), major(operator)
	if own == "" || theirs == "" || own == theirs {
		return nil
	}
	return &otherVersionError{operator: operator, own: c.version}
}

// otherVersionError is an operator whose major version is not that of this program.
type otherVersionError struct{ operator, own string }

// Error implements error.
func (e *otherVersionError) Error() string {
	return fmt.Sprintf("operator is %s and this is %s: use a command line of the operator's major version", e.operator, e.own)
}

// major returns the major version of "v1.2.3", or nothing for a version that says none.
func major(version string) string {
	first, _, released := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	if !released || strings.HasSuffix(version, "-unknown") {
		return ""
	}
	return first
}

// kubernetes returns the configuration of the cluster and the name of the context, for people.
func (c *connection) kubernetes() (*rest.Config, string, error) {
	klog.LogToStderr(false) // what its libraries log, an error says better
	klog.SetOutput(io.Discard)
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
