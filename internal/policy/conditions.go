package policy

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-io/portolan/api/v2beta1"
)

// conditions returns Ready, Conflict and Degraded, in this order and without transition times.
func (j *judge) conditions() []metav1.Condition {
	return []metav1.Condition{
		condition(v2beta1.ConditionReady, j.ready(), j.intents.Generation),
		condition(v2beta1.ConditionConflict, j.conflict(), j.intents.Generation),
		condition(v2beta1.ConditionDegraded, j.degraded(), j.intents.Generation),
	}
}

// assessment is what one condition says.
type assessment struct {
	holds           bool
	reason, message string
}

// longestMessage is the most that the API server accepts in a condition.
const longestMessage = 32768

func condition(kind string, a assessment, generation int64) metav1.Condition {
	status := metav1.ConditionFalse
	if a.holds {
		status = metav1.ConditionTrue
	}
	return metav1.Condition{Type: kind, Status: status, ObservedGeneration: generation, Reason: a.reason, Message: a.message}
}

func isTrue(all []metav1.Condition, kind string) bool {
	return slices.ContainsFunc(all, func(c metav1.Condition) bool { return c.Type == kind && c.Status == metav1.ConditionTrue })
}

// ready says whether everything that can be done for this generation is done.
func (j *judge) ready() assessment {
	nameConflict := j.withReason(v2beta1.TargetReasonNameConflict)
	failures := j.inState(v2beta1.TargetStateFailed)
	waiting := j.affected(func(s state) bool { return s.reason == v2beta1.TargetReasonAwaitingFirstIsolation && !s.held })
	switch {
	case j.obstacle.reason != "":
		return assessment{reason: j.obstacle.reason, message: j.obstacle.message}
	case len(nameConflict) > 0:
		return assessment{reason: v2beta1.ReasonConflict, message: listed(nameConflict)}
	case len(failures) > 0:
		return assessment{reason: v2beta1.ReasonFailed, message: listed(failures)}
	case len(waiting) > 0:
		return assessment{reason: v2beta1.ReasonAwaitingFirstIsolation, message: listed(waiting)}
	case j.writesNothing():
		return assessment{holds: true, reason: v2beta1.ReasonShadow, message: "computed and shown; nothing is written"}
	}
	message := fmt.Sprintf("%d of %d targets have effect", j.effective(), len(j.states))
	return assessment{holds: true, reason: v2beta1.ReasonApplied, message: message}
}

// writesNothing reports whether the object has no effect because of its mode.
func (j *judge) writesNothing() bool {
	if isProposal(j.intents) {
		return true
	}
	isWritten := func(s state) bool {
		return s.state == v2beta1.TargetStateEnforced || s.state == v2beta1.TargetStatePartial
	}
	return j.mode() == v2beta1.ModeShadow && !slices.ContainsFunc(j.states, isWritten)
}

// conflict says whether another object is in the way.
func (j *judge) conflict() assessment {
	if j.obstacle.winner != nil {
		return assessment{holds: true, reason: v2beta1.ReasonDuplicateClient, message: j.obstacle.message}
	}
	if found := j.withReason(v2beta1.TargetReasonNameConflict); len(found) > 0 {
		return assessment{holds: true, reason: v2beta1.ReasonNameConflict, message: listed(j.conflicting())}
	}
	return assessment{reason: v2beta1.ReasonNoConflict}
}

// conflicting names the objects that are in the way, each once.
func (j *judge) conflicting() []string {
	var found []string
	for _, s := range j.states {
		if s.reason == v2beta1.TargetReasonNameConflict && !slices.Contains(found, s.message) {
			found = append(found, s.message)
		}
	}
	return found
}

// degraded says whether something of the object has no effect yet: the worst reason, and every target that it is about.
func (j *judge) degraded() assessment {
	for _, check := range []struct {
		reason  string
		applies bool
	}{
		{v2beta1.ReasonTargetsFailed, len(j.inState(v2beta1.TargetStateFailed)) > 0},
		{v2beta1.ReasonInvalidMode, j.invalidMode() != ""},
		{v2beta1.ReasonEgressHeld, len(j.holds) > 0},
		{v2beta1.ReasonTargetsPending, len(j.inState(v2beta1.TargetStatePending)) > 0},
		{v2beta1.ReasonPartiallyEnforced, len(j.inState(v2beta1.TargetStatePartial)) > 0},
		{v2beta1.ReasonNotEnforced, len(j.inState(v2beta1.TargetStateNotEnforced)) > 0},
	} {
		if check.applies {
			return assessment{holds: true, reason: check.reason, message: listed(j.complaints())}
		}
	}
	return assessment{reason: v2beta1.ReasonAsExpected}
}

// complaints lists everything that has no effect yet: the mode, every target with its reason, and the targets of other
// objects that hold the egress of the client.
func (j *judge) complaints() []string {
	var found []string
	if text := j.invalidMode(); text != "" {
		found = append(found, text)
	}
	found = append(found, j.affected(func(s state) bool {
		return s.state != v2beta1.TargetStateEnforced && s.state != v2beta1.TargetStateShadow
	})...)
	for _, h := range j.holds {
		if h.About != aboutIntents(j.intents) {
			found = append(found, fmt.Sprintf("%s of ClientIntents %s/%s: %s", h.Title, h.About.Namespace, h.About.Name, h.Reason))
		}
	}
	return found
}

func (j *judge) inState(wanted v2beta1.TargetState) []string {
	return j.affected(func(s state) bool { return s.state == wanted })
}

func (j *judge) withReason(wanted v2beta1.TargetReason) []string {
	return j.affected(func(s state) bool { return s.reason == wanted })
}

// affected lists the targets with such a state: "service ledger.pay: ServiceNotFound".
func (j *judge) affected(such func(state) bool) []string {
	var found []string
	for i, s := range j.states {
		if such(s) {
			found = append(found, targetTitle(j.intents.Spec.Targets[i])+": "+string(s.reason))
		}
	}
	return found
}

// listed joins texts with "; " as far as the API server accepts, and says how many were left out.
func listed(texts []string) string {
	const room = len("; and 1000000 more")
	var b strings.Builder
	for i, text := range texts {
		if b.Len()+len("; ")+len(text)+room > longestMessage {
			fmt.Fprintf(&b, "; and %d more", len(texts)-i)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(text)
	}
	return b.String()
}

// invalidMode says what is wrong with the mode annotation; empty when nothing is.
func (j *judge) invalidMode() string {
	value, present := j.intents.Annotations[v2beta1.AnnotationMode]
	if !present || isProposal(j.intents) || asksToEnforce(j.intents) {
		return ""
	}
	return fmt.Sprintf("%s must be %s or %s, not %s", v2beta1.AnnotationMode, v2beta1.ModeShadow, v2beta1.ModeEnforce, value)
}
