package live_test

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/declared"
	"github.com/portolan-io/portolan/internal/cluster/live"
	"github.com/portolan-io/portolan/internal/testkit"
)

// broken returns a manifest of an object whose spec is text.
func broken(kind, name string) string {
	return "{apiVersion: k8s.otterize.com/v2beta1, kind: " + kind + ", metadata: {namespace: torn, name: " + name + "}, spec: none}"
}

// testUnreadable has objects that do not decode arrive by watch and by list, beside those of a World that runs and of one
// that starts.
func (s *server) testUnreadable(t *testing.T) {
	s.namespace(t, "torn")
	s.create(t, intentsOf("known"), intentsOf("fine"))
	o := observe(t, s.as("portolan"), live.Options{})
	for crd, kind := range map[string]string{
		"clientintents": v2beta1.KindClientIntents, "protectedservices": v2beta1.KindProtectedService,
		"kafkaserverconfigs": v2beta1.KindKafkaServerConfig,
	} {
		manifests := []string{broken(kind, "bad")}
		if kind == v2beta1.KindClientIntents {
			manifests = append(manifests, broken(kind, "known"))
		}
		testkit.StoreUnchecked(t, s.config, crd+"."+v2beta1.Group, manifests...)
	}
	late := intentsOf("late")
	s.create(t, late)
	o.until(t, "what came after the objects that do not decode", intentsAre("fine", "known", "late"))
	o.names(t, "ClientIntents torn/bad", "ClientIntents torn/known remembered", "KafkaServerConfig torn/bad", "ProtectedService torn/bad")

	fresh := observe(t, s.as("portolan"), live.Options{})
	fresh.until(t, "everything else after a start", intentsAre("fine", "late"))
	fresh.names(t, "ClientIntents torn/bad", "ClientIntents torn/known", "KafkaServerConfig torn/bad", "ProtectedService torn/bad")
	for _, k := range fresh.Status().Kinds {
		if k.Error != "" {
			t.Errorf("status = %+v, want no error", k)
		}
	}
	for _, bad := range []*v2beta1.ClientIntents{intentsOf("bad"), intentsOf("known")} {
		if err := s.client.Delete(t.Context(), bad); err != nil {
			t.Fatal(err)
		}
	}
	o.until(t, "the end of an object that does not decode", intentsAre("fine", "late"))
	o.names(t, "KafkaServerConfig torn/bad", "ProtectedService torn/bad")
}

func intentsOf(name string) *v2beta1.ClientIntents {
	return &v2beta1.ClientIntents{
		ObjectMeta: metav1.ObjectMeta{Namespace: "torn", Name: name},
		Spec:       v2beta1.ClientIntentsSpec{Workload: v2beta1.WorkloadReference{Name: name}, Targets: []v2beta1.Target{}},
	}
}

// intentsAre reports whether the Snapshot shows just these ClientIntents.
func intentsAre(want ...string) func(*cluster.Snapshot) bool {
	return func(snap *cluster.Snapshot) bool {
		space, _ := snap.Space("torn")
		var got []string
		for _, i := range space.Intents() {
			got = append(got, i.Name)
		}
		slices.Sort(got)
		return slices.Equal(got, want)
	}
}

// names waits until just these objects are unreadable.
func (o *observed) names(t *testing.T, want ...string) {
	t.Helper()
	o.until(t, "the objects that do not decode", func(*cluster.Snapshot) bool {
		var got []string
		for _, u := range o.Unreadable() {
			got = append(got, describe(u))
		}
		return slices.Equal(got, want)
	})
}

func describe(u declared.Unreadable) string {
	if u.Remembered {
		return u.String() + " remembered"
	}
	return u.String()
}
