package live

import (
	"fmt"
	"net/netip"
	"reflect"
	"runtime"
	"strconv"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-io/portolan/api/v2beta1"
)

// The cluster of the budgets: ≤ 1 KiB a pod for pods alone, and ≤ 64 MiB for the whole picture.
const (
	manyNamespaces  = 100
	appsOfNamespace = 20 // a Deployment, a ReplicaSet, a Service and an EndpointSlice each
	podsOfApp       = 5
	manyPods        = manyNamespaces * appsOfNamespace * podsOfApp
	intentsOfSpace  = 10
)

// BenchmarkMemory reports what the picture of 10,000 pods, 2,000 Services and 1,000 ClientIntents takes, and what the pods
// of it take. Objects are decoded from the wire one by one, as they are from a watch.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		w := newWorld(nil, Options{})
		start := heap()
		fill(b, w, controllersOf)
		withControllers := heap()
		fill(b, w, podsOf)
		w.step(time.Unix(0, 0))
		withPods := heap()
		fill(b, w, servicesOf)
		fill(b, w, intentsOf)
		w.step(time.Unix(0, 0))
		b.ReportMetric(float64(withPods-withControllers)/manyPods, "B/pod")
		b.ReportMetric(float64(heap()-start)/(1<<20), "MiB/cluster")
		if got := len(w.Current().Namespaces()); got != manyNamespaces {
			b.Fatalf("%d namespaces, want %d", got, manyNamespaces)
		}
	}
}

// BenchmarkChange reports what it takes from an object to a new Snapshot of a cluster of 10,000 pods.
func BenchmarkChange(b *testing.B) {
	w := newWorld(nil, Options{})
	for _, of := range []func(int, int) []sent{controllersOf, podsOf, servicesOf, intentsOf} {
		fill(b, w, of)
	}
	w.step(time.Unix(0, 0))
	for name, of := range map[string]func(int, int) []sent{"pod": podsOf, "service": servicesOf, "intents": intentsOf} {
		b.Run(name, func(b *testing.B) {
			n := 0
			for b.Loop() {
				object := of(7, 3)[0]
				n++
				switch o := object.object.(type) {
				case *corev1.Pod:
					o.Labels["run"] = strconv.Itoa(n)
				case *corev1.Service:
					o.Spec.Ports[0].Port = int32(n)
				case *v2beta1.ClientIntents:
					o.Generation = int64(n)
				}
				put(b, w, object)
				w.step(time.Unix(int64(n), 0))
			}
		})
	}
}

// heap returns the bytes that are in use.
func heap() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// sent is an object as the API server sends it.
type sent struct {
	kind   string
	object client.Object
}

func fill(b *testing.B, w *World, of func(space, app int) []sent) {
	b.Helper()
	for space := range manyNamespaces {
		for app := range appsOfNamespace {
			for _, s := range of(space, app) {
				put(b, w, s)
			}
		}
	}
}

func put(b *testing.B, w *World, s sent) {
	b.Helper()
	for _, stream := range w.streams {
		if stream.kind.name == s.kind {
			if err := stream.Add(stored(decoded(b, s.object))); err != nil {
				b.Fatal(err)
			}
			return
		}
	}
	b.Fatalf("no stream of kind %s", s.kind)
}

// decoded returns o as it comes from the API server: no text or map is shared with another object.
func decoded(b *testing.B, o client.Object) client.Object {
	b.Helper()
	coded, ok := o.(interface{ Marshal() ([]byte, error) })
	if !ok {
		return o
	}
	data, err := coded.Marshal()
	if err != nil {
		b.Fatal(err)
	}
	fresh := reflect.New(reflect.TypeOf(o).Elem()).Interface().(interface {
		client.Object
		Unmarshal([]byte) error
	})
	if err := fresh.Unmarshal(data); err != nil {
		b.Fatal(err)
	}
	return fresh
}

func names(space, app int) (namespace, deployment, replicaSet string) {
	namespace = fmt.Sprintf("team-%02d-production", space)
	deployment = fmt.Sprintf("recommendation-engine-%02d", app)
	return namespace, deployment, deployment + "-7d9c5b6f4d"
}

func labelsOf(space, app int) map[string]string {
	_, deployment, _ := names(space, app)
	return map[string]string{
		"app.kubernetes.io/name": deployment, "app.kubernetes.io/instance": deployment, "app.kubernetes.io/version": "1.4.2",
		"app.kubernetes.io/part-of": "recommendations", "pod-template-hash": "7d9c5b6f4d",
	}
}

func address(space, app, pod int) string {
	n := space*appsOfNamespace*podsOfApp + app*podsOfApp + pod
	return netip.AddrFrom4([4]byte{10, byte(1 + n>>16), byte(n >> 8), byte(n)}).String()
}

// longUID returns a UID of the length that real ones have.
func longUID(parts ...any) types.UID { return types.UID(fmt.Sprintf("%-36s", fmt.Sprint(parts...))) }

func controllersOf(space, app int) []sent {
	namespace, deployment, replicaSet := names(space, app)
	labels := labelsOf(space, app)
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app.kubernetes.io/name": deployment}}
	controller := true
	return []sent{
		{"Deployment", &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: deployment, UID: longUID("deployment", space, app)},
			Spec:       appsv1.DeploymentSpec{Selector: selector, Template: template(labels)},
		}},
		{"ReplicaSet", &appsv1.ReplicaSet{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: namespace, Name: replicaSet, UID: longUID("replicaset", space, app),
				OwnerReferences: []metav1.OwnerReference{{
					Kind: "Deployment", Name: deployment, UID: longUID("deployment", space, app), Controller: &controller,
				}},
			},
			Spec: appsv1.ReplicaSetSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template(labels)},
		}},
	}
}

func podsOf(space, app int) []sent {
	namespace, _, replicaSet := names(space, app)
	controller := true
	var all []sent
	for i := range podsOfApp {
		all = append(all, sent{"Pod", &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: namespace, Name: fmt.Sprintf("%s-x8k%02d", replicaSet, i), UID: longUID("pod", space, app, i),
				Labels: labelsOf(space, app), CreationTimestamp: metav1.Unix(1_700_000_000, 0),
				OwnerReferences: []metav1.OwnerReference{{
					Kind: "ReplicaSet", Name: replicaSet, UID: longUID("replicaset", space, app), Controller: &controller,
				}},
			},
			Spec: corev1.PodSpec{
				NodeName: fmt.Sprintf("ip-10-0-%d-%d.eu-central-1.compute.internal", space, i), ServiceAccountName: "recommendation",
				Containers: []corev1.Container{{
					Name: "main", Image: "registry.example.com/team/recommendation-engine:1.4.2",
					Env:   []corev1.EnvVar{{Name: "A", Value: "b"}, {Name: "C", Value: "d"}},
					Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}, {Name: "metrics", ContainerPort: 9090}},
				}},
			},
			Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIPs: []corev1.PodIP{{IP: address(space, app, i)}}},
		}})
	}
	return all
}

func servicesOf(space, app int) []sent {
	namespace, deployment, replicaSet := names(space, app)
	ready, port, name := true, int32(8080), "http"
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: deployment + "-abcde", Labels: map[string]string{discoveryv1.LabelServiceName: deployment},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: &name, Port: &port}},
	}
	for i := range podsOfApp {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{address(space, app, i)}, Conditions: discoveryv1.EndpointConditions{Ready: &ready},
			TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: fmt.Sprintf("%s-x8k%02d", replicaSet, i)},
		})
	}
	return []sent{
		{"Service", &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: deployment},
			Spec: corev1.ServiceSpec{
				ClusterIPs: []string{netip.AddrFrom4([4]byte{10, 96, byte(space), byte(app)}).String()},
				Selector:   map[string]string{"app.kubernetes.io/name": deployment},
				Ports:      []corev1.ServicePort{{Name: "http", Port: 80}},
			},
		}},
		{"EndpointSlice", slice},
	}
}

func intentsOf(space, app int) []sent {
	if app >= intentsOfSpace {
		return nil
	}
	namespace, deployment, _ := names(space, app)
	intents := &v2beta1.ClientIntents{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: deployment, UID: longUID("intents", space, app)},
		Spec:       v2beta1.ClientIntentsSpec{Workload: v2beta1.WorkloadReference{Name: deployment, Kind: "Deployment"}},
	}
	for i := range 5 {
		_, server, _ := names(space, (app+i)%appsOfNamespace)
		intents.Spec.Targets = append(intents.Spec.Targets, v2beta1.Target{Kubernetes: &v2beta1.KubernetesTarget{Name: server}})
	}
	return []sent{{"ClientIntents", intents}}
}
