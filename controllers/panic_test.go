package controllers

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/policy"
)

func TestPanicWhileDecidingIsAnErrorOfOneSubject(t *testing.T) {
	counters, err := newMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	r := &PolicyReconciler{metrics: counters}
	a := &attempt{subject: web, live: list(ownPolicy("web", "cart"))} // there is no snapshot to read
	err = r.decide(t.Context(), a)
	if err == nil {
		t.Fatal("no error")
	}
	if got := testutil.ToFloat64(counters.panics); got != 1 {
		t.Errorf("counted %v panics", got)
	}
	written := outcome(a, err)
	if !written.Ingress || written.Error == "" {
		t.Errorf("what is told: %+v; the policy stays and the error is shown", written)
	}
}

func TestPanicWhileJudgingIsShownOnTheObject(t *testing.T) {
	counters, err := newMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	r := &StatusReconciler{metrics: counters}
	live := statement{about: policy.ObjectRef{Kind: v2beta1.KindClientIntents, Namespace: "shop", Name: "web"}, uid: "u", generation: 3}
	got, err := r.judge(t.Context(), func() (statement, error) { panic("lost") }, live)
	if err != nil {
		t.Fatal(err)
	}
	c := got.conditions[0]
	if c.Type != v2beta1.ConditionReady || c.Status != metav1.ConditionFalse || c.Reason != v2beta1.ReasonFailed || c.Message != "internal error: lost" {
		t.Errorf("condition is %+v", c)
	}
}
