package controllers

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/declared"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/policy"
)

// find returns an object that people write, as the snapshot has it.
func find(snap *cluster.Snapshot, about policy.ObjectRef) (client.Object, bool) {
	space, known := snap.Space(about.Namespace)
	if !known {
		return nil, false
	}
	switch about.Kind {
	case v2beta1.KindClientIntents:
		return named(space.Intents(), about.Name)
	case v2beta1.KindProtectedService:
		return named(space.Protected(), about.Name)
	case v2beta1.KindKafkaServerConfig:
		return named(space.Brokers(), about.Name)
	default:
		return nil, false
	}
}

func named[O client.Object](all []O, name string) (client.Object, bool) {
	i := slices.IndexFunc(all, func(o O) bool { return o.GetName() == name })
	if i < 0 {
		return nil, false
	}
	return all[i], true
}

// concernedBy returns the subjects on whose policies the status of an object depends.
func concernedBy(snap *cluster.Snapshot, object client.Object) []identity.Workload {
	switch o := object.(type) {
	case *v2beta1.ClientIntents:
		return policy.Concerned(snap, o)
	case *v2beta1.ProtectedService:
		return policy.ConcernedBy(snap, o)
	default:
		return nil
	}
}

// judge returns what the status of an object should say.
func judge(snap *cluster.Snapshot, set policy.Settings, object client.Object, written map[identity.Workload]policy.Written) (statement, error) {
	about := refOf(object)
	switch o := object.(type) {
	case *v2beta1.ClientIntents:
		j := policy.Judge(snap, set, o, written)
		s, err := state(about, o, j.Status.Conditions, j.Status)
		s.findings = j.Findings
		return s, err
	case *v2beta1.ProtectedService:
		p := policy.JudgeProtected(snap, set, o, written)
		s, err := state(about, o, p.Status.Conditions, p.Status)
		s.findings = p.Findings
		return s, err
	case *v2beta1.KafkaServerConfig:
		j := judgeBroker(snap, o)
		s, err := state(about, o, j.status.Conditions, j.status)
		s.findings = j.findings
		return s, err
	default:
		return statement{}, fmt.Errorf("kind %s has no status to tell", about.Kind)
	}
}

// failed returns the statement that an object could not be judged.
func failed(live statement, message string) statement {
	return statement{
		about: live.about, uid: live.uid, generation: live.generation,
		fields: map[string]any{"observedGeneration": live.generation},
		conditions: []metav1.Condition{{
			Type: v2beta1.ConditionReady, Status: metav1.ConditionFalse, ObservedGeneration: live.generation,
			Reason: v2beta1.ReasonFailed, Message: message,
		}},
	}
}

// read returns what the status of an object says now; false if the cache has no such object.
func (r *StatusReconciler) read(ctx context.Context, about policy.ObjectRef) (statement, bool, error) {
	name := types.NamespacedName{Namespace: about.Namespace, Name: about.Name}
	object, err := r.stored(ctx, about.Kind, name)
	if apierrors.IsNotFound(err) {
		return statement{}, false, nil
	}
	if err != nil {
		return statement{}, false, fmt.Errorf("reading %s %s: %w", about.Kind, name, err)
	}
	return object, true, nil
}

func (r *StatusReconciler) stored(ctx context.Context, kind string, name types.NamespacedName) (statement, error) {
	switch kind {
	case v2beta1.KindClientIntents:
		o := new(declared.ClientIntents)
		err := r.live.Get(ctx, name, o)
		return stated(o, o.Status.Conditions, o.Status, err)
	case v2beta1.KindProtectedService:
		o := new(declared.ProtectedService)
		err := r.live.Get(ctx, name, o)
		return stated(o, o.Status.Conditions, o.Status, err)
	case v2beta1.KindKafkaServerConfig:
		o := new(declared.KafkaServerConfig)
		err := r.live.Get(ctx, name, o)
		return stated(o, o.Status.Conditions, o.Status, err)
	default:
		return statement{}, fmt.Errorf("kind %s has no status to tell", kind)
	}
}

// stated returns what the status of an object says that was read, unless the reading failed.
func stated(o client.Object, conditions []metav1.Condition, status any, err error) (statement, error) {
	if err != nil {
		return statement{}, err
	}
	s, err := state(refOf(o), o, conditions, status)
	s.unreadable = declared.UnreadableOf(o) != nil
	return s, err
}

// refOf names an object that people write.
func refOf(object client.Object) policy.ObjectRef {
	kind := ""
	switch object.(type) {
	case *v2beta1.ClientIntents, *declared.ClientIntents:
		kind = v2beta1.KindClientIntents
	case *v2beta1.ProtectedService, *declared.ProtectedService:
		kind = v2beta1.KindProtectedService
	case *v2beta1.KafkaServerConfig, *declared.KafkaServerConfig:
		kind = v2beta1.KindKafkaServerConfig
	}
	return policy.ObjectRef{Kind: kind, Namespace: object.GetNamespace(), Name: object.GetName()}
}
