package controllers

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/policy"
)

// broker returns a KafkaServerConfig for StatefulSet mq/kafka, made in that second.
func broker(name string, second int64, changes ...func(*v2beta1.KafkaServerConfig)) *v2beta1.KafkaServerConfig {
	config := &v2beta1.KafkaServerConfig{
		ObjectMeta: metav1.ObjectMeta{Namespace: "mq", Name: name, Generation: 3, CreationTimestamp: metav1.Unix(second, 0)},
		Spec: v2beta1.KafkaServerConfigSpec{
			Workload: v2beta1.WorkloadReference{Name: "kafka", Kind: "StatefulSet"}, Addr: "kafka.mq:9092", Plaintext: true,
		},
	}
	for _, change := range changes {
		change(config)
	}
	return config
}

func TestJudgeBroker(t *testing.T) {
	type config = *v2beta1.KafkaServerConfig
	anyKind := func(c config) { c.Spec.Workload.Kind = "" }
	proposed := func(c config) { c.Annotations = map[string]string{v2beta1.AnnotationMode: "shadow"} }
	noAddress := func(c config) { c.Spec.Addr = "" }
	named := func(name string) func(config) { return func(c config) { c.Spec.Workload.Name = name } }
	const accepted = "the object is valid and accepted; Kafka ACLs are not built yet: Portolan does not connect to the broker, and topics are not enforced"
	const duplicate = "first is used for StatefulSet mq/kafka"
	for name, tc := range map[string]struct {
		config config
		others []config
		ready  string // reason and message
		used   bool   // another object
	}{
		"a valid object is not enforced yet":          {broker("mine", 2), nil, "NotEnforced: " + accepted, false},
		"a broker of any kind is found":               {broker("mine", 2, anyKind), nil, "NotEnforced: " + accepted, false},
		"a broker without pods is missed":             {broker("mine", 2, named("other")), nil, "WorkloadNotFound: no pod of StatefulSet mq/other", false},
		"an object without address says what to add":  {broker("mine", 2, noAddress), nil, "AddressMissing: spec.addr is missing: write <host>:<port>, for example kafka.mq:9092", false},
		"an object without spec names no broker":      {broker("mine", 2, named("")), nil, "InvalidSpec: spec.workload.name is missing: name the workload that is the broker", false},
		"the older of two is used":                    {broker("mine", 2), []config{broker("first", 1)}, "Conflict: " + duplicate, true},
		"the older one does not mind":                 {broker("mine", 2), []config{broker("second", 3)}, "NotEnforced: " + accepted, false},
		"of two of the same age the name decides":     {broker("mine", 2), []config{broker("first", 2)}, "Conflict: " + duplicate, true},
		"a kind that is not said may be the same":     {broker("mine", 2), []config{broker("first", 1, anyKind)}, "Conflict: " + duplicate, true},
		"another broker is no duplicate":              {broker("mine", 2), []config{broker("first", 1, named("other"))}, "NotEnforced: " + accepted, false},
		"a proposal displaces nobody":                 {broker("mine", 2), []config{broker("first", 1, proposed)}, "NotEnforced: " + accepted, false},
		"a proposal is displaced by nobody":           {broker("mine", 2, proposed), []config{broker("first", 1)}, "NotEnforced: " + accepted, false},
		"a duplicate says so before all other things": {broker("mine", 2, noAddress), []config{broker("first", 1)}, "Conflict: " + duplicate, true},
	} {
		t.Run(name, func(t *testing.T) {
			j := judgeBroker(brokers(append(tc.others, tc.config)...), tc.config)
			ready, conflict := j.status.Conditions[0], j.status.Conditions[1]
			if got := ready.Reason + ": " + ready.Message; got != tc.ready || ready.Type != v2beta1.ConditionReady || ready.Status != metav1.ConditionFalse {
				t.Errorf("Ready = %s %s, want False %s", ready.Status, got, tc.ready)
			}
			if got := conflict.Status == metav1.ConditionTrue; got != tc.used || (conflict.Reason == v2beta1.ReasonDuplicateServer) != tc.used || len(j.findings) > 0 != tc.used {
				t.Errorf("conflict = %v with findings %v, want a duplicate: %t", conflict, j.findings, tc.used)
			}
			if j.status.ObservedGeneration != 3 || ready.ObservedGeneration != 3 || conflict.ObservedGeneration != 3 {
				t.Errorf("status = %+v, want generation 3", j.status)
			}
		})
	}
}

func TestBrokersInAreThoseOfChangedNamespaces(t *testing.T) {
	s := step{before: brokers(broker("gone", 1)), after: brokers(broker("new", 1), broker("more", 1)), namespaces: map[string]struct{}{"mq": {}, "shop": {}}}
	var want []policy.ObjectRef
	for _, name := range []string{"gone", "more", "new"} {
		want = append(want, policy.ObjectRef{Kind: v2beta1.KindKafkaServerConfig, Namespace: "mq", Name: name})
	}
	if diff := cmp.Diff(brokersIn(s), want); diff != "" {
		t.Errorf("got, want %s", diff)
	}
	s.namespaces = map[string]struct{}{"shop": {}}
	if got := brokersIn(s); len(got) != 0 {
		t.Errorf("got %v of a namespace that did not change", got)
	}
}

// brokers returns a cluster in which StatefulSet mq/kafka has a pod, and these objects.
func brokers(configs ...*v2beta1.KafkaServerConfig) *cluster.Snapshot {
	facts := cluster.Facts{
		Namespace: "mq", Brokers: configs,
		Controllers: []*cluster.Controller{{Namespace: "mq", Kind: "StatefulSet", Name: "kafka", UID: "1"}},
		Pods:        []*cluster.Pod{{Namespace: "mq", Name: "kafka-0", UID: "2", Owner: cluster.Owner{Kind: "StatefulSet", Name: "kafka", UID: "1"}}},
	}
	space := (*cluster.Space)(nil).With(facts, cluster.Running|cluster.Declared)
	return cluster.Empty().WithSpaces([]*cluster.Space{space}, nil, time.Time{})
}
