package live_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/live"
)

// testEndpoints: a Service without EndpointSlices has its Endpoints object. Those of Kubernetes itself are not read.
func (s *server) testEndpoints(t *testing.T) {
	s.namespace(t, "legacy")
	endpoints := func(name string, labels map[string]string) *corev1.Endpoints { //nolint:staticcheck // the point of this test
		return &corev1.Endpoints{ //nolint:staticcheck // the point of this test
			ObjectMeta: metav1.ObjectMeta{Namespace: "legacy", Name: name, Labels: labels},
			Subsets:    []corev1.EndpointSubset{{Addresses: []corev1.EndpointAddress{{IP: "192.0.2.1"}}}}, //nolint:staticcheck // the point of this test
		}
	}
	s.create(t,
		endpoints("alone", nil), endpoints("both", nil),
		endpoints("made", map[string]string{"endpoints.kubernetes.io/managed-by": "endpoint-controller"}),
		&discoveryv1.EndpointSlice{
			ObjectMeta:  metav1.ObjectMeta{Namespace: "legacy", Name: "both-1", Labels: map[string]string{"kubernetes.io/service-name": "both"}},
			AddressType: discoveryv1.AddressTypeIPv4, Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"192.0.2.2"}}},
		})
	o := observe(t, s.as("portolan"), live.Options{})
	o.until(t, "the Endpoints", func(snap *cluster.Snapshot) bool {
		space, known := snap.Space("legacy")
		return known && len(space.Slices("alone")) == 1 && len(space.Slices("both")) == 1
	})
	space, _ := o.Current().Space("legacy")
	for service, want := range map[string]string{"alone": "192.0.2.1", "both": "192.0.2.2"} {
		if got := space.Slices(service)[0].Endpoints[0].Addresses[0].String(); got != want {
			t.Errorf("behind %s is %s, want %s", service, got, want)
		}
	}
	if made := space.Slices("made"); len(made) != 0 {
		t.Errorf("the Endpoints that Kubernetes makes beside slices were read: %+v", made[0])
	}
}
