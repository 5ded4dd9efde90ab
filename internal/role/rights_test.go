package role

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/query"
	"github.com/portolan-io/portolan/internal/traffic"
	"github.com/portolan-io/portolan/internal/wire"
)

// spare are the rights that no test can have the operator use, each with the reason why it has them.
func spare() map[string]string { return map[string]string{} }

// The operator, with exactly the rights of config/rbac and under the guard of config/operator, does everything that it has
// to do. It asks for nothing else, and it has no right that it does not use.
func TestExactlyTheRightsThatWeShip(t *testing.T) {
	t.Parallel()
	c := newRightsCluster(t)
	c.install("rbac/role.yaml", "rbac/operator.yaml", "operator/guard.yaml")
	c.guarded()
	stop := c.start()
	c.policies()
	c.labels()
	c.brokers()
	c.discovery()
	c.people()
	stop()
	c.breakTrust()
	c.usage.age()
	stop = c.start()
	c.remembered()
	c.cleared()
	c.trustMended()
	c.policiesAgain()
	stop()

	for _, line := range c.usage.refused() {
		t.Errorf("the rights in config/rbac do not allow: %s", line)
	}
	c.compare()
}

// compare fails for every right that is given and was not used, and for a reason that explains nothing.
func (c *rightsCluster) compare() {
	c.Helper()
	reasons := spare()
	done := c.usage.all()
	all := given(c.T, manifests(c.T, "rbac/role.yaml", "rbac/operator.yaml"))
	for _, r := range all {
		used := r.needed(done, all)
		_, explained := reasons[r.String()]
		delete(reasons, r.String())
		switch {
		case !used && !explained:
			c.Errorf("config/rbac gives the right to %s, and nothing uses it: remove it, or say in spare why it is needed", r)
		case used && explained:
			c.Errorf("the right to %s is used: remove it from spare", r)
		}
	}
	for r := range reasons {
		c.Errorf("spare explains the right to %s, which config/rbac does not give", r)
	}
}

// guarded waits until the guard holds: with the operator's rights nothing of a pod can be changed but the one label.
func (c *rightsCluster) guarded() {
	c.Helper()
	operator, err := client.New(c.as(), client.Options{Scheme: c.Scheme()})
	c.must(err)
	victim := c.pod("victim", "10.9.9.9", nil)
	tries := 0
	c.eventually("waiting for the guard", func() error {
		tries++
		patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"metadata":{"annotations":{"try":"%d"}}}`, tries))
		if err := operator.Patch(c.Context(), victim.DeepCopy(), patch); !apierrors.IsInvalid(err) && !apierrors.IsForbidden(err) {
			return fmt.Errorf("the patch of an annotation was answered with %w", errors.Join(errors.New("no refusal"), err))
		}
		return nil
	})
	c.must(c.Delete(c.Context(), victim, client.GracePeriodSeconds(0)))
}

// policies has policies written and changed, and a status told.
func (c *rightsCluster) policies() {
	c.Helper()
	c.pod("checkout", "10.9.0.1", map[string]string{"app": "checkout"})
	c.pod("payments", "10.9.0.2", map[string]string{"app": "payments"})
	intents := callsOf("checkout", "payments")
	c.create(intents)
	c.exists(policyFor("payments"))
	c.eventually("waiting for a status", func() error {
		return c.ready(intents, func() []metav1.Condition { return intents.Status.Conditions }, v2beta1.ReasonApplied)
	})
	c.event("", "ClientIntents", "checkout", "CreatedNetworkPolicies")
	c.event("portolan-system", "Lease", "portolan-operator", "LeaderElection")
}

// policiesAgain has a policy written by an operator that has just started.
func (c *rightsCluster) policiesAgain() {
	c.Helper()
	c.create(callsOf("payments", "checkout"))
	c.exists(policyFor("checkout"))
}

// labels has a pod labelled, and twice put right, so that the same event comes again.
func (c *rightsCluster) labels() {
	c.Helper()
	c.pod("lonely", "10.9.0.3", nil)
	protection := &v2beta1.ProtectedService{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "lonely"},
		Spec:       v2beta1.ProtectedServiceSpec{WorkloadReference: v2beta1.WorkloadReference{Name: "lonely", Kind: "Pod"}},
	}
	c.create(protection)
	c.labelled("lonely")
	c.eventually("waiting for the status of a ProtectedService", func() error {
		return c.ready(protection, func() []metav1.Condition { return protection.Status.Conditions }, v2beta1.ReasonApplied)
	})
	for range 2 {
		stolen := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "lonely"}}
		patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"labels":{"portolan.dev/workload":"another-0123456789abcdef"}}}`))
		c.must(c.Patch(c.Context(), stolen, patch))
		c.labelled("lonely")
	}
	c.eventually("waiting for the event to be counted again", func() error {
		if !slices.ContainsFunc(c.usage.all(), func(r right) bool { return r.resource == "events" && r.verb == "patch" }) {
			return errors.New("no event was patched")
		}
		return nil
	})
}

// labelled waits until a pod carries its own key.
func (c *rightsCluster) labelled(name string) {
	c.Helper()
	want := identity.Workload{Namespace: "shop", Kind: "Pod", Name: name}.Key()
	c.eventually("waiting for a label", func() error {
		p := new(corev1.Pod)
		if err := c.Get(c.Context(), client.ObjectKey{Namespace: "shop", Name: name}, p); err != nil {
			return err
		}
		if got := p.Labels[v2beta1.LabelWorkload]; got != want {
			return fmt.Errorf("label = %q, want %q", got, want)
		}
		return nil
	})
}

// brokers has the status of a KafkaServerConfig told.
func (c *rightsCluster) brokers() {
	c.Helper()
	config := &v2beta1.KafkaServerConfig{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "kafka"},
		Spec:       v2beta1.KafkaServerConfigSpec{Workload: v2beta1.WorkloadReference{Name: "payments"}, Addr: "payments:9092"},
	}
	c.create(config)
	c.eventually("waiting for the status of a KafkaServerConfig", func() error {
		return c.ready(config, func() []metav1.Condition { return config.Status.Conditions }, v2beta1.ReasonNotEnforced)
	})
}

// discovery has an agent say what it saw, the operator declare that, and give way to a person who declares it too.
func (c *rightsCluster) discovery() {
	c.Helper()
	c.pod("cart", "10.9.0.4", map[string]string{"app": "cart"})
	window := traffic.NewWindow(traffic.DefaultWindowKeys)
	ctx, cancel := context.WithCancel(c.Context())
	defer cancel()
	var sending sync.WaitGroup
	agent := c.agent(window)
	sending.Go(func() { _ = agent.Run(ctx) }) // which returns nil
	now := time.Now()
	window.Add(traffic.Sighting{
		Source: traffic.SYN, From: traffic.Party{Addr: netip.MustParseAddr("10.9.0.4")},
		To:   traffic.Party{Addr: netip.MustParseAddr("10.9.0.2"), Port: 80},
		What: traffic.What{Act: traffic.Connect, Protocol: traffic.TCP}, First: now, Last: now, Count: 1,
	})
	found := callsOf("cart", "payments")
	c.exists(found)
	theirs := callsOf("cart", "payments")
	theirs.Name = "theirs"
	c.create(theirs)
	c.gone(found)
	cancel()
	sending.Wait()
	c.must(c.Delete(c.Context(), theirs))
	c.must(c.Delete(c.Context(), callsOf("checkout", "payments")))
	c.gone(policyFor("payments"))
}

// remembered holds the map of an operator that has just started against what the agent told the one before it.
func (c *rightsCluster) remembered() {
	c.Helper()
	asked := query.NewClient(&http.Client{}, "http://"+c.options.Query, "")
	c.eventually("asking for the map after a restart", func() error {
		_, edges, err := asked.Edges(c.Context(), graph.Filter{Server: graph.Server{Namespace: "shop", Name: "payments"}})
		if err == nil && (len(edges) != 1 || edges[0].Client.Workload.Name != "cart" || edges[0].Uses[0].Evidence[0].Count != 1) {
			c.Errorf("the map after a restart is %+v, want the one call from cart to payments", edges)
		}
		return err
	})
	status, err := asked.Status(c.Context())
	c.must(err)
	if kept := status.Store; kept.Kind != "sqlite" || kept.Problem != "" || len(kept.Notes) != 0 || !kept.Began.Before(status.Started) {
		c.Errorf("the store is %+v, want one that works and is older than the operator, which started at %s", kept, status.Started)
	}
}

// agent returns the sender of an agent, with the token of its pod.
func (c *rightsCluster) agent(window *traffic.Window) *wire.Sender {
	c.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: c.options.AgentNamespace, Name: c.options.AgentAccount}}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.options.AgentNamespace, Name: "agent-1"},
		Spec: corev1.PodSpec{
			NodeName: "n1", ServiceAccountName: account.Name, Containers: []corev1.Container{{Name: "main", Image: "none"}},
		},
	}
	c.create(account, pod)
	token := c.token(account, authenticationv1.TokenRequestSpec{
		Audiences:      []string{wire.Audience},
		BoundObjectRef: &authenticationv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: pod.Name, UID: pod.UID},
	})
	sender, err := wire.NewClient(wire.ClientOptions{
		URL: "https://" + c.options.Listen, CAFile: c.file("ca.crt", c.authority()), TokenFile: c.file("token", token),
	})
	c.must(err)
	return wire.NewSender(sender, window, wire.SenderOptions{
		Agent: wire.Agent{Node: "n1", Pod: "agent-1", Version: "test"}, Interval: 200 * time.Millisecond,
	})
}

// breakTrust takes away what the certificates of the operator are made of.
func (c *rightsCluster) breakTrust() {
	c.Helper()
	for _, o := range c.trust() {
		c.must(c.Patch(c.Context(), o, client.RawPatch("application/merge-patch+json", []byte(`{"data":{"ca.crt":"bm9uZQ=="}}`))))
	}
}

// trustMended waits until it is there again.
func (c *rightsCluster) trustMended() {
	c.Helper()
	for _, o := range c.trust() {
		c.eventually("waiting for the trust to be mended", func() error {
			if err := c.Get(c.Context(), client.ObjectKeyFromObject(o), o); err != nil || mended(o) {
				return err
			}
			return errors.New("it is broken")
		})
	}
}
