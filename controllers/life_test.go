package controllers_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/policy"
)

func TestRestartPrunesWhatIsStaleAndNothingElse(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	first := f.start()
	f.shop("kept")
	stale := f.shop("stale")
	other := somebodys("kept")
	other.Name = "somebodys"
	f.create(other)
	f.quiet(first)
	kept := f.policy("kept", paymentsPolicy)
	first.stop()

	// While nobody runs: a declaration goes with its workload, and another one comes.
	f.remove(calls("stale", "checkout"), deployment("stale", "payments"))
	f.create(deployment("kept", "ledger"), calls("kept", "payments", "ledger"))

	second := f.start()
	f.noPolicy("stale", stale.Name)
	f.policy("kept", "portolan-ledger-deployment")
	f.quiet(second)
	if now := f.policy("kept", paymentsPolicy); now.ResourceVersion != kept.ResourceVersion {
		t.Error("a policy that is as it should be was written again")
	}
	f.untouched(other)
	for _, line := range second.requests.writes() {
		if strings.Contains(line, "/somebodys") || strings.HasSuffix(line, "/namespaces/kept/networkpolicies/"+paymentsPolicy) {
			t.Errorf("a needless request: %s", line)
		}
	}
}

// elect has operators elect a leader, and notice within seconds that it is gone.
func elect(s *setup) {
	lease, renew, retry := 4*time.Second, 2*time.Second, 250*time.Millisecond
	s.manager.LeaderElection, s.manager.LeaderElectionID, s.manager.LeaderElectionNamespace = true, "portolan-operator", "portolan-system"
	s.manager.LeaderElectionReleaseOnCancel = true
	s.manager.LeaseDuration, s.manager.RenewDeadline, s.manager.RetryPeriod = &lease, &renew, &retry
}

func TestTwoOperatorsAreOneWriter(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.namespace("portolan-system")
	leader := f.start(elect)
	<-leader.elected
	standby := f.start(elect)
	f.shop("one")
	f.condition("one", "checkout", v2beta1.ConditionReady, metav1.ConditionTrue, v2beta1.ReasonApplied)
	f.quiet(leader)
	if wrote := standby.requests.writes(); len(wrote) > 0 {
		t.Errorf("the standby wrote: %v", wrote)
	}

	leader.stop()
	wrote := len(leader.requests.writes())
	f.remove(calls("one", "checkout"))
	f.shop("two")
	f.noPolicy("one", paymentsPolicy)
	f.condition("two", "checkout", v2beta1.ConditionReady, metav1.ConditionTrue, v2beta1.ReasonApplied)
	for _, line := range leader.requests.writes()[wrote:] {
		if line != "POST /api/v1/namespaces/portolan-system/events" { // its farewell
			t.Errorf("the former leader wrote after it had stopped: %s", line)
		}
	}
}

// A leader that cannot reach the API server any more gives up before another one takes over.
func TestTheOtherOperatorTakesOverFromOneThatIsCutOff(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.namespace("portolan-system")
	leader := f.start(elect)
	<-leader.elected
	standby := f.start(elect)
	f.shop("one")
	f.quiet(leader)
	leader.requests.cut.Store(true)
	f.shop("two")
	f.condition("two", "checkout", v2beta1.ConditionReady, metav1.ConditionTrue, v2beta1.ReasonApplied)
	select {
	case <-leader.stopped:
	case <-t.Context().Done():
		t.Fatal("the former leader goes on")
	}
	f.quiet(standby)
}

func TestShadowAndEnforce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.start(withSettings(func(s *policy.Settings) { s.Mode = policy.ModeShadow }))
	f.namespace("shop")
	intents := calls("shop", "checkout", "payments")
	f.create(deployment("shop", "checkout"), deployment("shop", "payments"), intents)
	f.condition("shop", "checkout", v2beta1.ConditionReady, metav1.ConditionTrue, v2beta1.ReasonShadow)
	f.noPolicy("shop", paymentsPolicy)

	for range 2 {
		f.annotate(intents, v2beta1.AnnotationMode, string(v2beta1.ModeEnforce))
		f.policy("shop", paymentsPolicy)
		f.condition("shop", "checkout", v2beta1.ConditionReady, metav1.ConditionTrue, v2beta1.ReasonApplied)

		f.annotate(intents, v2beta1.AnnotationMode, string(v2beta1.ModeShadow))
		f.noPolicy("shop", paymentsPolicy)
		f.condition("shop", "checkout", v2beta1.ConditionReady, metav1.ConditionTrue, v2beta1.ReasonShadow)
	}

	f.annotate(intents, v2beta1.AnnotationMode, "enfroce")
	f.condition("shop", "checkout", v2beta1.ConditionDegraded, metav1.ConditionTrue, v2beta1.ReasonInvalidMode)
	f.event("shop", "ClientIntents", "checkout", "InvalidMode")
}

// The mode is a flag, so that another one comes with another operator.
func TestSwitchingToShadowTellsWhatItRemoves(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	first := f.start()
	f.shop("switched")
	f.event("switched", "ClientIntents", "checkout", "CreatedNetworkPolicies")
	f.quiet(first)
	first.stop()

	second := f.start(withSettings(func(s *policy.Settings) { s.Mode = policy.ModeShadow }))
	f.noPolicy("switched", paymentsPolicy)
	f.condition("switched", "checkout", v2beta1.ConditionReady, metav1.ConditionTrue, v2beta1.ReasonShadow)
	told := f.event("switched", "ClientIntents", "checkout", "RemovedNetworkPolicies")
	if want := "NetworkPolicy switched/" + paymentsPolicy + " removed for switched/Deployment/payments"; told.Message != want {
		t.Errorf("the event says %q, want %q", told.Message, want)
	}
	f.quiet(second)
}

func (f *fixture) annotate(o client.Object, key, value string) {
	f.Helper()
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, key, value)
	f.must(f.Patch(f.Context(), o, client.RawPatch("application/merge-patch+json", patch)))
}

func TestProtectedServiceIsIsolatedInEveryMode(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	o := f.start(withSettings(func(s *policy.Settings) { s.Mode = policy.ModeShadow }))
	f.namespace("shop")
	protected := &v2beta1.ProtectedService{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "payments"},
		Spec:       v2beta1.ProtectedServiceSpec{WorkloadReference: v2beta1.WorkloadReference{Name: "payments", Kind: "Deployment"}},
	}
	f.create(protected)
	f.protection("payments", metav1.ConditionFalse, v2beta1.ReasonWorkloadNotFound)
	f.create(deployment("shop", "payments"))
	want := []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
	if p := f.policy("shop", paymentsPolicy); len(p.Spec.Ingress) != 0 || !cmp.Equal(p.Spec.PolicyTypes, want) {
		t.Errorf("the policy is no default deny: %v", p.Spec)
	}
	f.protection("payments", metav1.ConditionTrue, v2beta1.ReasonApplied)
	uid := f.policy("shop", paymentsPolicy).UID
	f.create(deployment("shop", "checkout"), calls("shop", "checkout", "payments"))
	f.eventually("waiting for the caller to be let in", func() error {
		p := f.policy("shop", paymentsPolicy)
		if p.UID != uid {
			t.Fatal("the default deny was replaced instead of changed in place")
		}
		if len(p.Spec.Ingress) != 1 {
			return fmt.Errorf("ingress is %v", p.Spec.Ingress)
		}
		return nil
	})
	f.remove(protected)
	f.noPolicy("shop", paymentsPolicy)
	f.quiet(o)
}

func (f *fixture) protection(name string, status metav1.ConditionStatus, reason string) {
	f.Helper()
	f.eventually(fmt.Sprintf("waiting for Ready=%s %s of ProtectedService %s", status, reason, name), func() error {
		var p v2beta1.ProtectedService
		if err := f.Get(f.Context(), client.ObjectKey{Namespace: "shop", Name: name}, &p); err != nil {
			return err
		}
		for _, c := range p.Status.Conditions {
			if c.Type == v2beta1.ConditionReady && c.Status == status && c.Reason == reason {
				return nil
			}
		}
		return fmt.Errorf("conditions are %v", p.Status.Conditions)
	})
}

func TestOnlyWatchedNamespacesAreTouched(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.namespace("in")
	f.namespace("out")
	f.create(
		deployment("in", "checkout"), deployment("in", "payments"), deployment("out", "ledger"),
		calls("in", "checkout", "payments", "ledger.out"), calls("out", "ledger", "payments.in"),
	)
	o := f.start(withSettings(func(s *policy.Settings) { s.WatchedNamespaces = []string{"in"} }))
	f.policy("in", paymentsPolicy)
	found := f.condition("in", "checkout", v2beta1.ConditionDegraded, metav1.ConditionTrue, v2beta1.ReasonNotEnforced)
	if got := found.Status.Targets[1].Reason; got != v2beta1.TargetReasonNamespaceNotWatched {
		t.Errorf("reason = %s", got)
	}
	f.quiet(o)
	for _, line := range o.requests.writes() {
		if strings.Contains(line, "/namespaces/out/") {
			t.Errorf("a namespace that is not watched was written to: %s", line)
		}
	}
}
