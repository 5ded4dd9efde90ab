package policy

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
)

// changed returns the objects of two lists that have no equal of the same name in the other: both versions of an object
// that changed, and the one of an object that came or went.
func changed[T comparable](before, after []T, name func(T) string, same func(a, b T) bool) []T {
	old := make(map[string]T, len(before))
	for _, b := range before {
		old[name(b)] = b
	}
	var found []T
	for _, a := range after {
		b, existed := old[name(a)]
		delete(old, name(a))
		switch {
		case !existed:
			found = append(found, a)
		case a != b && !same(a, b):
			found = append(found, b, a)
		}
	}
	for _, b := range before {
		if _, gone := old[name(b)]; gone {
			found = append(found, b)
		}
	}
	return found
}

// sameIntents compares what rules read of a ClientIntents: everything but what its status says about itself.
func sameIntents(a, b *v2beta1.ClientIntents) bool {
	return a.CreationTimestamp.Equal(&b.CreationTimestamp) &&
		a.Annotations[v2beta1.AnnotationMode] == b.Annotations[v2beta1.AnnotationMode] &&
		equality.Semantic.DeepEqual(a.Spec, b.Spec) &&
		equality.Semantic.DeepEqual(a.Status.ResolvedIPs, b.Status.ResolvedIPs)
}

func sameProtected(a, b *v2beta1.ProtectedService) bool { return a.Spec == b.Spec }

func sameService(a, b *cluster.Service) bool { return reflect.DeepEqual(a, b) }

// sameAPIServer compares the addresses and ports of the API server in both versions of its namespace.
func sameAPIServer(before, after *cluster.Space) bool {
	name := identity.APIServer().Name
	was, _ := before.Service(name)
	is, _ := after.Service(name)
	return reflect.DeepEqual(was, is) && reflect.DeepEqual(before.Slices(name), after.Slices(name))
}

func intentsName(i *v2beta1.ClientIntents) string { return i.Name }

func protectedName(p *v2beta1.ProtectedService) string { return p.Name }

func serviceName(s *cluster.Service) string { return s.Name }

// selectorKeys are the label keys that Services of a namespace select by. Other labels of a pod, such as the hash of its
// template, decide nothing that a workload's own labels do not.
func selectorKeys(spaces ...*cluster.Space) map[string]struct{} {
	keys := make(map[string]struct{})
	for _, space := range spaces {
		for _, service := range space.Services() {
			for key := range service.Selector {
				keys[key] = struct{}{}
			}
		}
	}
	return keys
}

// sameWorkload compares what rules read of a workload: how it is selected, which Services may select it, and what its
// pods say about callers. keys are the label keys by which Services select.
func sameWorkload(a, b *cluster.Workload, keys map[string]struct{}) bool {
	if !maps.Equal(a.OwnLabels, b.OwnLabels) || (len(a.Pods) == 0) != (len(b.Pods) == 0) {
		return false
	}
	if slices.Equal(a.Pods, b.Pods) && slices.Equal(a.Controllers, b.Controllers) {
		return true
	}
	return sameSelection(a, b) && sameAnnotations(a, b) &&
		reflect.DeepEqual(projections(a, keys), projections(b, keys))
}

func sameSelection(a, b *cluster.Workload) bool {
	before, after := selectPods(a.OwnLabels, a.Pods), selectPods(b.OwnLabels, b.Pods)
	return slices.Equal(before.Hosts, after.Hosts) && inPodNetwork(a) == inPodNetwork(b)
}

// inPodNetwork reports whether a pod of the workload is not on the host network.
func inPodNetwork(w *cluster.Workload) bool {
	return slices.ContainsFunc(w.Pods, func(p *cluster.Pod) bool { return !p.HostNetwork })
}

// sameAnnotations compares the annotations of the pods that carry some.
func sameAnnotations(a, b *cluster.Workload) bool {
	type annotations struct {
		pod, calledBy, name string
		terminating         bool
	}
	of := func(w *cluster.Workload) []annotations {
		var found []annotations
		for _, p := range w.Pods {
			if p.CalledBy != "" || p.WorkloadName != "" {
				found = append(found, annotations{p.Name, p.CalledBy, p.WorkloadName, p.Terminating})
			}
		}
		return found
	}
	return slices.Equal(of(a), of(b))
}

// projections returns the distinct label sets of a workload's pods and, apart from them, of its templates, cut down to the
// given keys.
func projections(w *cluster.Workload, keys map[string]struct{}) map[projection]struct{} {
	found := make(map[projection]struct{})
	for _, labels := range labelsOfPods(w.Pods) {
		found[projection{labels: project(labels, keys)}] = struct{}{}
	}
	for _, c := range w.Controllers {
		found[projection{ofTemplate: true, labels: project(c.TemplateLabels, keys)}] = struct{}{}
	}
	return found
}

type projection struct {
	ofTemplate bool
	labels     string
}

func project(labels map[string]string, keys map[string]struct{}) string {
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if _, selected := keys[key]; selected {
			text.WriteString(key + "=" + labels[key] + ",")
		}
	}
	return text.String()
}

// changedWorkloads returns the identities of a namespace that are not the same in both of its versions.
func changedWorkloads(before, after *cluster.Space) []identity.Workload {
	keys := selectorKeys(before, after)
	var found []identity.Workload
	for _, id := range before.Workloads() {
		b, _ := before.Workload(id)
		a, still := after.Workload(id)
		if !still || !sameWorkload(b, a, keys) {
			found = append(found, id)
		}
	}
	for _, id := range after.Workloads() {
		if _, existed := before.Workload(id); !existed {
			found = append(found, id)
		}
	}
	return found
}
