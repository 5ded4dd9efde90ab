package role

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/portolan-io/portolan/controllers"
	"github.com/portolan-io/portolan/internal/cluster/live"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/policy"
	"github.com/portolan-io/portolan/internal/resolve"
	"github.com/portolan-io/portolan/internal/store"
	"github.com/portolan-io/portolan/internal/trust"
	"github.com/portolan-io/portolan/internal/wire"
)

// leaseName is the Lease by which one replica leads.
const leaseName = "portolan-operator"

// OperatorOptions is everything the operator can be told.
type OperatorOptions struct {
	Version string

	Map, Rules     bool   // the halves of the operator
	WriteIntents   string // off, propose or apply
	Namespace      string // the operator's own
	AgentNamespace string
	AgentAccount   string // ServiceAccount of the agents
	Service        string // name of the operator's Service
	LeaderElection bool

	Mode               string // defaultActive or defaultShadow
	EnforcedNamespaces []string
	WatchNamespaces    []string
	NetworkPolicies    bool
	Egress             bool

	ClusterDomains    []string
	ExcludeNamespaces []string
	External          bool          // keep edges across the border of the cluster
	Retention         time.Duration // how long an edge that is not seen stays
	Waiting           int           // sightings that may wait for the cluster to know their parties
	MaxEdges          int           // in the map
	CountWindow       time.Duration // over which the activity of an edge is counted
	Knowing           KnowingOptions
	Naming            NamingOptions

	Store         string        // where the map is kept; see store.Parse
	FlushInterval time.Duration // between two commits
	History       time.Duration // how long what left the map can be asked for
	SpellGap      time.Duration // silence after which an edge has vanished

	Listen  string // address for agents and people, TLS
	Query   string // address that only a port-forward reaches
	Health  string
	Metrics string
}

// The modes, as Otterize spells them.
const (
	defaultActive = "defaultActive"
	defaultShadow = "defaultShadow"
)

// DefaultOperatorOptions returns what the operator does when it is told nothing.
func DefaultOperatorOptions(version string) OperatorOptions {
	return OperatorOptions{
		Version: version,
		Map:     true, Rules: true, WriteIntents: string(controllers.WritePropose),
		Namespace: "portolan-system", AgentNamespace: "portolan-agent", AgentAccount: "portolan-agent",
		Service: "portolan-operator", LeaderElection: true,
		Mode: defaultActive, NetworkPolicies: true,
		ExcludeNamespaces: []string{"istio-system", "linkerd"}, External: true, Retention: 30 * 24 * time.Hour,
		Waiting: resolve.DefaultRoomLimit, MaxEdges: graph.DefaultLimits().Edges, CountWindow: time.Minute,
		Knowing: defaultKnowingOptions(), Naming: defaultNamingOptions(),
		Store: "sqlite:///var/lib/portolan/map.db", FlushInterval: 500 * time.Millisecond,
		History: 90 * 24 * time.Hour, SpellGap: 7 * 24 * time.Hour,
		Listen: ":9443", Query: "127.0.0.1:9090", Health: ":8081", Metrics: ":2112",
	}
}

// AddFlags registers one flag per field; the field's present value is the default.
func (o *OperatorOptions) AddFlags(fs *pflag.FlagSet) {
	fs.BoolVar(&o.Map, "map", o.Map, "take sightings from agents and keep the map")
	fs.BoolVar(&o.Rules, "rules", o.Rules, "reconcile ClientIntents into policies")
	fs.StringVar(&o.WriteIntents, "write-intents", o.WriteIntents, "what becomes of discovered edges: off, propose (ClientIntents in shadow mode) or apply (in force at once, also what an intruder tries)")
	fs.StringVar(&o.Namespace, "pod-namespace", o.Namespace, "namespace of the operator")
	fs.StringVar(&o.AgentNamespace, "agent-namespace", o.AgentNamespace, "namespace of the agents")
	fs.StringVar(&o.AgentAccount, "agent-account", o.AgentAccount, "ServiceAccount of the agents")
	fs.StringVar(&o.Service, "service-name", o.Service, "name of the operator's Service, for its certificate")
	fs.BoolVar(&o.LeaderElection, "leader-election", o.LeaderElection, "write to the cluster only while holding the Lease "+leaseName)
	fs.StringVar(&o.Mode, "mode", o.Mode, "defaultActive enforces every ClientIntents that does not say otherwise; defaultShadow enforces only what says so")
	fs.StringSliceVar(&o.EnforcedNamespaces, "enforced-namespaces", o.EnforcedNamespaces, "namespaces that are enforced although the mode is defaultShadow")
	fs.StringSliceVar(&o.WatchNamespaces, "watch-namespaces", o.WatchNamespaces, "namespaces to see and to write to; empty means all")
	fs.BoolVar(&o.NetworkPolicies, "enable-network-policies", o.NetworkPolicies, "write NetworkPolicies; off removes those of Portolan")
	fs.BoolVar(&o.Egress, "enable-egress", o.Egress, "also restrict what declared clients may call")
	fs.StringSliceVar(&o.ClusterDomains, "cluster-domain", o.ClusterDomains, "domain of cluster DNS names; empty means what the operator's resolv.conf says")
	fs.StringSliceVar(&o.ExcludeNamespaces, "exclude-namespaces", o.ExcludeNamespaces, "namespaces whose traffic is kept out of the map")
	fs.IntVar(&o.Waiting, "waiting-sightings", o.Waiting, "how many sightings may wait for the cluster to know their parties, each for 30 seconds")
	fs.BoolVar(&o.External, "external-traffic", o.External, "keep edges to and from outside the cluster")
	fs.DurationVar(&o.Retention, "retention", o.Retention, "how long an edge that is not seen any more stays in the map")
	fs.IntVar(&o.MaxEdges, "max-edges", o.MaxEdges, "how many edges the map holds; further ones are refused and counted")
	fs.DurationVar(&o.CountWindow, "count-window", o.CountWindow, "over how long the activity of an edge is counted: its connections, and which of them are new and gone")
	o.Knowing.addFlags(fs)
	o.Naming.addFlags(fs)
	fs.StringVar(&o.Store, "store", o.Store, "where the map is kept: sqlite:///path, postgres://user:password@host/database (for several replicas; set PORTOLAN_STORE from a Secret), or memory")
	fs.DurationVar(&o.FlushInterval, "flush-interval", o.FlushInterval, "time between two commits to the store; agents hear that a batch is kept after its commit")
	fs.DurationVar(&o.History, "history", o.History, "how long the history of an edge is kept after it was last seen")
	fs.DurationVar(&o.SpellGap, "spell-gap", o.SpellGap, "silence after which an edge has vanished")
	fs.StringVar(&o.Listen, "listen-address", o.Listen, "address for agents and for --address of the command line, TLS")
	fs.StringVar(&o.Query, "query-address", o.Query, "address for port-forwards, plain; keep it on loopback")
	fs.StringVar(&o.Health, "health-address", o.Health, "address of /healthz and /readyz")
	fs.StringVar(&o.Metrics, "metrics-address", o.Metrics, "address of /metrics; empty for none")
}

// Validate returns one error per wrong field, joined.
func (o OperatorOptions) Validate() error {
	errs := []error{o.settings().Validate(), o.resolving().Validate(), o.Knowing.validate(), o.Naming.validate()}
	if o.Mode != defaultActive && o.Mode != defaultShadow {
		errs = append(errs, fmt.Errorf("mode: valid values are %s and %s, but you specified %q", defaultActive, defaultShadow, o.Mode))
	}
	switch controllers.WriteIntents(o.WriteIntents) {
	case controllers.WriteOff, controllers.WritePropose, controllers.WriteApply:
	default:
		errs = append(errs, fmt.Errorf("write-intents %q: want off, propose or apply", o.WriteIntents))
	}
	if !o.Map && !o.Rules {
		errs = append(errs, errors.New("map and rules are both off: there is nothing to do"))
	}
	if o.Waiting < 1 {
		errs = append(errs, fmt.Errorf("waiting-sightings %d: want at least 1", o.Waiting))
	}
	if o.MaxEdges < 1 {
		errs = append(errs, fmt.Errorf("max-edges %d: want at least 1", o.MaxEdges))
	}
	if o.CountWindow < time.Second {
		errs = append(errs, fmt.Errorf("count-window %s: want at least 1s", o.CountWindow))
	}
	if o.Retention < time.Hour {
		errs = append(errs, fmt.Errorf("retention %s: want at least 1h", o.Retention))
	}
	return errors.Join(append(errs, o.validateStore())...)
}

// validateStore checks what is said of the store.
func (o OperatorOptions) validateStore() error {
	_, err := store.Parse(o.Store)
	errs := []error{err}
	if o.FlushInterval < 10*time.Millisecond || o.FlushInterval > time.Second {
		errs = append(errs, fmt.Errorf("flush-interval %s: want 10ms to 1s", o.FlushInterval))
	}
	if o.History < o.Retention {
		errs = append(errs, fmt.Errorf("history %s: want at least the retention, %s", o.History, o.Retention))
	}
	if o.SpellGap < time.Minute {
		errs = append(errs, fmt.Errorf("spell-gap %s: want at least 1m", o.SpellGap))
	}
	return errors.Join(errs...)
}

// settings are the options that the rules read.
func (o OperatorOptions) settings() policy.Settings {
	s := policy.Defaults()
	if o.Mode == defaultShadow {
		s.Mode = policy.ModeShadow
	}
	s.EnforcedNamespaces, s.WatchedNamespaces = o.EnforcedNamespaces, o.WatchNamespaces
	s.NetworkPolicies, s.Egress = o.NetworkPolicies, o.Egress
	return s
}

// resolving are the options that resolution reads. Portolan's own traffic is kept out of the map.
func (o OperatorOptions) resolving() resolve.Options {
	r := resolve.DefaultOptions()
	r.ClusterDomains, r.External = o.ClusterDomains, o.External
	r.ExcludedNamespaces = append(resolve.ParseNamespaces(strings.Join(o.ExcludeNamespaces, ",")), o.Namespace, o.AgentNamespace)
	o.Knowing.apply(&r)
	r.DNSServers, _ = o.Naming.servers()
	return r
}

// writes is what discovery does; without the map there is nothing to discover.
func (o OperatorOptions) writes() controllers.WriteIntents {
	if !o.Map {
		return controllers.WriteOff
	}
	return controllers.WriteIntents(o.WriteIntents)
}

func (o OperatorOptions) agentAccount() wire.Account {
	return wire.Account{Namespace: o.AgentNamespace, Name: o.AgentAccount}
}

func (o OperatorOptions) keeper(c *clients, log *slog.Logger) *trust.Keeper {
	host := o.Service + "." + o.Namespace + ".svc"
	return &trust.Keeper{
		Secrets:    c.kubernetes.CoreV1().Secrets(o.Namespace),
		ConfigMaps: c.kubernetes.CoreV1().ConfigMaps(o.AgentNamespace),
		Names:      []string{host, host + ".cluster.local", o.Service + "." + o.Namespace, o.Service, "localhost", "127.0.0.1"},
		Serving:    &wire.Serving{}, Now: time.Now, Log: log,
	}
}

// notReady says why this replica is not ready; empty when it is. Leading is not asked for: a standby is ready too.
func (o OperatorOptions) notReady(world *live.World, serving *wire.Serving) string {
	var missing []string
	if !world.Synced() {
		missing = append(missing, "the picture of the cluster is not complete yet")
	}
	if !serving.Ready() {
		missing = append(missing, "there is no certificate to serve agents with yet")
	}
	return strings.Join(missing, "; ")
}
