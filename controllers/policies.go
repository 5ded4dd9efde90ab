package controllers

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-io/portolan/internal/cluster"
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

// Reconcile brings one subject's policies, and the label of its pods, to what the intents and the cluster say.
func (r *PolicyReconciler) Reconcile(ctx context.Context, who identity.Workload) (reconcile.Result, error) {
	snap := r.world.Current()
	before, err := r.policies.view.owned(ctx, who)
	if err != nil {
		return reconcile.Result{}, err
	}
	ruling, desired, err := r.decide(ctx, snap, who, before)
	defer r.book.computed(who)
	if err != nil || desired.Keep {
		return reconcile.Result{}, r.enter(ruling, desired, applied{}, before, err)
	}
	if err := r.labels.apply(ctx, labelsToGive(snap, ruling, desired.NetworkPolicies)); err != nil {
		return reconcile.Result{}, r.enter(ruling, desired, applied{}, before, err)
	}
	done, err := r.policies.apply(ctx, who, desired.NetworkPolicies)
	if err == nil {
		err = done.err()
	}
	again, labelErr := r.takeLabels(ctx, snap, ruling)
	return reconcile.Result{RequeueAfter: again}, r.enter(ruling, desired, done, before, errors.Join(err, labelErr))
}

// decide asks the pure rooms. A panic there is an error of this subject and stops nobody else; what is in the cluster
// stays as it is.
func (r *PolicyReconciler) decide(ctx context.Context, snap *cluster.Snapshot, who identity.Workload, before []*networkingv1.NetworkPolicy) (ruling policy.Ruling, desired policy.Desired, err error) {
	ruling.Subject = who
	defer func() {
		if cause := recover(); cause != nil {
			r.metrics.panics.Inc()
			log.FromContext(ctx).Info("panic while deciding", "subject", who.String(), "cause", cause, "stack", string(debug.Stack()))
			err = reconcile.TerminalError(fmt.Errorf("deciding on %s: internal error: %v", who, cause))
		}
	}()
	ruling = policy.Decide(snap, r.settings, who).Given(isolations(before))
	return ruling, networkpolicy.Compile(snap, r.settings, ruling), nil
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

// takeLabels removes the label from pods that do not need it, unless a policy still selects by it. It returns when to
// look again.
func (r *PolicyReconciler) takeLabels(ctx context.Context, snap *cluster.Snapshot, ruling policy.Ruling) (time.Duration, error) {
	changes := labelsToTake(snap, ruling)
	if len(changes) == 0 {
		return 0, nil
	}
	mentioned, err := r.policies.view.mentioned(ctx, ruling.Subject)
	if err != nil {
		return 0, err
	}
	if mentioned {
		return labelRecheck, nil
	}
	return 0, r.labels.apply(ctx, changes)
}

// enter notes the result for those who tell people about it, and returns err.
func (r *PolicyReconciler) enter(ruling policy.Ruling, desired policy.Desired, done applied, live []*networkingv1.NetworkPolicy, err error) error {
	result := result{
		ruling:   ruling,
		written:  outcome(live, desired, done, err),
		findings: desired.Findings,
	}
	snap := r.world.Current()
	result.concerns = concerned(snap, ruling.Subject)
	before, concerns := r.book.enter(result, done)
	for _, f := range freshFindings(before, result, len(done.created)+len(done.updated) > 0) {
		announce(r.recorder, r.metrics, reference(f.About, uidOf(snap, f.About)), notice{f.Severity, f.Reason, f.Message})
	}
	r.tell(concerns...)
	return err
}

// outcome returns what is in the cluster after a reconcile.
func outcome(before []*networkingv1.NetworkPolicy, desired policy.Desired, done applied, err error) policy.Written {
	after := before
	if err == nil && !desired.Keep && len(done.foreign) == 0 {
		after = desired.NetworkPolicies
	}
	w := isolations(after)
	var conflicts []string
	for _, o := range done.foreign {
		conflicts = append(conflicts, o.Kind+" "+o.Namespace+"/"+o.Name)
	}
	w.Conflict = strings.Join(conflicts, ", ")
	if err != nil {
		w.Error = err.Error()
	}
	return w
}
