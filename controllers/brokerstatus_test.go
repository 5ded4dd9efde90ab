package controllers_test

import (
	"fmt"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-io/portolan/api/v2beta1"
)

// kafka returns a KafkaServerConfig for the pod mq/kafka.
func kafka(name string) *v2beta1.KafkaServerConfig {
	return &v2beta1.KafkaServerConfig{
		ObjectMeta: metav1.ObjectMeta{Namespace: "mq", Name: name},
		Spec: v2beta1.KafkaServerConfigSpec{
			Workload: v2beta1.WorkloadReference{Name: "kafka", Kind: "Pod"}, Addr: "kafka.mq:9092", Plaintext: true,
		},
	}
}

// broker waits until Ready of a KafkaServerConfig is False for that reason, of its present generation.
func (f *fixture) broker(name, reason string) *v2beta1.KafkaServerConfig {
	f.Helper()
	found := kafka(name)
	f.eventually("waiting for "+reason+" of KafkaServerConfig "+name, func() error {
		if err := f.Get(f.Context(), keyOf(found), found); err != nil {
			return err
		}
		isSaid := func(c metav1.Condition) bool {
			return c.Type == v2beta1.ConditionReady && c.Status == metav1.ConditionFalse && c.Reason == reason && c.ObservedGeneration == found.Generation
		}
		if !slices.ContainsFunc(found.Status.Conditions, isSaid) || found.Status.ObservedGeneration != found.Generation {
			return fmt.Errorf("status is %+v", found.Status)
		}
		return nil
	})
	return found
}

func TestKafkaServerConfigsSayWhatBecameOfThem(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	o := f.start()
	f.namespace("mq")
	first := kafka("first")
	first.Spec.Addr = ""
	f.create(first)
	f.broker("first", v2beta1.ReasonWorkloadNotFound)
	f.create(pod("mq", "kafka", map[string]string{"app": "kafka"}))
	found := f.broker("first", v2beta1.ReasonAddressMissing)
	found.Spec.Addr = "kafka.mq:9092"
	f.must(f.Update(f.Context(), found))
	f.broker("first", v2beta1.ReasonNotEnforced)

	f.create(kafka("second"))
	f.broker("second", v2beta1.ReasonConflict)
	said := f.event("mq", v2beta1.KindKafkaServerConfig, "second", v2beta1.ReasonDuplicateServer)
	if want := "first is used for Pod mq/kafka"; said.Message != want {
		t.Errorf("event = %q, want %q", said.Message, want)
	}
	f.remove(kafka("first"))
	f.broker("second", v2beta1.ReasonNotEnforced)
	before := f.quiet(o)
	f.create(pod("mq", "other", nil)) // a change that concerns none of them
	if after := f.quiet(o); after != before {
		t.Errorf("%d more writes for a change that concerns nobody", after-before)
	}
}
