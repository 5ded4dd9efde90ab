package controllers

import (
	"cmp"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/policy"
)

// brokerJudgement is what a KafkaServerConfig says about itself. The status has no transition times.
type brokerJudgement struct {
	status   v2beta1.KafkaServerConfigStatus
	findings []policy.Finding
}

// remark is what one condition says.
type remark struct {
	holds           bool
	reason, message string
}

// judgeBroker says what is wrong with a KafkaServerConfig, and where nothing is, that no ACL is written for it. It is pure.
func judgeBroker(snap *cluster.Snapshot, config *v2beta1.KafkaServerConfig) brokerJudgement {
	ready, conflict := remark{}, remark{reason: v2beta1.ReasonNoConflict}
	var findings []policy.Finding
	if used := usedInstead(snap, config); used != nil {
		message := fmt.Sprintf("%s is used for %s", used.Name, brokerTitle(config))
		conflict = remark{holds: true, reason: v2beta1.ReasonDuplicateServer, message: message}
		findings = append(findings, policy.Finding{
			About: refOf(config), Target: wholeObject, Severity: policy.Warning,
			Reason: v2beta1.ReasonDuplicateServer, Message: message,
		})
	}
	for _, check := range []func() remark{
		func() remark { return brokerWithoutSpec(config) },       // an old object may name no broker
		func() remark { return brokerInConflict(conflict) },      // another object is used
		func() remark { return brokerWithoutPods(snap, config) }, // nobody to connect to
		func() remark { return brokerWithoutAddress(config) },    // nowhere to connect to
		brokerNotEnforced, // nothing is wrong, and yet it has no effect
	} {
		if ready = check(); ready.reason != "" {
			break
		}
	}
	return brokerJudgement{findings: findings, status: v2beta1.KafkaServerConfigStatus{
		ObservedGeneration: config.Generation,
		Conditions: []metav1.Condition{
			ready.condition(v2beta1.ConditionReady, config.Generation),
			conflict.condition(v2beta1.ConditionConflict, config.Generation),
		},
	}}
}

func (r remark) condition(kind string, generation int64) metav1.Condition {
	status := metav1.ConditionFalse
	if r.holds {
		status = metav1.ConditionTrue
	}
	return metav1.Condition{Type: kind, Status: status, ObservedGeneration: generation, Reason: r.reason, Message: r.message}
}

func brokerWithoutSpec(config *v2beta1.KafkaServerConfig) remark {
	if config.Spec.Workload.Name != "" {
		return remark{}
	}
	return remark{reason: v2beta1.ReasonInvalidSpec, message: "spec.workload.name is missing: name the workload that is the broker"}
}

func brokerInConflict(conflict remark) remark {
	if !conflict.holds {
		return remark{}
	}
	return remark{reason: v2beta1.ReasonConflict, message: conflict.message}
}

func brokerWithoutPods(snap *cluster.Snapshot, config *v2beta1.KafkaServerConfig) remark {
	ref := config.Spec.Workload
	if space, known := snap.Space(config.Namespace); known {
		for _, who := range space.Named(ref.Name, ref.Kind) {
			if workload, exists := space.Workload(who); exists && len(workload.Pods) > 0 {
				return remark{}
			}
		}
	}
	return remark{reason: v2beta1.ReasonWorkloadNotFound, message: "no pod of " + brokerTitle(config)}
}

func brokerWithoutAddress(config *v2beta1.KafkaServerConfig) remark {
	if config.Spec.Addr != "" {
		return remark{}
	}
	return remark{reason: v2beta1.ReasonAddressMissing, message: "spec.addr is missing: write <host>:<port>, for example kafka.mq:9092"}
}

func brokerNotEnforced() remark {
	return remark{
		reason:  v2beta1.ReasonNotEnforced,
		message: "the object is valid and accepted; Kafka ACLs are not built yet: Portolan does not connect to the broker, and topics are not enforced",
	}
}

// usedInstead returns the older object for the same broker, nil where there is none. Proposals neither yield nor win.
func usedInstead(snap *cluster.Snapshot, config *v2beta1.KafkaServerConfig) *v2beta1.KafkaServerConfig {
	space, known := snap.Space(config.Namespace)
	if !known || isProposed(config) || config.Spec.Workload.Name == "" {
		return nil
	}
	var oldest *v2beta1.KafkaServerConfig
	for _, other := range space.Brokers() {
		if !isProposed(other) && isSameBroker(other.Spec.Workload, config.Spec.Workload) && (oldest == nil || olderBroker(other, oldest) < 0) {
			oldest = other
		}
	}
	if oldest == nil || oldest.Name == config.Name {
		return nil
	}
	return oldest
}

func isProposed(config *v2beta1.KafkaServerConfig) bool {
	return config.Annotations[v2beta1.AnnotationMode] == string(v2beta1.ModeShadow)
}

func isSameBroker(a, b v2beta1.WorkloadReference) bool {
	return a.Name == b.Name && (a.Kind == b.Kind || a.Kind == "" || b.Kind == "")
}

// olderBroker orders by time of creation, then by name.
func olderBroker(a, b *v2beta1.KafkaServerConfig) int {
	return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
}

// brokerTitle names the broker for people: "StatefulSet mq/kafka".
func brokerTitle(config *v2beta1.KafkaServerConfig) string {
	return fmt.Sprintf("%s %s/%s", cmp.Or(config.Spec.Workload.Kind, "workload"), config.Namespace, config.Spec.Workload.Name)
}

// brokersIn returns the KafkaServerConfigs of namespaces, as they were or are, sorted.
func brokersIn(s step) []policy.ObjectRef {
	var found []policy.ObjectRef
	for _, namespace := range s.names() {
		for _, snap := range []*cluster.Snapshot{s.before, s.after} {
			if space, known := snap.Space(namespace); known {
				for _, config := range space.Brokers() {
					found = append(found, refOf(config))
				}
			}
		}
	}
	slices.SortFunc(found, compareRefs)
	return slices.Compact(found)
}
