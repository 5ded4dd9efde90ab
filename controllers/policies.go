package controllers

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/declared"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/policy"
	"github.com/portolan-io/portolan/internal/policy/networkpolicy"
)

// PolicyReconciler keeps the NetworkPolicies of one subject, a workload or a Service, as the rules want them.
type PolicyReconciler struct {
	world    World
	settings policy.Settings
	policies *policyWriter
	labels   *podLabeler
	book     *book
	tell     func(...policy.ObjectRef) // hands on the objects whose owners should hear of the result
	recorder Recorder
	metrics  *metrics
}

// labelRecheck is how long a label waits that a policy still mentions. The policy's own write comes earlier as a rule.
const labelRecheck = 2 * time.Second

// attempt is one reconcile of a subject, from what was there to what came of it.
type attempt struct {
	snap    *cluster.Snapshot
	unread  []declared.Unreadable // as of snap, or before
	subject identity.Workload
	live    []*networkingv1.NetworkPolicy // the subject's own before
	ruling  policy.Ruling
	desired policy.Desired
	unsure  bool // something in desired is there only because an object cannot be read
	applied applied
	again   time.Duration // look again after this; 0 for not before something changes
}

// Reconcile brings one subject's policies, and the label of its pods, to what the intents and the cluster say.
func (r *PolicyReconciler) Reconcile(ctx context.Context, who identity.Workload) (reconcile.Result, error) {
	r.book.begin(who)
	defer r.book.computed(who)
	a := &attempt{unread: r.world.Unreadable(), subject: who, ruling: policy.Ruling{Subject: who}}
	a.snap = r.world.Current()
	err := r.gather(ctx, a)
	if err == nil {
		err = r.decide(ctx, a)
	}
	if err == nil && !a.desired.Keep && r.watches(who.Namespace) {
		err = r.apply(ctx, a)
	}
	r.note(a, err)
	return reconcile.Result{RequeueAfter: a.again}, err
}

// gather reads what the subject has. In a namespace that is not watched nothing is read and nothing is written.
func (r *PolicyReconciler) gather(ctx context.Context, a *attempt) (err error) {
	if r.watches(a.subject.Namespace) {
		a.live, err = r.policies.view.owned(ctx, a.subject)
	}
	return err
}

func (r *PolicyReconciler) watches(namespace string) bool {
	return watches(r.settings.WatchedNamespaces, namespace)
}

// decide asks the pure rooms. A panic there is an error of this subject and stops nobody else; what is in the cluster
// stays as it is.
func (r *PolicyReconciler) decide(ctx context.Context, a *attempt) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			r.metrics.panics.Inc()
			log.FromContext(ctx).Info("panic while deciding", "subject", a.subject.String(), "cause", cause, "stack", string(debug.Stack()))
			err = reconcile.TerminalError(fmt.Errorf("deciding on %s: internal error: %v", a.subject, cause))
		}
	}()
	a.ruling = policy.Decide(a.snap, r.settings, a.subject).Given(isolations(a.live))
	a.desired = networkpolicy.Compile(a.snap, r.settings, a.ruling)
	a.desired.NetworkPolicies, a.unsure = doubtOf(a.snap, r.settings, a.unread).keep(a.desired.NetworkPolicies, a.live)
	return nil
}

// apply labels the pods that need it, writes the policies, and takes labels that nobody needs any more, in this order.
func (r *PolicyReconciler) apply(ctx context.Context, a *attempt) error {
	changes := slices.DeleteFunc(labelsToGive(a.snap, a.ruling, a.desired.NetworkPolicies), func(c labelChange) bool {
		return !r.watches(c.namespace)
	})
	if err := r.relabel(ctx, changes); err != nil {
		return err
	}
	var err error
	if a.applied, err = r.policies.apply(ctx, a.subject, a.desired.NetworkPolicies); err != nil {
		return err
	}
	if err := a.applied.err(); err != nil {
		return err
	}
	return r.takeLabels(ctx, a)
}

// isolations returns in which directions the subject's own policies isolate it.
func isolations(own []*networkingv1.NetworkPolicy) policy.Written {
	var w policy.Written
	for _, p := range own {
		w.Ingress = w.Ingress || slices.Contains(p.Spec.PolicyTypes, networkingv1.PolicyTypeIngress)
		w.Egress = w.Egress || slices.Contains(p.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
	}
	return w
}

// takeLabels removes the label from pods that do not need it, unless a policy still selects by it.
func (r *PolicyReconciler) takeLabels(ctx context.Context, a *attempt) error {
	changes := labelsToTake(a.snap, a.ruling)
	if len(changes) == 0 {
		return nil
	}
	mentioned, err := r.policies.view.mentioned(ctx, a.subject)
	if err != nil {
		return err
	}
	if mentioned {
		a.again = labelRecheck
		return nil
	}
	return r.relabel(ctx, changes)
}

// relabel changes labels, and warns where a pod carried the key of another workload.
func (r *PolicyReconciler) relabel(ctx context.Context, changes []labelChange) error {
	for _, c := range changes {
		if c.isForeign() {
			announce(r.recorder, r.metrics, reference(c.pod(), types.UID(c.uid)), c.notice())
		}
	}
	return r.labels.apply(ctx, changes)
}

// note enters the result in the book and has it told.
func (r *PolicyReconciler) note(a *attempt, err error) {
	before := r.book.last(a.subject)
	now := result{
		subject:   a.subject,
		idle:      a.ruling.Ingress == policy.ModeNone && a.ruling.Egress == policy.ModeNone,
		unsure:    a.unsure,
		label:     a.ruling.PodLabel,
		written:   outcome(a, err),
		declarers: declarers(a.ruling),
		concerns:  policy.Interested(a.snap, a.subject),
		findings:  a.desired.Findings,
	}
	if err != nil || a.desired.Keep {
		now.findings = before.findings // nothing new is known about pods and Services
	}
	for _, f := range freshFindings(before, now, len(a.applied.created)+len(a.applied.updated) > 0) {
		announce(r.recorder, r.metrics, reference(f.About, uidOf(a.snap, f.About)), notice{f.Severity, f.Reason, f.Message})
	}
	r.tell(r.book.enter(now, a.applied)...)
}

// outcome returns what is in the cluster after an attempt.
func outcome(a *attempt, err error) policy.Written {
	after := a.live
	if err == nil && !a.desired.Keep && len(a.applied.foreign) == 0 {
		after = a.desired.NetworkPolicies
	}
	w := isolations(after)
	var conflicts []string
	for _, o := range a.applied.foreign {
		conflicts = append(conflicts, o.Kind+" "+o.Namespace+"/"+o.Name)
	}
	w.Conflict = strings.Join(conflicts, ", ")
	if err != nil {
		w.Error = err.Error()
	}
	return w
}
