package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/policy"
)

// podLabeler is the only writer of the label portolan.dev/workload on pods. It changes nothing else of a pod.
//
// Order, so that no rule selects nothing in between that it selected before:
//
//	needed:      label the pods, then write the policies that mention the workload
//	not needed:  write the policies that mentioned it, then remove the label
type podLabeler struct {
	api     rest.Interface // of the core group
	metrics *metrics
}

// labelChange is a pod whose label has to change.
type labelChange struct {
	namespace, name, uid string
	found                string // the value that it carries; empty when none
	value                string // the value that it needs; empty when none
	own                  string // the key of its workload
}

func changeOf(p *cluster.Pod, own, value string) labelChange {
	return labelChange{
		namespace: p.Namespace, name: p.Name, uid: p.UID, own: own,
		found: p.Labels[v2beta1.LabelWorkload], value: value,
	}
}

// isForeign reports whether the pod carries the key of another workload.
func (c labelChange) isForeign() bool { return c.found != "" && c.found != c.own }

func (c labelChange) pod() policy.ObjectRef {
	return policy.ObjectRef{Kind: kindPod, Namespace: c.namespace, Name: c.name}
}

// notice warns of a foreign key.
func (c labelChange) notice() notice {
	note := fmt.Sprintf("label %s=%s is not this pod's, whose key is %s; it was corrected", v2beta1.LabelWorkload, c.found, c.own)
	return notice{severity: policy.Warning, reason: "ForeignWorkloadLabel", note: note}
}

// labelsToGive returns the pods that must carry a label before the policies are written: those of the subject and of
// every workload that the policies mention by label.
func labelsToGive(snap *cluster.Snapshot, ruling policy.Ruling, wanted []*networkingv1.NetworkPolicy) []labelChange {
	keys := make(map[string]struct{})
	for _, p := range wanted {
		for _, key := range mentions(p) {
			keys[key] = struct{}{}
		}
	}
	if ruling.PodLabel != "" {
		keys[ruling.PodLabel] = struct{}{}
	}
	if len(keys) == 0 {
		return nil
	}
	var changes []labelChange
	for _, who := range parties(ruling) {
		key := who.Key()
		if _, mentioned := keys[key]; mentioned {
			changes = append(changes, podsWithout(snap, who, key)...)
		}
	}
	return changes
}

// parties returns the subject and everybody that its permissions name, sorted, once each.
func parties(ruling policy.Ruling) []identity.Workload {
	all := []identity.Workload{ruling.Subject}
	for _, p := range ruling.In {
		all = append(all, p.Client)
	}
	for _, p := range ruling.Out {
		all = append(all, p.Server)
	}
	slices.SortFunc(all, identity.Compare)
	return slices.Compact(all)
}

// podsWithout returns the pods of a workload that do not carry that key.
func podsWithout(snap *cluster.Snapshot, who identity.Workload, key string) []labelChange {
	workload, known := snap.Workload(who)
	if !known {
		return nil
	}
	var changes []labelChange
	for _, p := range workload.Pods {
		if p.Labels[v2beta1.LabelWorkload] != key {
			changes = append(changes, changeOf(p, key, key))
		}
	}
	return changes
}

// labelsToTake returns the pods of the subject that carry the label, whatever its value, although they need none.
func labelsToTake(snap *cluster.Snapshot, ruling policy.Ruling) []labelChange {
	workload, known := snap.Workload(ruling.Subject)
	if !known || ruling.PodLabel != "" {
		return nil
	}
	var changes []labelChange
	for _, p := range workload.Pods {
		if _, carries := p.Labels[v2beta1.LabelWorkload]; carries {
			changes = append(changes, changeOf(p, ruling.Subject.Key(), ""))
		}
	}
	return changes
}

// apply makes the changes. A failure with one pod does not stop the others.
func (l *podLabeler) apply(ctx context.Context, changes []labelChange) error {
	var errs []error
	for _, c := range changes {
		errs = append(errs, l.patch(ctx, c))
	}
	return errors.Join(errs...)
}

// patch changes the label of the pod of that uid. A pod that is gone or was replaced needs no label; its successor comes
// with a change of its own.
func (l *podLabeler) patch(ctx context.Context, c labelChange) error {
	body, err := labelPatch(c)
	if err != nil {
		return err
	}
	options := metav1.PatchOptions{FieldManager: fieldManager}
	err = l.api.Patch(types.MergePatchType).Namespace(c.namespace).Resource("pods").Name(c.name).
		VersionedParams(&options, metav1.ParameterCodec).Body(body).Do(ctx).Error()
	l.metrics.sent(kindPod, "patch", err)
	switch {
	case apierrors.IsNotFound(err), apierrors.IsConflict(err):
		return nil
	case err != nil:
		return fmt.Errorf("labelling pod %s/%s: %w", c.namespace, c.name, err)
	}
	l.metrics.object(kindPod, outcomeUpdated)
	return nil
}

const kindPod = "Pod"

// labelPatch renders a merge patch of that one label. The uid makes it fail on another pod of the same name.
func labelPatch(c labelChange) ([]byte, error) {
	var value *string
	if c.value != "" {
		value = &c.value
	}
	body, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid":    c.uid,
		"labels": map[string]*string{v2beta1.LabelWorkload: value},
	}})
	if err != nil {
		return nil, fmt.Errorf("rendering the label of pod %s/%s: %w", c.namespace, c.name, err)
	}
	return body, nil
}
