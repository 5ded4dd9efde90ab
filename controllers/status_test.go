package controllers_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/policy"
)

func TestStatuses(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	o := f.start(withSettings(func(s *policy.Settings) { s.Egress = true }))
	for name, story := range map[string]func(*fixture){
		"the second object for a client waits until the first one goes": duplicate,
		"a target without a workload waits for it":                      missingServer,
		"a status that somebody edits is made true again":               statusEdited,
		"resolvedIPs are left to discovery":                             resolvedIPs,
		"a target that cannot be enforced is named":                     notEnforced,
		"a condition keeps its time while it does not turn":             transitionTimes,
	} {
		t.Run(name, func(t *testing.T) { story(f.in(t)) })
	}
	f.quiet(o)
}

func duplicate(f *fixture) {
	f.shop("twice")
	second := calls("twice", "checkout", "ledger")
	second.Name = "checkout-again"
	f.create(deployment("twice", "ledger"), second)
	f.condition("twice", "checkout-again", v2beta1.ConditionConflict, metav1.ConditionTrue, v2beta1.ReasonDuplicateClient)
	f.event("twice", "ClientIntents", "checkout-again", "DuplicateClient")
	f.noPolicy("twice", "portolan-ledger-deployment")
	f.remove(calls("twice", "checkout"))
	f.policy("twice", "portolan-ledger-deployment")
	f.noPolicy("twice", paymentsPolicy)
	f.condition("twice", "checkout-again", v2beta1.ConditionReady, metav1.ConditionTrue, v2beta1.ReasonApplied)
	f.condition("twice", "checkout-again", v2beta1.ConditionConflict, metav1.ConditionFalse, v2beta1.ReasonNoConflict)
}

func missingServer(f *fixture) {
	f.namespace("missing")
	f.create(deployment("missing", "checkout"), calls("missing", "checkout", "payments"))
	found := f.condition("missing", "checkout", v2beta1.ConditionDegraded, metav1.ConditionTrue, v2beta1.ReasonTargetsPending)
	if got := found.Status.Targets[0].Reason; got != v2beta1.TargetReasonWorkloadNotFound {
		f.Errorf("reason = %s", got)
	}
	f.create(deployment("missing", "payments"))
	f.condition("missing", "checkout", v2beta1.ConditionDegraded, metav1.ConditionFalse, v2beta1.ReasonAsExpected)
	f.policy("missing", paymentsPolicy)
}

func statusEdited(f *fixture) {
	f.shop("lies")
	truth := f.condition("lies", "checkout", v2beta1.ConditionReady, metav1.ConditionTrue, v2beta1.ReasonApplied)
	for range 5 {
		lie := truth.DeepCopy()
		lie.Status.TargetsSummary = "9/9"
		lie.Status.Conditions[0].Status, lie.Status.Conditions[0].Reason = metav1.ConditionFalse, "Lie"
		f.must(f.Status().Patch(f.Context(), lie, client.MergeFrom(truth)))
	}
	f.eventually("waiting for the truth", func() error {
		now := new(v2beta1.ClientIntents)
		f.must(f.Get(f.Context(), keyOf(truth), now))
		if now.Status.TargetsSummary != "1/1" || now.Status.Conditions[0].Reason != v2beta1.ReasonApplied {
			return fmt.Errorf("status is %v", now.Status)
		}
		return nil
	})
}

func resolvedIPs(f *fixture) {
	f.shop("resolved")
	intents := f.condition("resolved", "checkout", v2beta1.ConditionReady, metav1.ConditionTrue, v2beta1.ReasonApplied)
	want := []v2beta1.ResolvedIPs{{DNS: "api.example.com", IPs: []string{"203.0.113.7"}}}
	body, err := json.Marshal(map[string]any{
		"apiVersion": "k8s.otterize.com/v2beta1", "kind": "ClientIntents",
		"metadata": map[string]any{"name": "checkout", "namespace": "resolved"},
		"status":   map[string]any{"resolvedIPs": want},
	})
	f.must(err)
	f.must(f.Status().Patch(f.Context(), intents, client.RawPatch("application/apply-patch+yaml", body), client.FieldOwner("portolan-resolver")))
	f.remove(deployment("resolved", "payments")) // so that the status has to be written
	now := f.condition("resolved", "checkout", v2beta1.ConditionDegraded, metav1.ConditionTrue, v2beta1.ReasonTargetsPending)
	if diff := cmp.Diff(now.Status.ResolvedIPs, want); diff != "" {
		f.Errorf("resolvedIPs: got, want %s", diff)
	}
}

func notEnforced(f *fixture) {
	f.namespace("sql")
	intents := calls("sql", "checkout", "payments")
	intents.Spec.Targets = append(intents.Spec.Targets, v2beta1.Target{AWS: &v2beta1.AWSTarget{ARN: "arn:aws:s3:::receipts"}})
	f.create(deployment("sql", "checkout"), deployment("sql", "payments"), intents)
	found := f.condition("sql", "checkout", v2beta1.ConditionDegraded, metav1.ConditionTrue, v2beta1.ReasonEgressHeld)
	if found.Status.TargetsSummary != "1/2" || !*found.Status.UpToDate {
		f.Errorf("summary %s, up to date %t", found.Status.TargetsSummary, *found.Status.UpToDate)
	}
	f.event("sql", "ClientIntents", "checkout", "EgressHeld")
	f.event("sql", "ClientIntents", "checkout", "TargetNotEnforced")
	f.noPolicy("sql", "portolan-checkout-deployment")
}

func transitionTimes(f *fixture) {
	f.shop("times")
	before := f.condition("times", "checkout", v2beta1.ConditionReady, metav1.ConditionTrue, v2beta1.ReasonApplied)
	f.create(deployment("times", "ledger"))
	changed := before.DeepCopy()
	changed.Spec = calls("times", "checkout", "payments", "ledger").Spec
	f.must(f.Update(f.Context(), changed))
	after := f.condition("times", "checkout", v2beta1.ConditionReady, metav1.ConditionTrue, v2beta1.ReasonApplied)
	for i, c := range after.Status.Conditions {
		if was := before.Status.Conditions[i]; !c.LastTransitionTime.Equal(&was.LastTransitionTime) || c.ObservedGeneration == was.ObservedGeneration {
			f.Errorf("condition %s of generation %d has time %s, was generation %d, time %s",
				c.Type, c.ObservedGeneration, c.LastTransitionTime, was.ObservedGeneration, was.LastTransitionTime)
		}
	}
}
