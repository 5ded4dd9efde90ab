package controllers

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/policy"
)

func TestTallyCountsWhatIsNotReadyNow(t *testing.T) {
	var tally Tally
	judged := func(kind, name string, ready metav1.ConditionStatus) {
		tally.note(statement{
			about:      policy.ObjectRef{Kind: kind, Namespace: "shop", Name: name},
			conditions: []metav1.Condition{{Type: v2beta1.ConditionReady, Status: ready}},
		})
	}
	judged(v2beta1.KindClientIntents, "web", metav1.ConditionFalse)
	judged(v2beta1.KindClientIntents, "web", metav1.ConditionFalse)
	judged(v2beta1.KindClientIntents, "cart", metav1.ConditionFalse)
	judged(v2beta1.KindClientIntents, "db", metav1.ConditionTrue)
	judged(v2beta1.KindProtectedService, "db", metav1.ConditionFalse)
	if got := tally.Failing(); got != 2 {
		t.Errorf("Failing() = %d after two failed, want 2", got)
	}
	judged(v2beta1.KindClientIntents, "cart", metav1.ConditionTrue)
	tally.drop(policy.ObjectRef{Kind: v2beta1.KindClientIntents, Namespace: "shop", Name: "web"})
	if got := tally.Failing(); got != 0 {
		t.Errorf("Failing() = %d after one recovered and one went, want 0", got)
	}
}
