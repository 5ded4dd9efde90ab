package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster/declared"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/names"
	"github.com/portolan-io/portolan/internal/policy"
)

// Options is everything that the controllers need to know.
type Options struct {
	World   World
	Changes *Changes // to which the owner of World announces its steps; see Changes.Announce

	Rules    bool            // write policies and statuses
	Settings policy.Settings // of the rules; their DNS Services also tell discovery what not to declare

	Discovery WriteIntents  // what to do with discovered edges
	Map       Map           // where they are; may be nil when Discovery is off
	Period    time.Duration // between two looks at the map; 0 means 3 seconds

	Names      *names.Memory // of internet targets; nil leaves status.resolvedIPs alone
	LookupHost LookupHost    // asks for domains that nobody was seen to ask for; nil asks for none

	Writers  int                   // policies that are written at the same time; 0 means 4
	Registry prometheus.Registerer // where the counters are registered
	Now      func() time.Time      // the clock of statuses; nil means time.Now
	Tally    *Tally                // learns which ClientIntents are not Ready; may be nil
}

const (
	defaultPeriod  = 3 * time.Second
	defaultWriters = 4
	tellDelay      = 200 * time.Millisecond // results of one object's subjects that come within it are told together

	firstRetry = 50 * time.Millisecond
	lastRetry  = 2 * time.Minute
)

// Validate returns one error per wrong option, joined.
func (o Options) Validate() error {
	var errs []error
	if o.World == nil || o.Changes == nil || o.Registry == nil {
		errs = append(errs, errors.New("controllers: World, Changes and Registry are needed"))
	}
	switch o.Discovery {
	case WriteOff:
	case WritePropose, WriteApply:
		if o.Map == nil {
			errs = append(errs, fmt.Errorf("write-intents %s: needs the map; run with --map or set %s", o.Discovery, WriteOff))
		}
	default:
		errs = append(errs, fmt.Errorf("write-intents %q: want %s, %s or %s", o.Discovery, WriteOff, WritePropose, WriteApply))
	}
	if err := o.Settings.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("rules: %w", err))
	}
	if o.Writers < 0 || o.Period < 0 {
		errs = append(errs, errors.New("controllers: Writers and Period must not be negative"))
	}
	return errors.Join(errs...)
}

// Add builds every controller that the options ask for and adds it to the manager, which runs them while it leads. The
// manager's REST configuration should have no client-side rate limit: the controllers write little and only what differs.
func Add(ctx context.Context, mgr manager.Manager, o Options) error {
	if err := o.Validate(); err != nil {
		return err
	}
	counters, err := newMetrics(o.Registry)
	if err := errors.Join(err, o.Registry.Register(doubtful{o.World})); err != nil {
		return fmt.Errorf("registering the counters of the controllers: %w", err)
	}
	b := &builder{mgr: mgr, options: o.withDefaults(), metrics: counters, scheme: newScheme()}
	if err := b.addCache(); err != nil {
		return err
	}
	if o.Rules {
		if err := b.addRules(ctx); err != nil {
			return err
		}
	}
	if o.Names != nil {
		if err := b.addAddresses(ctx); err != nil {
			return err
		}
	}
	if o.Discovery != WriteOff {
		return b.addDiscovery(ctx)
	}
	return nil
}

func (o Options) withDefaults() Options {
	if o.Period == 0 {
		o.Period = defaultPeriod
	}
	if o.Writers == 0 {
		o.Writers = defaultWriters
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Tally == nil {
		o.Tally = new(Tally)
	}
	return o
}

// builder builds the controllers of one manager.
type builder struct {
	mgr     manager.Manager
	options Options
	metrics *metrics
	scheme  *runtime.Scheme
	cache   cache.Cache
}

// newScheme knows the kinds that the controllers read or write, and no other.
func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, networkingv1.AddToScheme, declared.AddToScheme} {
		if err := add(scheme); err != nil {
			panic(fmt.Sprintf("registering kinds that are compiled in: %v", err))
		}
	}
	return scheme
}

// addCache adds the cache of what the controllers write. It fills on every replica, so that one that becomes the leader
// can write at once.
func (b *builder) addCache() error {
	var err error
	if b.cache, err = newCache(b.mgr.GetConfig(), b.mgr.GetHTTPClient(), b.scheme, b.options.Settings.WatchedNamespaces); err != nil {
		return err
	}
	return b.mgr.Add(b.cache)
}

// warm makes the cache hold objects of these kinds.
func (b *builder) warm(ctx context.Context, examples ...client.Object) error {
	for _, example := range examples {
		if _, err := b.cache.GetInformer(ctx, example, cache.BlockUntilSynced(false)); err != nil {
			return fmt.Errorf("watching %T: %w", example, err)
		}
	}
	return nil
}

// addRules adds the policy controller, the status controller and the collector of garbage.
func (b *builder) addRules(ctx context.Context) error {
	known := newBook()
	tell, subjects := newInbox[policy.ObjectRef](tellDelay, true), newInbox[identity.Workload](0, false)
	policies, err := b.resource(networkingv1.SchemeGroupVersion, kindNetworkPolicy, "networkpolicies")
	if err != nil {
		return err
	}
	writer := &policyWriter{resource: policies, view: newPolicyView(b.cache)}
	garbage := newCollector(b.options.World, b.options.Settings, writer)
	feed := &follower{
		world: b.options.World, changes: b.options.Changes, book: known, tell: tell.add,
		ready: func() { garbage.allow(); tell.release() }, strays: garbage.look,
	}
	recorder := b.mgr.GetEventRecorder(fieldManager)
	if err := b.addPolicies(ctx, &PolicyReconciler{
		world: b.options.World, settings: b.options.Settings, policies: writer, book: known,
		tell: tell.add, recorder: recorder, metrics: b.metrics,
	}, feed, subjects, garbage); err != nil {
		return err
	}
	if err := b.addStatuses(ctx, &StatusReconciler{
		world: b.options.World, settings: b.options.Settings, book: known, live: b.cache, recorder: recorder,
		subjects: subjects, now: b.options.Now, metrics: b.metrics, told: make(map[policy.ObjectRef]told),
		tally: b.options.Tally,
	}, tell); err != nil {
		return err
	}
	return b.mgr.Add(garbage)
}

func (b *builder) addPolicies(ctx context.Context, r *PolicyReconciler, feed *follower, subjects *inbox[identity.Workload], garbage *collector) error {
	pods, err := b.client(corev1.SchemeGroupVersion)
	if err != nil {
		return err
	}
	r.labels = &podLabeler{api: pods, metrics: b.metrics}
	if err := addIndices(ctx, b.cache); err != nil {
		return err
	}
	return add(b.mgr, "policy", r, b.options.Writers,
		source.TypedKind(b.cache, &networkingv1.NetworkPolicy{}, drift(r.policies.view, r.book, garbage.look)),
		source.TypedFunc[identity.Workload](subjects.start),
		source.TypedFunc[identity.Workload](feed.start),
	)
}

func (b *builder) addStatuses(ctx context.Context, r *StatusReconciler, tell *inbox[policy.ObjectRef]) error {
	r.writers = make(map[string]resource)
	for kind, plural := range map[string]string{
		v2beta1.KindClientIntents: "clientintents", v2beta1.KindProtectedService: "protectedservices",
		v2beta1.KindKafkaServerConfig: "kafkaserverconfigs",
	} {
		writer, err := b.resource(v2beta1.GroupVersion(), kind, plural)
		if err != nil {
			return err
		}
		r.writers[kind] = writer
	}
	if err := b.warm(ctx, &declared.ClientIntents{}, &declared.ProtectedService{}, &declared.KafkaServerConfig{}); err != nil {
		return err
	}
	return add(b.mgr, "status", r, b.options.Writers,
		source.TypedFunc[policy.ObjectRef](tell.start),
		source.TypedKind(b.cache, &declared.ClientIntents{}, rewritten[*declared.ClientIntents](tell)),
		source.TypedKind(b.cache, &declared.ProtectedService{}, rewritten[*declared.ProtectedService](tell)),
		source.TypedKind(b.cache, &declared.KafkaServerConfig{}, rewritten[*declared.KafkaServerConfig](tell)),
	)
}

// addAddresses adds the controller that keeps the addresses of internet targets, and the one that asks for them.
func (b *builder) addAddresses(ctx context.Context) error {
	writer, err := b.resource(v2beta1.GroupVersion(), v2beta1.KindClientIntents, "clientintents")
	if err != nil {
		return err
	}
	if err := b.warm(ctx, &declared.ClientIntents{}); err != nil {
		return err
	}
	r := &AddressReconciler{
		world: b.options.World, names: b.options.Names, domains: newDomainBook(),
		only: b.options.Settings.WatchedNamespaces, live: b.cache, writer: writer, now: b.options.Now,
	}
	if b.options.LookupHost != nil {
		r.lookups = newInbox[string](0, false)
		if err := add(b.mgr, "lookup", &LookupReconciler{
			names: b.options.Names, domains: r.domains, lookup: b.options.LookupHost, floor: b.options.Names.Floor(),
			now: b.options.Now, failed: make(map[string]int),
		}, 2, source.TypedFunc[string](r.lookups.start)); err != nil {
			return err
		}
	}
	return add(b.mgr, "addresses", r, 1,
		source.TypedKind(b.cache, &declared.ClientIntents{}, respecified()),
		source.TypedFunc[types.NamespacedName](r.start),
	)
}

// addDiscovery adds the controller that writes what the map found.
func (b *builder) addDiscovery(ctx context.Context) error {
	writer, err := b.resource(v2beta1.GroupVersion(), v2beta1.KindClientIntents, "clientintents")
	if err != nil {
		return err
	}
	if err := b.warm(ctx, &declared.ClientIntents{}); err != nil {
		return err
	}
	r := &DiscoveryReconciler{
		world: b.options.World, edges: b.options.Map, how: b.options.Discovery,
		only: b.options.Settings.WatchedNamespaces, egress: b.options.Settings.Egress,
		dns:    b.options.Settings.DNS.Services,
		period: b.options.Period, live: b.cache, writer: writer,
	}
	return add(b.mgr, "discovery", r, 1,
		source.TypedKind(b.cache, &declared.ClientIntents{}, declaredIn(b.options.Period)),
		source.TypedFunc[string](r.start),
	)
}

// add adds a controller for keys of any kind, with a back-off for each key of its own.
func add[key comparable](mgr manager.Manager, name string, r reconcile.TypedReconciler[key], workers int, sources ...source.TypedSource[key]) error {
	c, err := controller.NewTyped(name, mgr, controller.TypedOptions[key]{
		Reconciler:              r,
		MaxConcurrentReconciles: workers,
		RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[key](firstRetry, lastRetry),
	})
	if err != nil {
		return fmt.Errorf("building the %s controller: %w", name, err)
	}
	for _, s := range sources {
		if err := c.Watch(s); err != nil {
			return fmt.Errorf("starting the %s controller: %w", name, err)
		}
	}
	return nil
}

// resource returns the writer of one kind of object.
func (b *builder) resource(version schema.GroupVersion, kind, plural string) (resource, error) {
	api, err := b.client(version)
	return resource{api: api, kind: kind, plural: plural, metrics: b.metrics}, err
}

// client returns a client of one group and version, on the manager's connections. Answers come in the shortest form that
// the API server has for the group.
func (b *builder) client(version schema.GroupVersion) (rest.Interface, error) {
	config := rest.CopyConfig(b.mgr.GetConfig())
	config.GroupVersion, config.APIPath = &version, "/apis"
	if version.Group == "" {
		config.APIPath = "/api"
	}
	config.NegotiatedSerializer = serializer.NewCodecFactory(b.scheme).WithoutConversion()
	if version.Group != v2beta1.Group {
		config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	}
	api, err := rest.RESTClientForConfigAndClient(config, b.mgr.GetHTTPClient())
	if err != nil {
		return nil, fmt.Errorf("making a client of %s: %w", version, err)
	}
	return api, nil
}
