package live

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/trim"
)

// TestThePictureIsThatOfTheObjects is the law of a World: after any history of events, lists and snapshots, the newest
// Snapshot shows what a snapshot made of the objects at once would show.
func TestThePictureIsThatOfTheObjects(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(nil, Options{})
		there := make(map[string]client.Object) // by kind, namespace and name, as it could last be read
		unreadable := make(map[string]bool)
		for second := range rapid.IntRange(1, 25).Draw(t, "events") {
			kind := rapid.SampledFrom([]string{"Pod", "Service", "EndpointSlice", "ClientIntents", "Deployment", "ReplicaSet"}).Draw(t, "kind")
			object := anyObject(t, kind)
			key := kind + "/" + object.GetNamespace() + "/" + object.GetName()
			stream := w.streams[slices.IndexFunc(w.streams, func(s *stream) bool { return s.kind.name == kind })]
			switch rapid.IntRange(0, 5).Draw(t, "event") {
			case 0:
				if object, known := there[key]; known && !makesPods(kind) {
					delete(there, key)
					delete(unreadable, key)
					must(t, stream.Delete(stored(object)))
				}
			case 1:
				maps.DeleteFunc(there, func(k string, _ client.Object) bool {
					return k != key && !makesPods(kind) && strings.HasPrefix(k, kind+"/")
				})
				maps.DeleteFunc(unreadable, func(k string, _ bool) bool { return strings.HasPrefix(k, kind+"/") })
				there[key] = object
				must(t, stream.Replace(all(there, kind), "1"))
			case 2:
				if kind == v2beta1.KindClientIntents {
					unreadable[key] = true
					must(t, stream.Add(broken(object)))
				}
			default:
				there[key] = object
				delete(unreadable, key)
				must(t, stream.Add(stored(object.DeepCopyObject())))
			}
			if rapid.Bool().Draw(t, "snapshot") {
				w.step(time.Unix(int64(second), 0))
			}
		}
		w.step(time.Unix(100, 0))
		var objects []runtime.Object
		for _, o := range there {
			objects = append(objects, o)
		}
		want, err := trim.FromObjects(objects)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := shows(w.Current()), shows(want); !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %v\nwant %v", got, want)
		}
		got := make(map[string]bool)
		for _, u := range w.Unreadable() {
			key := u.Kind + "/" + u.Namespace + "/" + u.Name
			if _, known := there[key]; known != u.Remembered {
				t.Fatalf("%s is remembered: %t, want %t", key, u.Remembered, known)
			}
			got[key] = true
		}
		if !maps.Equal(got, unreadable) {
			t.Fatalf("unreadable: got %v, want %v", got, unreadable)
		}
	})
}

func must(t *rapid.T, err error) {
	if err != nil {
		t.Fatal(err)
	}
}

// makesPods reports whether objects of a kind name pods. They are not removed here: then they would go on naming them.
func makesPods(kind string) bool { return kind == "Deployment" || kind == "ReplicaSet" }

func all(there map[string]client.Object, kind string) []any {
	var list []any
	for _, key := range slices.Sorted(maps.Keys(there)) {
		if strings.HasPrefix(key, kind+"/") {
			list = append(list, stored(there[key].DeepCopyObject()))
		}
	}
	return list
}

// shows returns what a snapshot says about every namespace, in words.
func shows(s *cluster.Snapshot) []string {
	var lines []string
	for _, name := range s.Namespaces() {
		space, _ := s.Space(name)
		lines = append(lines, fmt.Sprintln(name, space.Labels))
		for _, id := range space.Workloads() {
			workload, _ := space.Workload(id)
			lines = append(lines, fmt.Sprintln(id, workload.OwnLabels, len(workload.Controllers)))
			for _, p := range workload.Pods {
				lines = append(lines, fmt.Sprintln(p.Name, p.IPs, p.Labels))
			}
		}
		for _, service := range space.Services() {
			lines = append(lines, fmt.Sprintln(service.Name, service.ClusterIPs, space.Behind(service.Name)))
		}
		for _, i := range space.Intents() {
			lines = append(lines, fmt.Sprintln(i.Name, i.Spec.Workload.Name))
		}
	}
	return lines
}

func anyObject(t *rapid.T, kind string) client.Object {
	namespace := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "namespace")
	name := rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "name")
	choice := rapid.IntRange(0, 2).Draw(t, "choice")
	meta := metav1.ObjectMeta{Namespace: namespace, Name: name}
	switch kind {
	case "Pod":
		p := pod(namespace, name, fmt.Sprintf("10.0.0.%d", choice))
		if choice > 0 {
			p.Labels = map[string]string{"app": name, "pod-template-hash": "1"}
			p.OwnerReferences = ownedBy("ReplicaSet", name+"-1", "replicaset-"+p.UID[len("uid-"):])
		}
		return p
	case "Service":
		return &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{
			ClusterIPs: []string{fmt.Sprintf("10.96.0.%d", choice)}, Selector: map[string]string{"app": "x"},
		}}
	case "EndpointSlice":
		meta.Labels = map[string]string{discoveryv1.LabelServiceName: "y"}
		return &discoveryv1.EndpointSlice{ObjectMeta: meta, Endpoints: []discoveryv1.Endpoint{
			{TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: []string{"x", "y", "z"}[choice]}},
		}}
	case "Deployment":
		return deploymentOf(namespace, name)
	case "ReplicaSet":
		return replicaSetOf(namespace, name)
	default:
		return &v2beta1.ClientIntents{ObjectMeta: meta, Spec: v2beta1.ClientIntentsSpec{
			Workload: v2beta1.WorkloadReference{Name: []string{"x", "y", "z"}[choice]},
		}}
	}
}
