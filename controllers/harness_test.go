package controllers_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/testr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/controllers"
	"github.com/portolan-io/portolan/internal/cluster/live"
	"github.com/portolan-io/portolan/internal/policy"
	"github.com/portolan-io/portolan/internal/testkit"
)

// patience is how long a test waits for what must come; it comes in milliseconds on an idle machine.
const patience = 60 * time.Second

// fixture is a control plane and an administrator's client to it.
type fixture struct {
	testing.TB
	config *rest.Config
	client.Client
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	cfg := testkit.ControlPlane(t)
	api, err := client.New(cfg, client.Options{Scheme: scheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{TB: t, config: cfg, Client: api}
}

// in returns the fixture for a subtest.
func (f *fixture) in(t testing.TB) *fixture {
	return &fixture{TB: t, config: f.config, Client: f.Client}
}

func scheme(t testing.TB) *runtime.Scheme {
	t.Helper()
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v2beta1.AddToScheme} {
		if err := add(s); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// operator is a running operator.
type operator struct {
	stop     func() // returns when it has stopped
	elected  <-chan struct{}
	stopped  <-chan struct{} // closed when its controllers have stopped
	requests *requests
	registry *prometheus.Registry
}

// setup changes how an operator of a test is started.
type setup struct {
	options controllers.Options
	manager manager.Options
	config  func(*rest.Config)
}

// start runs an operator until its stop is called or the test ends.
func (f *fixture) start(changes ...func(*setup)) *operator {
	f.Helper()
	skip := true
	registry := prometheus.NewRegistry()
	feed := &controllers.Changes{}
	s := setup{
		options: controllers.Options{
			Changes: feed, Rules: true, Settings: policy.Defaults(), Discovery: controllers.WriteOff, Registry: registry,
		},
		manager: manager.Options{
			Scheme: scheme(f), Logger: logr.FromSlogHandler(slog.DiscardHandler), Metrics: server.Options{BindAddress: "0"},
			Controller: config.Controller{SkipNameValidation: &skip},
		},
	}
	for _, change := range changes {
		change(&s)
	}
	cfg := rest.CopyConfig(f.config)
	cfg.QPS = -1
	if s.config != nil {
		s.config(cfg)
	}
	counted := &requests{}
	cfg.Wrap(counted.wrap)
	world, err := live.New(cfg, live.Options{Announce: func(c live.Change) { feed.Announce(c.Before, c.After, c.Namespaces) }})
	if err != nil {
		f.Fatal(err)
	}
	s.options.World = world
	mgr, err := manager.New(cfg, s.manager)
	if err != nil {
		f.Fatal(err)
	}
	ctx, cancel := context.WithCancel(f.Context())
	if err := controllers.Add(ctx, mgr, s.options); err != nil {
		f.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { world.Run(ctx) })
	stopped := make(chan struct{})
	running.Go(func() {
		defer close(stopped)
		if err := mgr.Start(ctx); err != nil && !counted.cut.Load() {
			f.Errorf("running the operator: %v", err)
		}
	})
	o := &operator{
		stop:    sync.OnceFunc(func() { cancel(); running.Wait() }),
		elected: mgr.Elected(), stopped: stopped, requests: counted, registry: registry,
	}
	f.Cleanup(o.stop)
	return o
}

// logging makes an operator log to the test.
func logging(t *testing.T) func(*setup) {
	return func(s *setup) { s.manager.Logger = testr.New(t) }
}

func withSettings(change func(*policy.Settings)) func(*setup) {
	return func(s *setup) { change(&s.options.Settings) }
}

// requests counts what an operator sends to the API server.
type requests struct {
	cut atomic.Bool // nothing gets through any more

	mu  sync.Mutex
	all []string // "PATCH /apis/..."
}

func (r *requests) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(request *http.Request) (*http.Response, error) {
		if r.cut.Load() {
			return nil, errors.New("the wire is cut")
		}
		response, err := next.RoundTrip(request)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.all = append(r.all, request.Method+" "+request.URL.Path)
		return response, err
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// writes returns the requests that change something, without those of leader election.
func (r *requests) writes() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.all), func(line string) bool {
		return strings.HasPrefix(line, http.MethodGet) || strings.Contains(line, "/leases")
	})
}

// count returns how many requests there were, reads and watches among them.
func (r *requests) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.all)
}

// at returns the place of the first request of that line, -1 if there is none.
func (r *requests) at(line string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Index(r.all, line)
}

// eventually waits until check returns nil.
func (f *fixture) eventually(what string, check func() error) {
	f.Helper()
	f.checking(what, 50*time.Millisecond, check)
}

// checking is eventually for a check that is dear to the API server.
func (f *fixture) checking(what string, every time.Duration, check func() error) {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), patience)
	defer cancel()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			f.Fatalf("%s: %v", what, err)
		case <-tick.C:
		}
	}
}

// quiet waits until the operator has written nothing for a while, and returns how much it has written in all.
func (f *fixture) quiet(o *operator) int {
	f.Helper()
	const rest = 1500 * time.Millisecond
	last, since := len(o.requests.writes()), time.Now()
	f.eventually("waiting for the operator to rest", func() error {
		if now := len(o.requests.writes()); now != last {
			last, since = now, time.Now()
		}
		if time.Since(since) < rest {
			return fmt.Errorf("wrote %d times", last)
		}
		return nil
	})
	return last
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) create(objects ...client.Object) {
	f.Helper()
	for _, o := range objects {
		f.must(f.Create(f.Context(), o))
	}
}

func (f *fixture) remove(objects ...client.Object) {
	f.Helper()
	for _, o := range objects {
		f.must(f.Delete(f.Context(), o))
	}
}

func (f *fixture) namespace(name string) {
	f.Helper()
	f.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
}

// policy waits for a NetworkPolicy.
func (f *fixture) policy(namespace, name string) *networkingv1.NetworkPolicy {
	f.Helper()
	found := new(networkingv1.NetworkPolicy)
	f.eventually("waiting for NetworkPolicy "+namespace+"/"+name, func() error {
		return f.Get(f.Context(), client.ObjectKey{Namespace: namespace, Name: name}, found)
	})
	return found
}

// noPolicy waits until a NetworkPolicy is gone.
func (f *fixture) noPolicy(namespace, name string) {
	f.Helper()
	f.eventually("waiting for the end of NetworkPolicy "+namespace+"/"+name, func() error {
		return f.absent(client.ObjectKey{Namespace: namespace, Name: name}, new(networkingv1.NetworkPolicy))
	})
}

// absent returns nil if there is no such object.
func (f *fixture) absent(key client.ObjectKey, o client.Object) error {
	err := f.Get(f.Context(), key, o)
	if err == nil {
		return errors.New("it is there")
	}
	return client.IgnoreNotFound(err)
}

// policies returns every NetworkPolicy with its version, as "namespace/name@version", sorted.
func (f *fixture) policies() []string {
	f.Helper()
	var list networkingv1.NetworkPolicyList
	f.must(f.List(f.Context(), &list))
	var found []string
	for _, p := range list.Items {
		found = append(found, p.Namespace+"/"+p.Name+"@"+p.ResourceVersion)
	}
	slices.Sort(found)
	return found
}

// condition waits until a condition of a ClientIntents has that status and reason.
func (f *fixture) condition(namespace, name, kind string, status metav1.ConditionStatus, reason string) *v2beta1.ClientIntents {
	f.Helper()
	found := new(v2beta1.ClientIntents)
	f.eventually(fmt.Sprintf("waiting for %s=%s %s of ClientIntents %s/%s", kind, status, reason, namespace, name), func() error {
		if err := f.Get(f.Context(), client.ObjectKey{Namespace: namespace, Name: name}, found); err != nil {
			return err
		}
		for _, c := range found.Status.Conditions {
			if c.Type == kind && c.Status == status && c.Reason == reason && c.ObservedGeneration == found.Generation {
				return nil
			}
		}
		text, _ := json.Marshal(found.Status)
		return fmt.Errorf("status is %s", text)
	})
	return found
}

// event waits for an event about an object.
func (f *fixture) event(namespace, kind, name, reason string) corev1.Event {
	f.Helper()
	var found corev1.Event
	f.eventually("waiting for event "+reason+" on "+kind+" "+namespace+"/"+name, func() error {
		all := f.events(namespace, kind, name)
		i := slices.IndexFunc(all, func(e corev1.Event) bool { return e.Reason == reason })
		if i < 0 {
			return fmt.Errorf("there are %d others", len(all))
		}
		found = all[i]
		return nil
	})
	return found
}

func (f *fixture) events(namespace, kind, name string) []corev1.Event {
	f.Helper()
	var list corev1.EventList
	f.must(f.List(f.Context(), &list, client.InNamespace(namespace)))
	return slices.DeleteFunc(list.Items, func(e corev1.Event) bool {
		return e.InvolvedObject.Kind != kind || e.InvolvedObject.Name != name
	})
}
