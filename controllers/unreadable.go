package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster/declared"
	"github.com/portolan-io/portolan/internal/policy"
)

// tellUnreadable tells the author of an object that it does not decode: by an event, and in the status where the API server
// lets that be written. Server-side apply is out of question, because it reads the whole object by the schema.
func (r *StatusReconciler) tellUnreadable(ctx context.Context, live statement) (reconcile.Result, error) {
	all := r.world.Unreadable()
	i := slices.IndexFunc(all, func(u declared.Unreadable) bool { return u.UID == live.uid && isAbout(u, live.about) })
	if i < 0 {
		return reconcile.Result{RequeueAfter: statusInterval}, nil // the picture is behind, or ahead
	}
	want := unreadableStatement(live, all[i])
	r.tally.note(want)
	last := r.last(want.about)
	if last.uid != want.uid {
		last = told{uid: want.uid, asked: last.asked}
	}
	differs := !live.covers(want) && !last.statement.covers(want)
	r.announce(want, live, &last, differs)
	r.remember(want.about, last)
	if !differs {
		return reconcile.Result{}, nil
	}
	if err := r.mergeStatus(ctx, want.after(live, metav1.Time{Time: r.now()})); err != nil {
		return reconcile.Result{}, err
	}
	last.statement, last.at = want, r.now()
	r.remember(want.about, last)
	return reconcile.Result{}, nil
}

func isAbout(u declared.Unreadable, about policy.ObjectRef) bool {
	return about == policy.ObjectRef{Kind: u.Kind, Namespace: u.Namespace, Name: u.Name}
}

// mergeStatus writes the conditions of an object that does not decode. The API server may refuse that, as it checks the
// whole object by rules that cannot deal with what is wrong: the event is all that can be said then.
func (r *StatusReconciler) mergeStatus(ctx context.Context, s statement) error {
	body, err := mergeBody(s)
	if err != nil {
		return err
	}
	name := types.NamespacedName{Namespace: s.about.Namespace, Name: s.about.Name}
	err = r.writers[s.about.Kind].merge(ctx, name, statusManager, body)
	switch {
	case apierrors.IsNotFound(err), apierrors.IsConflict(err): // gone, or replaced by another object of that name
		return nil
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		log.FromContext(ctx).Info("an object does not decode, and its status cannot be written either", "object", s.about, "error", err)
		return nil
	case err != nil:
		return fmt.Errorf("telling %s %s: %w", s.about.Kind, name, err)
	}
	r.metrics.object(s.about.Kind+"/status", outcomeUpdated)
	return nil
}

// mergeBody renders the conditions, and takes away what an earlier status said about targets.
func mergeBody(s statement) ([]byte, error) {
	status := map[string]any{fieldConditions: s.conditions, "observedGeneration": s.generation}
	if s.about.Kind == v2beta1.KindClientIntents {
		status["upToDate"] = false
		for _, outdated := range []string{"mode", "targets", "targetsSummary", "wouldBlock", "wouldBlockEdges"} {
			status[outdated] = nil
		}
	}
	body, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": s.uid}, "status": status})
	if err != nil {
		return nil, fmt.Errorf("rendering the status of %s %s/%s: %w", s.about.Kind, s.about.Namespace, s.about.Name, err)
	}
	return body, nil
}

// unreadableStatement returns what there is to say about an object that does not decode.
func unreadableStatement(live statement, u declared.Unreadable) statement {
	message := u.Fault + "; correct or delete the object: " + consequence(u)
	return statement{
		about: live.about, uid: live.uid, generation: live.generation,
		conditions: []metav1.Condition{{
			Type: v2beta1.ConditionReady, Status: metav1.ConditionFalse, ObservedGeneration: live.generation,
			Reason: v2beta1.ReasonInvalidSpec, Message: message,
		}},
		findings: []policy.Finding{{
			About: live.about, Target: wholeObject, Severity: policy.Warning, Reason: v2beta1.ReasonInvalidSpec, Message: message,
		}},
	}
}

// consequence says what holds as long as an object cannot be read.
func consequence(u declared.Unreadable) string {
	switch {
	case u.Remembered:
		return "until then it counts as it last could be read"
	case u.Kind == v2beta1.KindKafkaServerConfig:
		return "until then it is not used"
	case u.Kind == v2beta1.KindProtectedService:
		return "until then no isolation in namespace " + u.Namespace + " is lifted"
	case v2beta1.Mode(u.Mode) == v2beta1.ModeShadow:
		return "until then there is no such proposal"
	default:
		return "until then it grants nothing new, and nothing that workloads in namespace " + u.Namespace + " may do is taken away"
	}
}
