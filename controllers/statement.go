package controllers

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/policy"
)

// statement is what is, or is to be, said in the status of one object, whatever its kind.
type statement struct {
	about      policy.ObjectRef
	uid        types.UID
	generation int64
	version    string             // resource version of what is there; empty for what is to be
	conditions []metav1.Condition // those to be have no transition times
	fields     map[string]any     // the rest of the status by its JSON names, without what others write
	findings   []policy.Finding
	unreadable bool // the object does not decode: of what is there only the conditions are known
}

// The fields of a status that are not compared with the rest: conditions by their own rules, resolvedIPs not at all,
// because discovery writes them.
const (
	fieldConditions  = "conditions"
	fieldResolvedIPs = "resolvedIPs"
)

// state returns a statement about an object with that status.
func state(about policy.ObjectRef, meta metav1.Object, conditions []metav1.Condition, status any) (statement, error) {
	fields, err := fieldsOf(status)
	if err != nil {
		return statement{}, fmt.Errorf("reading the status of %s %s/%s: %w", about.Kind, about.Namespace, about.Name, err)
	}
	return statement{
		about: about, uid: meta.GetUID(), generation: meta.GetGeneration(), version: meta.GetResourceVersion(),
		conditions: conditions, fields: fields,
	}, nil
}

func fieldsOf(status any) (map[string]any, error) {
	text, err := json.Marshal(status)
	if err != nil {
		return nil, err
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	delete(fields, fieldConditions)
	delete(fields, fieldResolvedIPs)
	return fields, nil
}

// covers reports whether everything that want says is said by s already. What others have added does not count.
func (s statement) covers(want statement) bool {
	for _, c := range want.conditions {
		if !hasCondition(s.conditions, c) {
			return false
		}
	}
	for name, value := range want.fields {
		if !reflect.DeepEqual(s.fields[name], value) {
			return false
		}
	}
	return true
}

// saysMoreThan reports whether s has a field that want leaves out.
func (s statement) saysMoreThan(want statement) bool {
	for name := range s.fields {
		if _, wanted := want.fields[name]; !wanted {
			return true
		}
	}
	return false
}

func hasCondition(all []metav1.Condition, want metav1.Condition) bool {
	for _, c := range all {
		if c.Type == want.Type {
			return c.Status == want.Status && c.Reason == want.Reason && c.Message == want.Message &&
				c.ObservedGeneration == want.ObservedGeneration
		}
	}
	return false
}

// turns reports whether a condition of want has another status than in s.
func (s statement) turns(want statement) bool {
	for _, c := range want.conditions {
		if before, known := conditionOf(s.conditions, c.Type); !known || before.Status != c.Status {
			return true
		}
	}
	return false
}

func conditionOf(all []metav1.Condition, kind string) (metav1.Condition, bool) {
	for _, c := range all {
		if c.Type == kind {
			return c, true
		}
	}
	return metav1.Condition{}, false
}

// after returns the statement with the transition times that it has when it follows before: a condition keeps its time
// as long as its status is the same.
func (s statement) after(before statement, now metav1.Time) statement {
	timed := make([]metav1.Condition, len(s.conditions))
	for i, c := range s.conditions {
		c.LastTransitionTime = now
		if old, known := conditionOf(before.conditions, c.Type); known && old.Status == c.Status && !old.LastTransitionTime.IsZero() {
			c.LastTransitionTime = old.LastTransitionTime
		}
		timed[i] = c
	}
	s.conditions = timed
	return s
}

// body renders the statement for server-side apply on the status subresource.
func (s statement) body() ([]byte, error) {
	status := make(map[string]any, len(s.fields)+1)
	maps.Copy(status, s.fields)
	status[fieldConditions] = s.conditions
	return render(document{
		TypeMeta: metav1.TypeMeta{APIVersion: v2beta1.GroupVersion().String(), Kind: s.about.Kind},
		Metadata: documentMeta{Namespace: s.about.Namespace, Name: s.about.Name, UID: s.uid},
		Status:   status,
	})
}

// announced returns the states that a stored status shows, so that an operator which starts does not announce them again.
func announced(live statement) map[noticeKey]struct{} {
	known := make(map[noticeKey]struct{})
	for _, c := range live.conditions {
		if c.Status == metav1.ConditionTrue && c.Type != v2beta1.ConditionReady {
			known[noticeKey{reason: c.Reason, target: wholeObject}] = struct{}{}
		}
	}
	held, _ := conditionOf(live.conditions, v2beta1.ConditionDegraded)
	targets, _ := live.fields["targets"].([]any)
	for _, entry := range targets {
		target, _ := entry.(map[string]any)
		index, _ := target["index"].(float64)
		for _, reason := range reasonsShown(target, held.Reason) {
			known[noticeKey{reason: reason, target: int(index)}] = struct{}{}
		}
	}
	return known
}

// wholeObject is the target index of a finding that is not about one target.
const wholeObject = -1

// reasonsShown returns the reasons of events that the status of one target stands for.
func reasonsShown(target map[string]any, degraded string) []string {
	var reasons []string
	if target["state"] == string(v2beta1.TargetStateNotEnforced) {
		reasons = append(reasons, "TargetNotEnforced")
	}
	switch target["reason"] {
	case string(v2beta1.TargetReasonNameConflict):
		reasons = append(reasons, v2beta1.ReasonNameConflict)
	case string(v2beta1.TargetReasonAPIError):
		reasons = append(reasons, "CreatingNetworkPoliciesFailed")
	case string(v2beta1.TargetReasonUnresolvedDomain):
		reasons = append(reasons, "WaitingForDNS")
	}
	if degraded == v2beta1.ReasonEgressHeld && target["state"] != string(v2beta1.TargetStateEnforced) {
		reasons = append(reasons, v2beta1.ReasonEgressHeld)
	}
	return reasons
}
