package role

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/controllers"
	"github.com/portolan-io/portolan/internal/cluster/live"
	"github.com/portolan-io/portolan/internal/query"
	"github.com/portolan-io/portolan/internal/wire"
)

// What the operator may do in the cluster beside what the controllers need: ask whose a token is and what its user may do,
// and read the UID of kube-system, which names the cluster.
//
// +kubebuilder:rbac:groups="",resources=namespaces,resourceNames=kube-system,verbs=get
// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create

// RunOperator plays the operator until ctx ends: the whole line, built first, then run.
//
//	agents ─▶ wire ─▶ resolve ─▶ graph, store ─▶ query, discovery      API server ─▶ world ─▶ controllers ─▶ API server
//	                     ▲                                                        │
//	                     └────────────────────── snapshot ◀──────────────────────┘
func RunOperator(ctx context.Context, config *rest.Config, o OperatorOptions, log *slog.Logger) error {
	config = rest.CopyConfig(config)
	config.QPS = -1 // the API server's own fairness limits us, and few writers
	ctrl.SetLogger(logr.FromSlogHandler(log.Handler()))

	o.ClusterDomains = clusterDomains(o.ClusterDomains, log)
	var changes controllers.Changes
	var tally controllers.Tally
	chart, err := newChart(o, log)
	if err != nil {
		return err
	}
	world, err := live.New(config, live.Options{
		Namespaces: o.WatchNamespaces, Trim: o.Knowing.reading(), LookUp: live.LookUp(o.Naming.lookup()), Log: log,
		Announce: func(c live.Change) { changes.Announce(c.Before, c.After, c.Namespaces); chart.stir() },
	})
	if err != nil {
		return err
	}
	committed, err := chart.open(ctx, world)
	if err != nil {
		return err
	}
	clients, err := newClients(config)
	if err != nil {
		return err
	}
	agents, err := wire.NewHandler(wire.HandlerOptions{
		Authenticator: wire.NewTokenReviews(clients.tokens()), Account: o.agentAccount(), Sink: chart, Committed: committed,
		Roster: chart.beside.agents, Others: query.Served, Log: log,
	})
	if err != nil {
		return err
	}
	chart.agents = agents
	mgr, err := newManager(config, o)
	if err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	if err := controllers.Add(ctx, mgr, controllers.Options{
		World: world, Changes: &changes, Rules: o.Rules, Settings: o.settings(), Discovery: o.writes(), Map: chart.graph,
		Registry: registry, Tally: &tally, Names: chart.naming.memory, LookupHost: o.Naming.lookup(),
	}); err != nil {
		return err
	}
	keeper := o.keeper(clients, log)
	doors := o.doors(agents, clients.reviews(), log)
	answers := answers{chart: chart, version: o.Version, cluster: clients.clusterUID(ctx, log), elected: mgr.Elected(), tally: &tally}
	watch := &health{ready: func() string { return o.notReady(world, keeper.Serving) }}
	registry.MustRegister(operatorMetrics(chart, agents, world))
	if o.Map { // without it no agent is expected
		registry.MustRegister(coverageMetrics(func() []sight { return coverage(world.Current().Nodes(), agents.Agents(), time.Now()) }))
	}

	log.Info("the operator starts", "version", o.Version, "mode", o.Mode, "map", o.Map, "rules", o.Rules, "writeIntents", o.writes())
	line, ctx := errgroup.WithContext(ctx)
	line.Go(func() error { return serve(ctx, o.Health, watch.handler()) })
	line.Go(func() error { return serve(ctx, o.Metrics, operatorMetricsHandler(registry)) })
	line.Go(func() error {
		return serve(ctx, o.Query, query.NewHandler(answers, query.Doorkeepers{Clearers: clients.reviews()}, log))
	})
	line.Go(func() error { return keeper.Run(ctx) })
	line.Go(func() error { return serveTLS(ctx, o.Listen, doors(answers), keeper.Serving, log) })
	line.Go(func() error { world.Run(ctx); return nil })
	line.Go(func() error { return chart.run(ctx) })
	line.Go(func() error { return ended(ctx, mgr.Start(ctx)) })
	return line.Wait()
}

// ended makes an error of a manager that ends while nobody asked it to: the lease was lost, and only a new start may
// lead again.
func ended(ctx context.Context, err error) error {
	if err == nil && ctx.Err() == nil {
		return errors.New("the controllers ended without being asked to")
	}
	return err
}

func newManager(config *rest.Config, o OperatorOptions) (manager.Manager, error) {
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return nil, err
	}
	if err := v2beta1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	stop, again := stopLimit, true
	mgr, err := ctrl.NewManager(config, manager.Options{
		Scheme:                        scheme,
		Metrics:                       metricsserver.Options{BindAddress: "0"}, // served by the role
		HealthProbeBindAddress:        "0",                                     // likewise
		LeaderElection:                o.LeaderElection,
		LeaderElectionID:              leaseName,
		LeaderElectionNamespace:       o.Namespace,
		LeaderElectionReleaseOnCancel: true,
		GracefulShutdownTimeout:       &stop,
		Controller:                    ctrlconfig.Controller{SkipNameValidation: &again}, // a process may play the operator again
	})
	if err != nil {
		return nil, fmt.Errorf("preparing the controllers: %w", err)
	}
	return mgr, nil
}

// doors returns what is served to agents and, with a token, to people, on one port. Either answers in words what is served
// to those who ask for something else.
func (o OperatorOptions) doors(agents http.Handler, reviews query.Authorizer, log *slog.Logger) func(query.Source) http.Handler {
	return func(answers query.Source) http.Handler {
		people := query.NewHandler(answers, query.Doorkeepers{Readers: reviews, Clearers: reviews}, log)
		mux := http.NewServeMux()
		for _, path := range query.Paths() {
			mux.Handle(path, people)
		}
		if o.Map {
			mux.Handle("/", agents)
			return mux
		}
		mux.Handle("/", people)
		mux.HandleFunc(wire.Prefix+"v1.AgentService/", noMap)
		return mux
	}
}

// noMap tells an agent that this operator keeps no map.
func noMap(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Retry-After", "60")
	http.Error(w, "this operator runs without the map (--map=false); point --operator-url at the one that has it", http.StatusServiceUnavailable)
}

// serveTLS serves agents and people until ctx ends.
func serveTLS(ctx context.Context, address string, handler http.Handler, serving *wire.Serving, log *slog.Logger) error {
	listener, err := listen(ctx, address)
	if err != nil {
		return err
	}
	server := wire.NewServer(handler, serving, log)
	return until(ctx, server, func() error { return server.ServeTLS(listener, "", "") })
}

// retryEvery is the time between two looks at the sightings that wait, when the cluster does not change.
const retryEvery = 2 * time.Second
