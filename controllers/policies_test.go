package controllers_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-io/portolan/api/v2beta1"
)

func TestPoliciesFollowTheIntents(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.namespace("shop")
	f.create(deployment("shop", "checkout"), deployment("shop", "payments"), deployment("shop", "ledger"))
	operator := f.start(logging(t))
	intents := calls("shop", "checkout", "payments")
	f.create(intents)

	p := f.policy("shop", "portolan-payments-deployment")
	if got, want := p.Labels, map[string]string{
		"app.kubernetes.io/managed-by": "portolan", "portolan.dev/workload": "payments-855ed532f11d92f3",
	}; !cmp.Equal(got, want) {
		t.Errorf("labels: got, want %s", cmp.Diff(got, want))
	}
	f.condition("shop", "checkout", v2beta1.ConditionReady, metav1.ConditionTrue, v2beta1.ReasonApplied)
	if e := f.event("shop", "ClientIntents", "checkout", "CreatedNetworkPolicies"); e.Message != "NetworkPolicy shop/portolan-payments-deployment created for shop/Deployment/payments" {
		t.Errorf("event says %q", e.Message)
	}

	f.must(f.Get(t.Context(), keyOf(intents), intents))
	intents.Spec.Targets[0].Kubernetes.Name = "ledger"
	f.must(f.Update(t.Context(), intents))
	f.policy("shop", "portolan-ledger-deployment")
	f.noPolicy("shop", "portolan-payments-deployment")
	f.event("shop", "ClientIntents", "checkout", "RemovedNetworkPolicies")

	written := f.quiet(operator)
	before := f.policies()
	operator.stop()
	again := f.start()
	if wrote := f.quiet(again); wrote != 0 {
		t.Errorf("a second operator wrote %d times where nothing had changed: %v (the first: %d)", wrote, again.requests.writes(), written)
	}
	if diff := cmp.Diff(f.policies(), before); diff != "" {
		t.Errorf("the second run changed policies: got, want %s", diff)
	}

	f.remove(intents)
	f.noPolicy("shop", "portolan-ledger-deployment")
}
