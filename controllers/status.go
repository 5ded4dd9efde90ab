package controllers

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/policy"
)

// statusManager owns what is told in statuses.
const statusManager = "portolan-status"

// statusInterval is the least time between two writes to one object, unless a condition changes.
const statusInterval = time.Second

// StatusReconciler tells the author of one object what became of it, in its status and by events.
type StatusReconciler struct {
	world    World
	settings policy.Settings
	book     *book
	live     client.Reader       // the objects as they are, with their statuses
	writers  map[string]resource // by kind
	recorder Recorder
	subjects *inbox[identity.Workload] // of the policy controller: to be decided because somebody asks about them
	now      func() time.Time
	metrics  *metrics
	tally    *Tally

	mu   sync.Mutex
	told map[policy.ObjectRef]told
}

// told is what one object was told last.
type told struct {
	uid       types.UID
	statement statement // as it was written; zero before the first write
	at        time.Time // of the last write
	waiting   time.Time // since when there is something to tell that policies are written before; zero when there is not
	known     map[noticeKey]struct{}
	asked     []identity.Workload
}

// Reconcile makes the status of an object true, once everything that it depends on was decided.
func (r *StatusReconciler) Reconcile(ctx context.Context, about policy.ObjectRef) (reconcile.Result, error) {
	if !watches(r.settings.WatchedNamespaces, about.Namespace) {
		return reconcile.Result{}, nil
	}
	if r.waits(about) {
		return reconcile.Result{RequeueAfter: tellDelay}, nil
	}
	snap := r.world.Current()
	object, exists := find(snap, about)
	live, known, err := r.read(ctx, about)
	switch {
	case err != nil:
		return reconcile.Result{}, err
	case !exists && !known:
		r.forget(about)
		return reconcile.Result{}, nil
	case live.unreadable:
		return r.tellUnreadable(ctx, live)
	case !exists || !known || !isVersion(object, live):
		return reconcile.Result{RequeueAfter: statusInterval}, nil // one of the two is behind
	}
	return r.explain(ctx, snap, object, live)
}

// isVersion reports whether a statement is about that very object and generation.
func isVersion(object client.Object, s statement) bool {
	return object.GetUID() == s.uid && object.GetGeneration() == s.generation
}

// explain tells what became of an object, or has the subjects decided first on which that depends.
func (r *StatusReconciler) explain(ctx context.Context, snap *cluster.Snapshot, object client.Object, live statement) (reconcile.Result, error) {
	written, missing := r.ask(live.about, concernedBy(snap, object))
	if len(missing) > 0 {
		r.subjects.add(missing...) // whose results bring the object here again
		return reconcile.Result{}, nil
	}
	decide := func() (statement, error) { return judge(snap, r.settings, object, written) }
	want, err := r.judge(ctx, decide, live)
	if err != nil {
		return reconcile.Result{}, err
	}
	return r.tell(ctx, want, live)
}

// longestWait is how long a status waits for policies of others that are still to be written.
const longestWait = 10 * time.Second

// waits reports whether policies are to be written first: they protect, and share the API server with what is told.
func (r *StatusReconciler) waits(about policy.ObjectRef) bool {
	last, now := r.last(about), r.now()
	switch {
	case !r.subjects.busy() || (!last.waiting.IsZero() && now.Sub(last.waiting) >= longestWait):
		last.waiting = time.Time{}
	case last.waiting.IsZero():
		last.waiting = now
	}
	r.remember(about, last)
	return !last.waiting.IsZero()
}

// judge asks the pure room. A panic there is shown on the object.
func (r *StatusReconciler) judge(ctx context.Context, decide func() (statement, error), live statement) (want statement, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			r.metrics.panics.Inc()
			log.FromContext(ctx).Info("panic while judging", "object", live.about, "cause", cause, "stack", string(debug.Stack()))
			want, err = failed(live, fmt.Sprintf("internal error: %v", cause)), nil
		}
	}()
	return decide()
}

// tell announces what is new and writes the status if it differs.
func (r *StatusReconciler) tell(ctx context.Context, want, live statement) (reconcile.Result, error) {
	r.tally.note(want)
	last := r.last(want.about)
	if last.uid != want.uid { // another object of that name has heard nothing yet
		last = told{uid: want.uid, asked: last.asked}
	}
	if older(metav1.ObjectMeta{ResourceVersion: live.version}, metav1.ObjectMeta{ResourceVersion: last.statement.version}) {
		live = last.statement
	}
	differs := !live.covers(want) || (live.saysMoreThan(want) && (last.at.IsZero() || last.statement.saysMoreThan(want)))
	if wait := statusInterval - r.now().Sub(last.at); differs && wait > 0 && !live.turns(want) {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	r.announce(want, live, &last, differs)
	r.remember(want.about, last) // also if the write fails: nothing is announced twice
	if !differs {
		return reconcile.Result{}, nil
	}
	written, err := r.write(ctx, want.after(live, metav1.Time{Time: r.now()}))
	if err != nil {
		return reconcile.Result{}, err
	}
	last.statement, last.at = written, r.now()
	r.remember(want.about, last)
	return reconcile.Result{}, nil
}

// announce sends the events for what is new. An operator that has just started announces nothing that the stored status
// shows already.
func (r *StatusReconciler) announce(want, live statement, last *told, differs bool) {
	target := reference(want.about, want.uid)
	for _, n := range noticesOf(r.book.takeNews(want.about)) {
		announce(r.recorder, r.metrics, target, n)
	}
	if last.known == nil {
		last.known = announced(live)
		if !differs {
			last.known = keysOf(want.findings)
		}
	}
	for _, n := range grouped(newFindings(last.known, want.findings)) {
		announce(r.recorder, r.metrics, target, n)
	}
	last.known = keysOf(want.findings)
}

// write applies a statement and returns it with the version of the answer. Nobody else has a say in it: force takes
// back what somebody edited.
func (r *StatusReconciler) write(ctx context.Context, s statement) (statement, error) {
	body, err := s.body()
	if err != nil {
		return statement{}, err
	}
	writer := r.writers[s.about.Kind]
	answer := new(metav1.PartialObjectMetadata)
	name := types.NamespacedName{Namespace: s.about.Namespace, Name: s.about.Name}
	_, err = writer.apply(ctx, application{name: name, subresource: "status", manager: statusManager, force: true, body: body}, answer)
	switch {
	case apierrors.IsNotFound(err), apierrors.IsConflict(err): // gone, or replaced by another object of that name
		return s, nil
	case err != nil:
		return statement{}, fmt.Errorf("telling %s %s: %w", s.about.Kind, name, err)
	}
	r.metrics.object(s.about.Kind+"/status", outcomeUpdated)
	s.version = answer.ResourceVersion
	return s, nil
}

// ask returns what is known about the subjects, and which of them have to be computed first.
func (r *StatusReconciler) ask(about policy.ObjectRef, subjects []identity.Workload) (map[identity.Workload]policy.Written, []identity.Workload) {
	last := r.last(about)
	r.book.leave(about, without(last.asked, subjects))
	last.asked = subjects
	r.remember(about, last)
	return r.book.ask(about, subjects)
}

func (r *StatusReconciler) last(about policy.ObjectRef) told {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.told[about]
}

func (r *StatusReconciler) remember(about policy.ObjectRef, t told) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told[about] = t
}

func (r *StatusReconciler) forget(about policy.ObjectRef) {
	r.tally.drop(about)
	r.book.leave(about, r.last(about).asked)
	r.book.takeNews(about)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.told, about)
}
