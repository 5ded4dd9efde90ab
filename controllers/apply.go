package controllers

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/policy"
)

// fieldManager owns what Portolan writes to policies.
const fieldManager = "portolan"

// policyWriter is the only writer of NetworkPolicies: server-side apply, one request for each object that differs.
type policyWriter struct {
	resource
	view *policyView
}

// applied says what became of the policies of one subject. The names are sorted as the plan was.
type applied struct {
	created, updated, removed []policy.ObjectRef
	foreign                   []policy.ObjectRef // objects of somebody else that have a wanted name
	failed                    []failure
}

// failure is an object that could not be written, and why.
type failure struct {
	object policy.ObjectRef
	err    error
}

// err returns the failures as one error, which is terminal if no retry can help any of them.
func (a applied) err() error {
	var errs []error
	lasting := true
	for _, f := range a.failed {
		errs = append(errs, f.err)
		lasting = lasting && isLasting(f.err)
	}
	if len(errs) > 0 && lasting {
		return reconcile.TerminalError(errors.Join(errs...))
	}
	return errors.Join(errs...)
}

// isLasting reports whether the API server would give the same answer again. An invalid object is not among that: an
// admission policy may be what calls it invalid, and admission policies change.
func isLasting(err error) bool {
	return apierrors.IsBadRequest(err) || apierrors.IsRequestEntityTooLargeError(err)
}

// apply makes the subject's policies what is wanted. A failure with one object does not stop the others.
func (w *policyWriter) apply(ctx context.Context, who identity.Workload, wanted []*networkingv1.NetworkPolicy) (applied, error) {
	p, err := w.plan(ctx, who, wanted)
	if err != nil {
		return applied{}, err
	}
	var done applied
	for _, want := range p.create {
		w.note(&done, want, w.create(ctx, want), &done.created, outcomeCreated)
	}
	for _, u := range p.update {
		w.note(&done, u.want, w.update(ctx, u), &done.updated, outcomeUpdated)
	}
	for _, live := range p.remove {
		w.note(&done, live, w.remove(ctx, live), &done.removed, outcomeDeleted)
	}
	for _, want := range p.foreign {
		w.note(&done, want, errForeign, nil, "")
	}
	w.metrics.objects.WithLabelValues(kindNetworkPolicy, outcomeSkipped).Add(float64(p.same))
	return done, nil
}

// plan compares what is wanted with what is there.
func (w *policyWriter) plan(ctx context.Context, who identity.Workload, wanted []*networkingv1.NetworkPolicy) (plan, error) {
	owned, err := w.view.owned(ctx, who)
	if err != nil {
		return plan{}, err
	}
	at := make(map[string]*networkingv1.NetworkPolicy, len(wanted))
	for _, want := range wanted {
		live, err := w.view.at(ctx, client.ObjectKeyFromObject(want))
		if err != nil {
			return plan{}, err
		}
		if live != nil {
			at[want.Name] = live
		}
	}
	return planPolicies(who, wanted, at, owned), nil
}

// errForeign says that an object of somebody else has the name.
var errForeign = errors.New("the object exists and is not Portolan's")

// errGoing says that the namespace is on its way out, and with it everybody whom a policy could protect.
var errGoing = errors.New("the namespace is being deleted")

func isGoing(err error) bool {
	return apierrors.IsNotFound(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
}

// note files what became of one object.
func (w *policyWriter) note(done *applied, object *networkingv1.NetworkPolicy, err error, success *[]policy.ObjectRef, outcome string) {
	switch {
	case errors.Is(err, errGoing):
	case errors.Is(err, errForeign):
		done.foreign = append(done.foreign, ref(object))
		w.metrics.object(kindNetworkPolicy, outcomeConflict)
	case err != nil:
		done.failed = append(done.failed, failure{object: ref(object), err: err})
	default:
		*success = append(*success, ref(object))
		w.metrics.object(kindNetworkPolicy, outcome)
	}
}

// create writes a policy of which the cache knows nothing. It does not force, so an object that appeared meanwhile gives
// a conflict. Where it gives none, because somebody made just the same object, the fields are given back.
func (w *policyWriter) create(ctx context.Context, want *networkingv1.NetworkPolicy) error {
	body, err := firstWrite(want)
	if err != nil {
		return err
	}
	name := client.ObjectKeyFromObject(want)
	live := new(networkingv1.NetworkPolicy)
	w.view.begin(name)
	created, err := w.resource.apply(ctx, application{name: name, manager: fieldManager, body: body}, live)
	switch {
	case isGoing(err):
		w.view.end(name, written{})
		return errGoing
	case err != nil:
		w.view.end(name, written{})
		return fmt.Errorf("creating NetworkPolicy %s: %w", name, err)
	case !created && othersOwn(live.ManagedFields, fieldManager, "spec", "podSelector"):
		w.view.end(name, written{})
		return w.giveBack(ctx, live)
	}
	w.view.end(name, written{policy: trimmed(live), uid: live.UID})
	return nil
}

// giveBack takes Portolan's fields off an object that turned out to be somebody else's: whoever made it has a say in
// whom it selects. An object that Portolan made has none of that, even if somebody edited something else of it.
func (w *policyWriter) giveBack(ctx context.Context, live *networkingv1.NetworkPolicy) error {
	body, err := release(live)
	if err != nil {
		return err
	}
	name := client.ObjectKeyFromObject(live)
	answer := new(networkingv1.NetworkPolicy)
	if _, err := w.resource.apply(ctx, application{name: name, manager: fieldManager, body: body}, answer); err != nil {
		return fmt.Errorf("giving back NetworkPolicy %s, which is not Portolan's: %w", name, err)
	}
	return errForeign
}

// update makes Portolan's own object as wanted, whoever changed it.
func (w *policyWriter) update(ctx context.Context, u update) error {
	body, err := laterWrite(u.want, u.uid)
	if err != nil {
		return err
	}
	name := client.ObjectKeyFromObject(u.want)
	live := new(networkingv1.NetworkPolicy)
	w.view.begin(name)
	if _, err := w.resource.apply(ctx, application{name: name, manager: fieldManager, force: true, body: body}, live); err != nil {
		w.view.end(name, written{})
		return fmt.Errorf("updating NetworkPolicy %s: %w", name, err)
	}
	w.view.end(name, written{policy: trimmed(live), uid: live.UID})
	return nil
}

// remove deletes Portolan's own object. One that is gone already, or was replaced by another, counts as removed.
func (w *policyWriter) remove(ctx context.Context, live *networkingv1.NetworkPolicy) error {
	name := client.ObjectKeyFromObject(live)
	w.view.begin(name)
	err := w.resource.remove(ctx, live)
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		w.view.end(name, written{})
		return fmt.Errorf("deleting NetworkPolicy %s: %w", name, err)
	}
	w.view.end(name, written{uid: live.UID})
	return nil
}

// trimmed returns the object as the cache would hold it.
func trimmed(live *networkingv1.NetworkPolicy) *networkingv1.NetworkPolicy {
	live.ManagedFields = nil
	return live
}
