package policy_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/policy"
	"github.com/portolan-io/portolan/internal/traffic"
)

// The names of random clusters are few, so that objects meet.
func namespaces() []string { return []string{"a", "kube-system", "default"} }

func names() []string { return []string{"x", "y", "coredns", "kubernetes"} }

func pick[T any](t *rapid.T, label string, from ...T) T {
	return rapid.SampledFrom(from).Draw(t, label)
}

func oneIn(t *rapid.T, n int, label string) bool { return rapid.IntRange(1, n).Draw(t, label) == n }

// someLabels draws labels from few, so that selectors and pods meet.
func someLabels(t *rapid.T) map[string]string {
	labels := make(map[string]string)
	for _, key := range []string{"app", "tier"} {
		if value := pick(t, key, "", "x", "y"); value != "" {
			labels[key] = value
		}
	}
	return labels
}

// world is the facts of a random cluster by namespace.
type world map[string]cluster.Facts

func randomWorld(t *rapid.T) world {
	w := make(world)
	for _, namespace := range namespaces() {
		w[namespace] = randomFacts(t, namespace)
	}
	return w
}

// snapshot indexes the facts.
func (w world) snapshot() *cluster.Snapshot { return w.after(cluster.Empty(), nil) }

// after returns what follows a snapshot: namespaces whose facts are those of the world before stay as they are.
func (w world) after(snap *cluster.Snapshot, unchanged map[string]bool) *cluster.Snapshot {
	for _, namespace := range namespaces() {
		if !unchanged[namespace] {
			snap = snap.WithSpace(cluster.NewSpace(w[namespace]), time.Unix(1000, 0))
		}
	}
	return snap
}

func randomFacts(t *rapid.T, namespace string) cluster.Facts {
	f := cluster.Facts{Namespace: namespace, Labels: map[string]string{corev1.LabelMetadataName: namespace}}
	for _, kind := range []string{"Deployment", "StatefulSet"} {
		for _, name := range names() {
			if oneIn(t, 3, "exists") {
				addController(t, &f, kind, name)
			}
		}
	}
	for _, name := range names() {
		if oneIn(t, 2, "service") {
			f.Services = append(f.Services, randomService(t, namespace, name))
		}
		if oneIn(t, 6, "protected") {
			f.Protected = append(f.Protected, &v2beta1.ProtectedService{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
				Spec:       v2beta1.ProtectedServiceSpec{WorkloadReference: randomReference(t)},
			})
		}
		if oneIn(t, 2, "intents") {
			f.Intents = append(f.Intents, randomIntents(t, namespace, name))
		}
	}
	f.Slices = append(f.Slices, &cluster.EndpointSlice{
		Namespace: namespace, Name: "kubernetes", Service: "kubernetes",
		Endpoints: []cluster.Endpoint{{Addresses: []netip.Addr{randomAddr(t)}, Ready: oneIn(t, 2, "ready")}},
		Ports:     []cluster.ServicePort{{Port: 6443, Protocol: traffic.TCP}},
	})
	return f
}

func addController(t *rapid.T, f *cluster.Facts, kind, name string) {
	template := someLabels(t)
	c := &cluster.Controller{
		Namespace: f.Namespace, Kind: kind, Name: name, UID: f.Namespace + kind + name, TemplateLabels: template,
		MatchLabels: pick(t, "selector", template, map[string]string{"app": "x"}, nil),
	}
	if oneIn(t, 8, "annotated") {
		c.WorkloadName = "x"
	}
	f.Controllers = append(f.Controllers, c)
	onHost := oneIn(t, 6, "hostNetwork")
	for i := range rapid.IntRange(0, 2).Draw(t, "pods") {
		p := &cluster.Pod{
			Namespace: f.Namespace, Name: fmt.Sprintf("%s-%s-%d", kind, name, i), UID: fmt.Sprintf("%s%s%d", c.UID, kind, i),
			Owner: cluster.Owner{Kind: kind, Name: name, UID: c.UID}, Labels: template, WorkloadName: c.WorkloadName,
			HostNetwork: onHost, IPs: []netip.Addr{podAddr(len(f.Controllers), i)}, HostIPs: []netip.Addr{netip.MustParseAddr("192.0.2.1")},
			Terminating: oneIn(t, 8, "terminating"), CalledBy: randomAnnotation(t),
		}
		if onHost && oneIn(t, 3, "not yet on a node") {
			p.IPs, p.HostIPs = nil, nil
		}
		if oneIn(t, 6, "odd labels") {
			p.Labels = someLabels(t)
		}
		f.Pods = append(f.Pods, p)
	}
}

func randomAnnotation(t *rapid.T) string {
	if !oneIn(t, 4, "called-by") {
		return ""
	}
	return pick(t, "annotation", "[]", "nonsense", `[{"name":"x.a","kind":"Deployment"}]`,
		`[{"name":"y.a","kind":"StatefulSet"},{"name":"x.kube-system","kind":"Deployment"}]`)
}

// podAddr returns the address of a pod: no two pods of a namespace share one.
func podAddr(controller, pod int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 0, byte(controller), byte(pod)})
}

func randomAddr(t *rapid.T) netip.Addr {
	return podAddr(rapid.IntRange(0, 5).Draw(t, "controller"), rapid.IntRange(0, 1).Draw(t, "pod"))
}

func randomService(t *rapid.T, namespace, name string) *cluster.Service {
	s := &cluster.Service{
		Namespace: namespace, Name: name, Selector: someLabels(t),
		Type:       pick(t, "type", cluster.ClusterIP, cluster.ClusterIP, cluster.LoadBalancer, cluster.ExternalName),
		ClusterIPs: []netip.Addr{randomAddr(t)},
	}
	for _, port := range []int32{80, 53} {
		if oneIn(t, 2, "port") {
			s.Ports = append(s.Ports, cluster.ServicePort{Port: port, TargetPort: port + 8000, Protocol: traffic.TCP})
		}
	}
	return s
}

func randomReference(t *rapid.T) v2beta1.WorkloadReference {
	return v2beta1.WorkloadReference{
		Name: pick(t, "name", names()...), Kind: pick(t, "kind", "", "", "Deployment", "StatefulSet", "Service"),
	}
}

func randomIntents(t *rapid.T, namespace, name string) *v2beta1.ClientIntents {
	i := &v2beta1.ClientIntents{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: name, CreationTimestamp: metav1.Unix(int64(rapid.IntRange(1, 3).Draw(t, "age")), 0),
		Annotations: map[string]string{v2beta1.AnnotationMode: pick(t, "mode", "", "", "", "shadow", "enforce")},
	}}
	i.Spec.Workload = randomReference(t)
	for range rapid.IntRange(0, 3).Draw(t, "targets") {
		i.Spec.Targets = append(i.Spec.Targets, randomTarget(t))
	}
	if oneIn(t, 2, "resolved") {
		i.Status.ResolvedIPs = []v2beta1.ResolvedIPs{{DNS: "a.example.com", IPs: []string{randomAddr(t).String()}}}
	}
	return i
}

func randomTarget(t *rapid.T) v2beta1.Target {
	server := pick(t, "server", names()...) + pick(t, "namespace", "", ".a", ".kube-system", ".default")
	switch rapid.IntRange(0, 8).Draw(t, "target") {
	case 0:
		return v2beta1.Target{}
	case 1:
		return v2beta1.Target{AWS: &v2beta1.AWSTarget{ARN: "arn:aws:s3:::x"}}
	case 2:
		return v2beta1.Target{Internet: &v2beta1.InternetTarget{IPs: []string{"192.0.2.0/24"}, Ports: []int32{443}}}
	case 3:
		return v2beta1.Target{Internet: &v2beta1.InternetTarget{Domains: []string{"*.example.com"}}}
	case 4, 5:
		return v2beta1.Target{Service: &v2beta1.ServiceTarget{Name: server}}
	default:
		kind := pick(t, "target kind", "", "", "Deployment", "StatefulSet", "Service")
		return v2beta1.Target{Kubernetes: &v2beta1.KubernetesTarget{Name: server, Kind: kind}}
	}
}

func randomSettings(t *rapid.T) policy.Settings {
	set := policy.Defaults()
	set.Mode = pick(t, "default mode", policy.ModeEnforce, policy.ModeShadow)
	set.Egress = oneIn(t, 2, "egress")
	set.Separate = oneIn(t, 4, "separate")
	set.DNS.Egress = pick(t, "dns", policy.DNSAnywhere, policy.DNSCluster)
	if oneIn(t, 4, "unmanaged") {
		set.Unmanaged = []identity.Workload{{Namespace: "a", Name: "x"}}
	}
	return set
}

// changed returns the world after some objects of one or more namespaces came, went or became others. It says which
// namespaces stayed as they are. What did not change is the same object.
func (w world) changed(t *rapid.T) (world, map[string]bool) {
	next, unchanged := make(world), make(map[string]bool)
	for _, namespace := range namespaces() {
		next[namespace] = w[namespace]
		if unchanged[namespace] = oneIn(t, 2, "unchanged"); unchanged[namespace] {
			continue
		}
		was, fresh := w[namespace], randomFacts(t, namespace)
		part := rapid.IntRange(0, 4).Draw(t, "part")
		f := was
		switch part {
		case 0:
			f.Intents = mixed(t, was.Intents, fresh.Intents, func(i *v2beta1.ClientIntents) string { return i.Name })
		case 1:
			f.Services = mixed(t, was.Services, fresh.Services, func(s *cluster.Service) string { return s.Name })
		case 2:
			f.Pods, f.Controllers = fresh.Pods, fresh.Controllers
		case 3:
			f.Pods = mixed(t, was.Pods, nil, func(p *cluster.Pod) string { return p.Name })
			f.Slices = fresh.Slices
		default:
			f.Protected = mixed(t, was.Protected, fresh.Protected, func(p *v2beta1.ProtectedService) string { return p.Name })
		}
		next[namespace] = f
	}
	return next, unchanged
}

// mixed keeps most of the old objects, and takes some new ones.
func mixed[T any](t *rapid.T, old, fresh []T, name func(T) string) []T {
	taken := make(map[string]bool)
	var found []T
	for _, o := range old {
		if !oneIn(t, 3, "dropped") {
			found = append(found, o)
			taken[name(o)] = true
		}
	}
	for _, n := range fresh {
		if !taken[name(n)] && oneIn(t, 2, "taken") {
			found = append(found, n)
		}
	}
	return found
}

// shuffled returns the same facts in another order.
func (w world) shuffled(t *rapid.T) world {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
	next := make(world)
	for namespace, f := range w {
		f.Pods, f.Controllers = shuffle(r, f.Pods), shuffle(r, f.Controllers)
		f.Services, f.Intents, f.Protected = shuffle(r, f.Services), shuffle(r, f.Intents), shuffle(r, f.Protected)
		next[namespace] = f
	}
	return next
}

func shuffle[T any](r *rand.Rand, list []T) []T {
	out := append([]T(nil), list...)
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}
