package trim_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/trim"
)

func at(seconds int64) metav1.Time { return metav1.Unix(1_900_000_000+seconds, 0) }

func terminated(seconds int64) corev1.ContainerStatus {
	return corev1.ContainerStatus{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{FinishedAt: at(seconds)}}}
}

func TestALeaseEndsWhenThePodStopsToOwnItsAddresses(t *testing.T) {
	deleted := at(30)
	for name, tc := range map[string]struct {
		pod  corev1.Pod
		want time.Time
	}{
		"not while it runs": {corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodRunning}}, time.Time{}},
		"not while a container starts again": {
			corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{terminated(5)}}}, time.Time{},
		},
		"with its last container, when it succeeded": {
			corev1.Pod{Status: corev1.PodStatus{
				Phase: corev1.PodSucceeded, ContainerStatuses: []corev1.ContainerStatus{terminated(5), terminated(9), terminated(7)},
			}}, at(9).Time,
		},
		"with its last container, also when that is a sidecar": {
			corev1.Pod{Status: corev1.PodStatus{
				Phase: corev1.PodFailed, ContainerStatuses: []corev1.ContainerStatus{terminated(5)},
				InitContainerStatuses: []corev1.ContainerStatus{terminated(8)},
			}}, at(8).Time,
		},
		"with the grace period, when it is deleted": {
			corev1.Pod{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &deleted}, Status: corev1.PodStatus{Phase: corev1.PodRunning}}, at(30).Time,
		},
		"with its last container, when that is before the end of the grace period": {
			corev1.Pod{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &deleted}, Status: corev1.PodStatus{
				Phase: corev1.PodSucceeded, ContainerStatuses: []corev1.ContainerStatus{terminated(9)},
			}}, at(9).Time,
		},
		"with the grace period, when that is before its last container": {
			corev1.Pod{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &deleted}, Status: corev1.PodStatus{
				Phase: corev1.PodFailed, ContainerStatuses: []corev1.ContainerStatus{terminated(99)},
			}}, at(30).Time,
		},
		"with its last condition, when it was evicted and its containers say nothing": {
			corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodFailed, Conditions: []corev1.PodCondition{
				{Type: corev1.PodReady, LastTransitionTime: at(4)}, {Type: corev1.DisruptionTarget, LastTransitionTime: at(6)},
			}}}, at(6).Time,
		},
		"with its creation, when nothing else is known": {
			corev1.Pod{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: at(1)}, Status: corev1.PodStatus{Phase: corev1.PodFailed}}, at(1).Time,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := trim.Pod(&tc.pod, trim.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if !got.Ended.Equal(tc.want) {
				t.Errorf("ended = %s, want %s", got.Ended, tc.want)
			}
		})
	}
}

func TestPodKeepsWhatIsUsed(t *testing.T) {
	yes, always := true, corev1.ContainerRestartPolicyAlways
	got, err := trim.Pod(&corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: "web-1", UID: "u1", Labels: map[string]string{"app": "web"}, CreationTimestamp: at(0),
			Annotations: map[string]string{
				"intents.otterize.com/called-by": "[]", "prometheus.io/scrape": "true", "example.com/other": "x",
			},
			OwnerReferences: []metav1.OwnerReference{
				{Kind: "Backup", Name: "b", UID: "b1"}, {Kind: "ReplicaSet", Name: "web", UID: "r1", Controller: &yes},
			},
		},
		Spec: corev1.PodSpec{
			NodeName: "n1", HostNetwork: true, ServiceAccountName: "till",
			InitContainers: []corev1.Container{
				{Name: "proxy", RestartPolicy: &always, Ports: []corev1.ContainerPort{{Name: "mesh", ContainerPort: 15008}}},
				{Name: "setup", Ports: []corev1.ContainerPort{{ContainerPort: 1}}},
			},
			Containers: []corev1.Container{{Name: "main", Ports: []corev1.ContainerPort{
				{Name: "dns", ContainerPort: 53, HostPort: 53, Protocol: corev1.ProtocolUDP, HostIP: "192.0.2.1"},
				{ContainerPort: 54, HostPort: 54, HostIP: "0.0.0.0"},
			}}},
		},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, PodIPs: []corev1.PodIP{{IP: "192.0.2.1"}, {IP: "::ffff:192.0.2.2"}}, HostIPs: []corev1.HostIP{{IP: "192.0.2.1"}},
		},
	}, trim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := &cluster.Pod{
		Namespace: "shop", Name: "web-1", UID: "u1", Owner: cluster.Owner{Kind: "ReplicaSet", Name: "web", UID: "r1"},
		Labels: map[string]string{"app": "web"}, Annotations: map[string]string{"prometheus.io/scrape": "true"}, CalledBy: "[]",
		Node: "n1", HostNetwork: true, HostIPs: []netip.Addr{netip.MustParseAddr("192.0.2.1")},
		IPs:            []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")},
		ServiceAccount: "till", Created: at(0).UTC(),
		Ports: []cluster.ContainerPort{
			{Name: "dns", Port: 53, HostPort: 53, Protocol: "UDP", HostIP: netip.MustParseAddr("192.0.2.1")},
			{Port: 54, HostPort: 54, Protocol: "TCP"},
			{Name: "mesh", Port: 15008, Protocol: "TCP"},
		},
	}
	if diff := cmp.Diff(got, want, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("pod (-got +want):\n%s", diff)
	}
}

func TestTheNameAnnotationIsTheOneThatIsAskedFor(t *testing.T) {
	for name, tc := range map[string]struct {
		key         string
		annotations map[string]string
		want        string
	}{
		"none":                           {"", nil, ""},
		"the usual one":                  {"", map[string]string{"intents.otterize.com/workload-name": "a.b"}, "a.b"},
		"the deprecated one":             {"", map[string]string{"intents.otterize.com/service-name": "a"}, "a"},
		"the usual before the other":     {"", map[string]string{"intents.otterize.com/workload-name": "a", "intents.otterize.com/service-name": "b"}, "a"},
		"an empty one counts as absent":  {"", map[string]string{"intents.otterize.com/workload-name": "", "intents.otterize.com/service-name": "b"}, "b"},
		"the configured one":             {"example.com/who", map[string]string{"example.com/who": "c", "intents.otterize.com/workload-name": "a"}, "c"},
		"a huge one is cut, still wrong": {"", map[string]string{"intents.otterize.com/workload-name": strings.Repeat("a", 1<<17)}, strings.Repeat("a", 254)},
	} {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Annotations: tc.annotations}}
			got, err := trim.Pod(pod, trim.Options{WorkloadNameAnnotation: tc.key})
			if err != nil || got.WorkloadName != tc.want {
				t.Errorf("name = %.20q, %v, want %.20q", got.WorkloadName, err, tc.want)
			}
		})
	}
}
