package controllers

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/policy"
)

func ready(status metav1.ConditionStatus, at time.Time) metav1.Condition {
	return metav1.Condition{
		Type: v2beta1.ConditionReady, Status: status, Reason: "Because", ObservedGeneration: 1, LastTransitionTime: metav1.Time{Time: at},
	}
}

var (
	noon  = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	later = noon.Add(time.Hour)
)

func TestStatementCovers(t *testing.T) {
	want := statement{fields: map[string]any{"mode": "enforce"}, conditions: []metav1.Condition{ready(metav1.ConditionTrue, time.Time{})}}
	for name, tc := range map[string]struct {
		live statement
		want bool
	}{
		"the same":          {statement{fields: map[string]any{"mode": "enforce"}, conditions: []metav1.Condition{ready(metav1.ConditionTrue, noon)}}, true},
		"more than that":    {statement{fields: map[string]any{"mode": "enforce", "wouldBlock": 3.0}, conditions: []metav1.Condition{ready(metav1.ConditionTrue, noon), {Type: "Other"}}}, true},
		"another field":     {statement{fields: map[string]any{"mode": "shadow"}, conditions: []metav1.Condition{ready(metav1.ConditionTrue, noon)}}, false},
		"another condition": {statement{fields: map[string]any{"mode": "enforce"}, conditions: []metav1.Condition{ready(metav1.ConditionFalse, noon)}}, false},
		"nothing":           {statement{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.live.covers(want); got != tc.want {
				t.Errorf("covers = %t, want %t", got, tc.want)
			}
		})
	}
}

func TestStatementKeepsTheTimeOfAConditionThatDoesNotTurn(t *testing.T) {
	before := statement{conditions: []metav1.Condition{ready(metav1.ConditionTrue, noon)}}
	for name, tc := range map[string]struct {
		status metav1.ConditionStatus
		want   time.Time
	}{
		"the status stays":  {metav1.ConditionTrue, noon},
		"the status turned": {metav1.ConditionFalse, later},
	} {
		t.Run(name, func(t *testing.T) {
			now := statement{conditions: []metav1.Condition{ready(tc.status, time.Time{})}}.after(before, metav1.Time{Time: later})
			if got := now.conditions[0].LastTransitionTime.Time; !got.Equal(tc.want) {
				t.Errorf("transition time = %s, want %s", got, tc.want)
			}
		})
	}
}

func TestStatementNeverSaysResolvedIPs(t *testing.T) {
	status := v2beta1.ClientIntentsStatus{
		Mode:        v2beta1.ModeEnforce,
		ResolvedIPs: []v2beta1.ResolvedIPs{{DNS: "api.example.com", IPs: []string{"203.0.113.7"}}},
		Conditions:  []metav1.Condition{ready(metav1.ConditionTrue, noon)},
	}
	s, err := state(policy.ObjectRef{Kind: "ClientIntents", Namespace: "shop", Name: "web"}, &metav1.ObjectMeta{UID: "u"}, status.Conditions, status)
	if err != nil {
		t.Fatal(err)
	}
	body, err := s.body()
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"apiVersion": "k8s.otterize.com/v2beta1", "kind": "ClientIntents",
		"metadata": map[string]any{"namespace": "shop", "name": "web", "uid": "u"},
		"status": map[string]any{"mode": "enforce", "conditions": []any{map[string]any{
			"type": "Ready", "status": "True", "reason": "Because", "message": "",
			"observedGeneration": 1.0, "lastTransitionTime": "2030-01-01T12:00:00Z",
		}}},
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("got, want %s", diff)
	}
}

func TestAnnouncedReadsTheStoredStatus(t *testing.T) {
	live, err := state(policy.ObjectRef{}, &metav1.ObjectMeta{}, []metav1.Condition{
		{Type: v2beta1.ConditionReady, Status: metav1.ConditionTrue, Reason: v2beta1.ReasonApplied},
		{Type: v2beta1.ConditionDegraded, Status: metav1.ConditionTrue, Reason: v2beta1.ReasonEgressHeld},
	}, v2beta1.ClientIntentsStatus{Targets: []v2beta1.TargetStatus{
		{Index: 0, State: v2beta1.TargetStateEnforced, Reason: v2beta1.TargetReasonApplied},
		{Index: 1, State: v2beta1.TargetStateNotEnforced, Reason: v2beta1.TargetReasonTypeNotEnforced},
		{Index: 2, State: v2beta1.TargetStatePending, Reason: v2beta1.TargetReasonUnresolvedDomain},
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[noticeKey]struct{}{
		{"EgressHeld", wholeObject}: {}, {"TargetNotEnforced", 1}: {}, {"EgressHeld", 1}: {}, {"WaitingForDNS", 2}: {}, {"EgressHeld", 2}: {},
	}
	if diff := cmp.Diff(announced(live), want, cmp.AllowUnexported(noticeKey{})); diff != "" {
		t.Errorf("got, want %s", diff)
	}
}
