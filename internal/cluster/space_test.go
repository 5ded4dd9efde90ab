package cluster_test

import (
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

// TestEqualFactsInAnyOrderGiveEqualSpaces is the law of NewSpace.
func TestEqualFactsInAnyOrderGiveEqualSpaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := facts("shop").Draw(t, "facts")
		shuffled := cluster.Facts{
			Namespace: f.Namespace, Labels: f.Labels,
			Pods:        rapid.Permutation(f.Pods).Draw(t, "pods"),
			Controllers: rapid.Permutation(f.Controllers).Draw(t, "controllers"),
			Services:    rapid.Permutation(f.Services).Draw(t, "services"),
			Slices:      rapid.Permutation(f.Slices).Draw(t, "slices"),
			Intents:     rapid.Permutation(f.Intents).Draw(t, "intents"),
		}
		if diff := difference(everything(cluster.NewSpace(shuffled)), everything(cluster.NewSpace(f))); diff != "" {
			t.Fatalf("the order matters (-got +want):\n%s", diff)
		}
	})
}

// TestWithIsNewSpace is the law of With: indexing what changed gives what indexing everything gives.
func TestWithIsNewSpace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, next := facts("shop").Draw(t, "before"), facts("shop").Draw(t, "next")
		parts := cluster.Parts(rapid.IntRange(0, int(cluster.Everything)).Draw(t, "parts"))
		mixed, given := before, cluster.Facts{Namespace: next.Namespace, Labels: next.Labels}
		mixed.Labels = next.Labels
		if parts&cluster.Running != 0 {
			given.Pods, given.Controllers = next.Pods, next.Controllers
			mixed.Pods, mixed.Controllers = next.Pods, next.Controllers
		}
		if parts&cluster.Serving != 0 {
			given.Services, given.Slices = next.Services, next.Slices
			mixed.Services, mixed.Slices = next.Services, next.Slices
		}
		if parts&cluster.Declared != 0 {
			given.Intents, mixed.Intents = next.Intents, next.Intents
		}
		got := cluster.NewSpace(before).With(given, parts)
		if diff := difference(everything(got), everything(cluster.NewSpace(mixed))); diff != "" {
			t.Fatalf("With(%b) differs from NewSpace (-got +want):\n%s", parts, diff)
		}
	})
}

// TestOwnLabelsSelectExactlyTheWorkload compares OwnLabels with the rule, read naively.
func TestOwnLabelsSelectExactlyTheWorkload(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := facts("shop").Draw(t, "facts")
		space := cluster.NewSpace(f)
		for _, id := range space.Workloads() {
			w, _ := space.Workload(id)
			if len(w.Controllers) != 1 || len(w.Controllers[0].MatchLabels) == 0 {
				if w.OwnLabels != nil {
					t.Fatalf("%s has own labels %v without one selector", id, w.OwnLabels)
				}
				continue
			}
			selector := w.Controllers[0].MatchLabels
			if exact := selectsExactly(f, space, id, selector); exact != (w.OwnLabels != nil) {
				t.Fatalf("%s: own labels %v, want exact = %v for %v", id, w.OwnLabels, exact, selector)
			}
			if w.OwnLabels != nil && !slices.Equal(space.Selected(w.OwnLabels), w.Pods) {
				t.Fatalf("%s: %v selects other pods than those of the workload", id, w.OwnLabels)
			}
		}
	})
}

// selectsExactly reports whether a selector selects the pods of a workload, no other pod and no other pod template.
func selectsExactly(f cluster.Facts, space *cluster.Space, id identity.Workload, selector labels) bool {
	for _, p := range f.Pods {
		who, _ := space.WorkloadOf(p.Name)
		if !p.Finished && (who == id) != matches(selector, p.Labels) {
			return false
		}
	}
	for _, c := range f.Controllers {
		top := c.Name
		if c.Owner.Name != "" {
			top = c.Owner.Name
		}
		if matches(selector, c.TemplateLabels) && top != id.Name {
			return false
		}
	}
	return true
}

func matches(selector, l labels) bool {
	for k, v := range selector {
		if l[k] != v {
			return false
		}
	}
	return len(selector) > 0
}

// TestAnOlderSnapshotNeverChanges builds snapshots one from the other and looks at each again at the end.
func TestAnOlderSnapshotNeverChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		snapshot := cluster.Empty()
		var snapshots []*cluster.Snapshot
		var seen []map[string]any
		for second := range rapid.IntRange(2, 8).Draw(t, "steps") {
			switch name := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "namespace"); {
			case rapid.IntRange(0, 4).Draw(t, "gone") == 0:
				snapshot = snapshot.WithoutSpace(name, at(second))
			default:
				f := facts(name).Draw(t, "facts")
				snapshot = snapshot.WithSpace(cluster.NewSpace(f), at(second))
			}
			snapshots, seen = append(snapshots, snapshot), append(seen, picture(snapshot))
		}
		for i, s := range snapshots {
			if diff := difference(picture(s), seen[i]); diff != "" {
				t.Fatalf("snapshot %d changed later (-now +then):\n%s", i, diff)
			}
		}
	})
}

// TestSpacesInOneStepAreSpacesOneByOne is the law of WithSpaces.
func TestSpacesInOneStepAreSpacesOneByOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := facts("a").Draw(t, "a"), facts("b").Draw(t, "b")
		base := cluster.Empty().WithSpace(cluster.NewSpace(cluster.Facts{Namespace: "c"}), start)
		one := base.WithSpaces([]*cluster.Space{cluster.NewSpace(a), cluster.NewSpace(b)}, []string{"c"}, at(1))
		two := base.WithSpace(cluster.NewSpace(a), at(1)).WithSpace(cluster.NewSpace(b), at(1)).WithoutSpace("c", at(1))
		if diff := difference(picture(one), picture(two)); diff != "" {
			t.Fatalf("(-in one +one by one):\n%s", diff)
		}
	})
}

// difference compares what two spaces or snapshots answer; it is empty when they answer the same.
func difference(got, want map[string]any) string {
	if reflect.DeepEqual(got, want) { // much faster, and nearly always true
		return ""
	}
	return cmp.Diff(got, want, cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty())
}

// everything returns what a space answers to every question.
func everything(s *cluster.Space) map[string]any {
	all := map[string]any{
		"name": s.Name, "labels": s.Labels, "pods": s.Pods(), "workloads": s.Workloads(), "services": s.Services(),
		"intents": s.Intents(), "protected": s.Protected(), "brokers": s.Brokers(),
	}
	for _, id := range s.Workloads() {
		w, _ := s.Workload(id)
		all["workload "+id.String()] = w
		all["named "+id.Name] = s.Named(id.Name, "")
	}
	for _, p := range s.Pods() {
		all["of "+p.Name], _ = s.WorkloadOf(p.Name)
		all["selected "+p.Name] = s.Selected(p.Labels)
	}
	for _, service := range s.Services() {
		all["behind "+service.Name] = s.Behind(service.Name)
		all["slices "+service.Name] = s.Slices(service.Name)
	}
	for _, i := range s.Intents() {
		all["client "+i.Spec.Workload.Name] = s.IntentsOf(i.Spec.Workload.Name)
		for _, target := range i.Spec.Targets {
			ref, _ := cluster.ParseRef(target.Kubernetes.Name, s.Name)
			all[fmt.Sprint("naming ", ref)] = s.IntentsNaming(ref)
		}
	}
	return all
}

// picture returns what a snapshot answers to every question about the addresses and namespaces of the generator.
func picture(s *cluster.Snapshot) map[string]any {
	all := map[string]any{"namespaces": s.Namespaces()}
	for _, name := range s.Namespaces() {
		space, _ := s.Space(name)
		all["space "+name] = everything(space)
	}
	for n := range byte(addressCount) {
		var leases []string
		for _, l := range s.Leases(podAddress(n)) {
			leases = append(leases, fmt.Sprintf("%s/%s %s %s-%s", l.Pod.Namespace, l.Pod.Name, l.Workload(), l.From, l.To))
		}
		all[podAddress(n).String()] = leases
		all["front "+clusterAddress(n).String()] = s.Fronts(clusterAddress(n))
		all["found "+podAddress(n).String()] = indexed(s, n)
		if service, known := s.ServiceAt(clusterAddress(n)); known {
			all[clusterAddress(n).String()] = service.Namespace + "/" + service.Name
		}
	}
	return all
}

const addressCount = 6 // also of host ports and node ports

func podAddress(n byte) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, n}) }

func clusterAddress(n byte) netip.Addr { return netip.AddrFrom4([4]byte{10, 96, 0, n}) }

// facts generates namespaces that are small and crowded, so that labels, names and addresses collide.
func facts(namespace string) *rapid.Generator[cluster.Facts] {
	return rapid.Custom(func(t *rapid.T) cluster.Facts {
		f := cluster.Facts{Namespace: namespace, Labels: labels{"team": rapid.SampledFrom([]string{"a", "b"}).Draw(t, "team")}}
		for i := range rapid.IntRange(0, 3).Draw(t, "deployments") {
			f.Controllers = append(f.Controllers, anyDeployment(t, namespace, i)...)
		}
		for i := range rapid.IntRange(0, 6).Draw(t, "pods") {
			f.Pods = append(f.Pods, anyPod(t, namespace, i))
		}
		for i := range rapid.IntRange(0, 3).Draw(t, "services") {
			f.Services = append(f.Services, &cluster.Service{
				Namespace: namespace, Name: fmt.Sprintf("s%d", i), Selector: someLabels(t),
				ClusterIPs: []netip.Addr{clusterAddress(anyAddress(t))}, ExternalIPs: []netip.Addr{podAddress(anyAddress(t))},
				Ports: []cluster.ServicePort{{Port: 80, NodePort: 30000 + int32(anyAddress(t)), Protocol: traffic.TCP}},
			})
		}
		for i := range rapid.IntRange(0, 3).Draw(t, "slices") {
			f.Slices = append(f.Slices, &cluster.EndpointSlice{
				Namespace: namespace, Name: fmt.Sprintf("e%d", i), Service: fmt.Sprintf("s%d", rapid.IntRange(0, 2).Draw(t, "of")),
				Endpoints: []cluster.Endpoint{{Pod: fmt.Sprintf("p%d", rapid.IntRange(0, 5).Draw(t, "endpoint"))}},
			})
		}
		for i := range rapid.IntRange(0, 3).Draw(t, "intents") {
			f.Intents = append(f.Intents, anyIntents(t, namespace, i))
		}
		return f
	})
}

func anyDeployment(t *rapid.T, namespace string, i int) []*cluster.Controller {
	name := fmt.Sprintf("d%d", i)
	selector, template := someLabels(t), someLabels(t)
	maps.Copy(template, selector)
	top := selecting(made("Deployment", name, ""), selector, template)
	revision := selecting(made("ReplicaSet", name+"-1", "Deployment/"+name), selector, template)
	top.Namespace, revision.Namespace = namespace, namespace
	return []*cluster.Controller{top, revision}
}

func anyPod(t *rapid.T, namespace string, i int) *cluster.Pod {
	p := labelled(fmt.Sprintf("p%d", i), "", someLabels(t))
	if owner := rapid.IntRange(0, 3).Draw(t, "owner"); owner < 3 {
		p.Owner = ownerRef(fmt.Sprintf("ReplicaSet/d%d-1", owner))
	}
	p.Namespace = namespace
	p.UID = fmt.Sprintf("%s/%s-%d", namespace, p.Name, rapid.IntRange(0, 1).Draw(t, "uid"))
	p.Finished = rapid.IntRange(0, 4).Draw(t, "finished") == 0
	p.Created = at(rapid.IntRange(-5, 0).Draw(t, "created"))
	p.IPs = []netip.Addr{podAddress(anyAddress(t))}
	p.Node, p.HostNetwork = "n", rapid.IntRange(0, 3).Draw(t, "host") == 0
	p.Ports = []cluster.ContainerPort{{Port: int32(anyAddress(t)), HostPort: int32(anyAddress(t)), Protocol: traffic.TCP}}
	return p
}

func anyAddress(t *rapid.T) byte { return byte(rapid.IntRange(0, addressCount-1).Draw(t, "address")) }

func someLabels(t *rapid.T) labels {
	return rapid.MapOfN(rapid.SampledFrom([]string{"app", "tier"}), rapid.SampledFrom([]string{"x", "y"}), 0, 2).Draw(t, "labels")
}

func anyIntents(t *rapid.T, namespace string, i int) *v2beta1.ClientIntents {
	server := rapid.SampledFrom([]string{"d0", "d1", "d0.pay", "my_app"}).Draw(t, "server")
	return &v2beta1.ClientIntents{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: fmt.Sprintf("i%d", i),
			CreationTimestamp: metav1.NewTime(start.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "age")) * time.Hour)),
		},
		Spec: v2beta1.ClientIntentsSpec{
			Workload: v2beta1.WorkloadReference{Name: fmt.Sprintf("d%d", rapid.IntRange(0, 1).Draw(t, "client"))},
			Targets:  []v2beta1.Target{{Kubernetes: &v2beta1.KubernetesTarget{Name: server}}, {Kubernetes: &v2beta1.KubernetesTarget{Name: server}}},
		},
	}
}
