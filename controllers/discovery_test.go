package controllers_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/controllers"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

// discovering has an operator write what the map found.
func discovering(seen *graph.Graph, how controllers.WriteIntents) func(*setup) {
	return func(s *setup) {
		s.options.Map, s.options.Discovery, s.options.Period = seen, how, 100*time.Millisecond
	}
}

// see puts a connection between two Deployments on the map.
func see(g *graph.Graph, namespace, from, to string) {
	who := func(name string) graph.Peer {
		return graph.Peer{Workload: identity.Workload{Namespace: namespace, Kind: "Deployment", Name: name}}
	}
	now := time.Now()
	g.Merge(graph.Observation{
		Client: who(from), Server: who(to), First: now, Last: now, Count: 1,
		Use: graph.Use{Act: traffic.Connect, Protocol: traffic.TCP, Port: 80}, Source: traffic.SYN,
	})
}

func TestDiscoveryProposes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	seen := graph.New(graph.Limits{})
	o := f.start(discovering(seen, controllers.WritePropose))
	f.namespace("shop")
	f.create(deployment("shop", "web"), deployment("shop", "cart"), deployment("shop", "db"), deployment("shop", "ads"))

	see(seen, "shop", "web", "cart")
	proposal := f.intents("shop", "web", "cart")
	if mode := proposal.Annotations[v2beta1.AnnotationMode]; mode != string(v2beta1.ModeShadow) {
		t.Errorf("mode = %q", mode)
	}
	if proposal.Labels[v2beta1.LabelDiscovered] != "true" || proposal.Labels[v2beta1.LabelManagedBy] != v2beta1.ManagedBy {
		t.Errorf("labels = %v", proposal.Labels)
	}
	f.noPolicy("shop", "portolan-cart-deployment")
	f.condition("shop", "web", v2beta1.ConditionReady, metav1.ConditionTrue, v2beta1.ReasonShadow)

	see(seen, "shop", "web", "db")
	f.intents("shop", "web", "cart", "db")

	// Traffic goes on, and nothing is written for it.
	f.quiet(o)
	before := len(o.requests.writes())
	for range 20 {
		see(seen, "shop", "web", "db")
	}
	if after := f.quiet(o); after != before {
		t.Errorf("known traffic was written: %v", o.requests.writes()[before:])
	}

	// Somebody accepts the proposal: it has effect, and discovery leaves it alone from now on.
	f.must(f.Patch(t.Context(), proposal, client.RawPatch("application/merge-patch+json",
		fmt.Appendf(nil, `{"metadata":{"annotations":{%q:null}}}`, v2beta1.AnnotationMode))))
	f.policy("shop", "portolan-cart-deployment")
	see(seen, "shop", "web", "ads")
	see(seen, "shop", "cart", "ads") // a new proposal shows that discovery has looked
	f.intents("shop", "cart", "ads")
	f.intents("shop", "web", "cart", "db")

	// A person declares cart: the proposal for it goes, and comes no more.
	mine := calls("shop", "cart", "db")
	mine.Name = "mine"
	f.create(mine)
	f.eventually("waiting for the proposal to go", func() error {
		return f.absent(client.ObjectKey{Namespace: "shop", Name: "cart"}, new(v2beta1.ClientIntents))
	})
	f.intents("shop", "mine", "db")
	f.quiet(o)
}

func TestDiscoveryApplies(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	seen := graph.New(graph.Limits{})
	f.namespace("shop")
	f.create(deployment("shop", "web"), deployment("shop", "cart"), deployment("shop", "db"), calls("shop", "cart"))
	see(seen, "shop", "web", "cart")
	see(seen, "shop", "cart", "db") // a person has declared that cart calls nobody
	o := f.start(discovering(seen, controllers.WriteApply))
	found := f.intents("shop", "web", "cart")
	if mode, set := found.Annotations[v2beta1.AnnotationMode]; set {
		t.Errorf("mode = %q", mode)
	}
	f.policy("shop", "portolan-cart-deployment")
	f.quiet(o)
	f.intents("shop", "cart")
	f.noPolicy("shop", "portolan-db-deployment")

	// An edited object is the editor's.
	edited := found.DeepCopy()
	edited.Spec.Targets = calls("shop", "web", "db").Spec.Targets
	f.must(f.Patch(t.Context(), edited, client.MergeFrom(found)))
	see(seen, "shop", "db", "web")
	f.intents("shop", "db", "web")
	f.intents("shop", "web", "db")
	f.quiet(o)
	f.intents("shop", "web", "db")
}

// intents waits until a ClientIntents has just these targets.
func (f *fixture) intents(namespace, name string, targets ...string) *v2beta1.ClientIntents {
	f.Helper()
	found := new(v2beta1.ClientIntents)
	f.eventually("waiting for ClientIntents "+namespace+"/"+name, func() error {
		if err := f.Get(f.Context(), client.ObjectKey{Namespace: namespace, Name: name}, found); err != nil {
			return err
		}
		var got []string
		for _, t := range found.Spec.Targets {
			got = append(got, t.Title())
		}
		if diff := cmp.Diff(got, targets); diff != "" {
			return fmt.Errorf("targets: got, want %s", diff)
		}
		return nil
	})
	return found
}

// TestDiscoveryDeclaresTheOutsideWhereItWouldBeCut holds that restricting egress never cuts what was seen.
func TestDiscoveryDeclaresTheOutsideWhereItWouldBeCut(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	seen := graph.New(graph.Limits{})
	f.namespace("shop")
	f.create(deployment("shop", "pay"), deployment("shop", "db"))
	see(seen, "shop", "pay", "db")
	now := time.Now()
	seen.Merge(graph.Observation{
		Client: graph.Peer{Workload: identity.Workload{Namespace: "shop", Kind: "Deployment", Name: "pay"}},
		Server: graph.Peer{Addr: netip.MustParseAddr("203.0.113.5")}, First: now, Last: now, Count: 1,
		Use: graph.Use{Act: traffic.Connect, Protocol: traffic.TCP, Port: 443}, Source: traffic.SYN,
	})
	f.start(discovering(seen, controllers.WriteApply), func(s *setup) { s.options.Settings.Egress = true })
	f.intents("shop", "pay", "db", "203.0.113.5")
	f.eventually("waiting for the way out", func() error {
		policy := f.policy("shop", "portolan-pay-deployment")
		for _, rule := range policy.Spec.Egress {
			for _, to := range rule.To {
				if to.IPBlock != nil && to.IPBlock.CIDR == "203.0.113.5/32" {
					return nil
				}
			}
		}
		return fmt.Errorf("egress is %v", policy.Spec.Egress)
	})
}

// TestAPersonsModeIsLeftAlone holds that discovery neither writes nor quarrels about an object of its own that somebody
// has put into shadow.
func TestAPersonsModeIsLeftAlone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	seen := graph.New(graph.Limits{})
	f.namespace("shop")
	f.create(deployment("shop", "web"), deployment("shop", "cart"), deployment("shop", "ads"))
	see(seen, "shop", "web", "cart")
	o := f.start(discovering(seen, controllers.WriteApply))
	f.annotate(f.intents("shop", "web", "cart"), v2beta1.AnnotationMode, string(v2beta1.ModeShadow))
	f.noPolicy("shop", "portolan-cart-deployment")
	see(seen, "shop", "web", "ads")
	f.quiet(o)
	f.intents("shop", "web", "cart")
}
