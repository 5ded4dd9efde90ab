package policy_test

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/trim"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/policy"
	"github.com/portolan-io/portolan/internal/policy/networkpolicy"
	"github.com/portolan-io/portolan/internal/testkit/golden"
)

// story is one golden case: a cluster, what is declared in it, and what exists as NetworkPolicies before.
type story struct {
	snap     *cluster.Snapshot
	set      policy.Settings
	objects  []runtime.Object // everything but NetworkPolicies
	existing []*networkingv1.NetworkPolicy
}

// outcome is what Portolan makes of a story.
type outcome struct {
	desired map[identity.Workload]policy.Desired
	written map[identity.Workload]policy.Written
}

// readStory reads cluster.yaml, intents.yaml and settings.yaml of a case. Controllers without pods in the file are
// run: each gets one ready pod unless it asks for none.
func readStory(t *testing.T, c golden.Case) story {
	t.Helper()
	objects := append(decode(t, c.Part("cluster.yaml")), decode(t, c.Part("intents.yaml"))...)
	s := story{set: readSettings(t, c.Part("settings.yaml"))}
	objects = slices.DeleteFunc(objects, func(o runtime.Object) bool {
		existing, isPolicy := o.(*networkingv1.NetworkPolicy)
		if isPolicy {
			s.existing = append(s.existing, existing)
		}
		return isPolicy
	})
	s.objects = slices.Concat(objects, started(objects))
	snap, err := trim.FromObjects(s.objects)
	if err != nil {
		t.Fatalf("building the snapshot: %v", err)
	}
	s.snap = snap
	return s
}

func decode(t *testing.T, text string) []runtime.Object {
	t.Helper()
	objects, err := trim.Decode([]byte(text))
	if err != nil {
		t.Fatalf("reading the objects: %v", err)
	}
	return objects
}

// writtenSettings is settings.yaml: the defaults hold for what it leaves out.
type writtenSettings struct {
	Mode               string   `json:"mode"`
	EnforcedNamespaces []string `json:"enforcedNamespaces"`
	WatchedNamespaces  []string `json:"watchedNamespaces"`
	NetworkPolicies    *bool    `json:"networkPolicies"`
	Egress             bool     `json:"egress"`
	Separate           bool     `json:"separate"`
	Unmanaged          []string `json:"unmanaged"`
	Implied            string   `json:"implied"`
	DNSEgress          string   `json:"dnsEgress"`
	ControlPlanePrefix int      `json:"controlPlanePrefix"`
	GroupIPs           bool     `json:"groupIPs"`
	GroupIPsAbove      int      `json:"groupIPsAbove"`
}

func readSettings(t *testing.T, text string) policy.Settings {
	t.Helper()
	w := writtenSettings{Mode: policy.DefaultActive}
	if err := yaml.UnmarshalStrict([]byte(text), &w); err != nil {
		t.Fatalf("reading settings.yaml: %v", err)
	}
	set := policy.Defaults()
	mode, err := policy.ParseMode(w.Mode)
	if err != nil {
		t.Fatal(err)
	}
	set.Mode, set.Egress, set.Separate, set.GroupIPs = mode, w.Egress, w.Separate, w.GroupIPs
	set.EnforcedNamespaces, set.WatchedNamespaces = w.EnforcedNamespaces, w.WatchedNamespaces
	set.Unmanaged = workloads(t, w.Unmanaged)
	if w.NetworkPolicies != nil {
		set.NetworkPolicies = *w.NetworkPolicies
	}
	if w.Implied != "" {
		set.Implied = policy.ImpliedMode(w.Implied)
	}
	if w.DNSEgress != "" {
		set.DNS.Egress = policy.DNSEgress(w.DNSEgress)
	}
	if w.ControlPlanePrefix != 0 {
		set.ControlPlanePrefix = w.ControlPlanePrefix
	}
	if w.GroupIPsAbove != 0 {
		set.GroupIPsAbove = w.GroupIPsAbove
	}
	if err := set.Validate(); err != nil {
		t.Fatalf("settings.yaml: %v", err)
	}
	return set
}

func workloads(t *testing.T, texts []string) []identity.Workload {
	t.Helper()
	var found []identity.Workload
	for _, text := range texts {
		w, err := identity.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, w)
	}
	return found
}

// started returns the ReplicaSets and pods that a cluster would make for the controllers among objects. A controller is
// left alone if a pod of the file is in its hands, or if it asks for no replicas.
func started(objects []runtime.Object) []runtime.Object {
	taken := make(map[string]bool)
	for _, o := range objects {
		if p, isPod := o.(*corev1.Pod); isPod {
			for _, ref := range p.OwnerReferences {
				taken[p.Namespace+"/"+ref.Kind+"/"+ref.Name] = true
			}
		}
	}
	address := netip.MustParseAddr("10.200.0.1")
	var made []runtime.Object
	for _, o := range objects {
		c, runs := controllerOf(o)
		if !runs || taken[c.meta.Namespace+"/"+c.kind+"/"+c.meta.Name] {
			continue
		}
		owner := metav1.OwnerReference{Kind: c.kind, Name: c.meta.Name, UID: c.meta.UID, Controller: new(true)}
		name := c.meta.Name + "-0"
		if c.kind == "Deployment" {
			set := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{
				Namespace: c.meta.Namespace, Name: c.meta.Name + "-5b7f", OwnerReferences: []metav1.OwnerReference{owner},
			}}
			set.Spec = appsv1.ReplicaSetSpec{Selector: c.selector, Template: c.template}
			made = append(made, set)
			owner = metav1.OwnerReference{Kind: "ReplicaSet", Name: set.Name, Controller: new(true)}
			name = set.Name + "-xk2p9"
		}
		made = append(made, podOf(c, name, owner, address))
		address = address.Next()
	}
	return made
}

type controller struct {
	kind     string
	meta     metav1.ObjectMeta
	selector *metav1.LabelSelector
	template corev1.PodTemplateSpec
}

// controllerOf reads a controller that has a running pod; one that asks for no replicas, and a CronJob, has none.
func controllerOf(o runtime.Object) (controller, bool) {
	switch o := o.(type) {
	case *appsv1.Deployment:
		c := controller{"Deployment", o.ObjectMeta, o.Spec.Selector, o.Spec.Template}
		return c, o.Spec.Replicas == nil || *o.Spec.Replicas > 0
	case *appsv1.StatefulSet:
		c := controller{"StatefulSet", o.ObjectMeta, o.Spec.Selector, o.Spec.Template}
		return c, o.Spec.Replicas == nil || *o.Spec.Replicas > 0
	case *appsv1.DaemonSet:
		return controller{"DaemonSet", o.ObjectMeta, o.Spec.Selector, o.Spec.Template}, true
	case *batchv1.Job:
		return controller{"Job", o.ObjectMeta, o.Spec.Selector, o.Spec.Template}, true
	default:
		return controller{}, false
	}
}

func podOf(c controller, name string, owner metav1.OwnerReference, address netip.Addr) *corev1.Pod {
	const node = "192.0.2.10"
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: c.meta.Namespace, Name: name, OwnerReferences: []metav1.OwnerReference{owner},
			Labels: c.template.Labels, Annotations: c.template.Annotations,
		},
		Spec: *c.template.Spec.DeepCopy(),
	}
	p.Spec.NodeName = "n1"
	p.Status = corev1.PodStatus{Phase: corev1.PodRunning, PodIP: address.String(), HostIP: node}
	if p.Spec.HostNetwork {
		p.Status.PodIP = node
	}
	p.Status.PodIPs = []corev1.PodIP{{IP: p.Status.PodIP}}
	p.Status.HostIPs = []corev1.HostIP{{IP: node}}
	return p
}

// run compiles every subject and applies the result as the controller would.
func (s story) run() outcome {
	o := outcome{desired: make(map[identity.Workload]policy.Desired), written: make(map[identity.Workload]policy.Written)}
	for _, subject := range policy.Subjects(s.snap) {
		before := s.before(subject)
		d := networkpolicy.Compile(s.snap, s.set, policy.Decide(s.snap, s.set, subject).Given(before))
		o.desired[subject] = d
		o.written[subject] = s.after(d)
	}
	return o
}

// before returns what the objects of the file say about a subject.
func (s story) before(subject identity.Workload) policy.Written {
	var w policy.Written
	for _, p := range s.existing {
		if p.Namespace == subject.Namespace && p.Labels[v2beta1.LabelWorkload] == subject.Key() {
			isolates(&w, p)
		}
	}
	return w
}

// after returns what is in the cluster once a subject is applied.
func (s story) after(d policy.Desired) policy.Written {
	if d.Keep {
		return s.before(d.Subject)
	}
	var w policy.Written
	for _, p := range d.NetworkPolicies {
		foreign := func(e *networkingv1.NetworkPolicy) bool {
			return e.Namespace == p.Namespace && e.Name == p.Name && e.Labels[v2beta1.LabelWorkload] != d.Subject.Key()
		}
		if slices.ContainsFunc(s.existing, foreign) {
			w.Conflict = fmt.Sprintf("NetworkPolicy %s/%s", p.Namespace, p.Name)
			continue
		}
		isolates(&w, p)
	}
	return w
}

func isolates(w *policy.Written, p *networkingv1.NetworkPolicy) {
	w.Ingress = w.Ingress || slices.Contains(p.Spec.PolicyTypes, networkingv1.PolicyTypeIngress)
	w.Egress = w.Egress || slices.Contains(p.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
}

// policies returns every NetworkPolicy of an outcome, by namespace and name.
func (o outcome) policies() []*networkingv1.NetworkPolicy {
	var all []*networkingv1.NetworkPolicy
	for _, subject := range o.subjects() {
		if o.written[subject].Conflict == "" {
			all = append(all, o.desired[subject].NetworkPolicies...)
		}
	}
	return all
}

func (o outcome) subjects() []identity.Workload {
	return slices.SortedFunc(maps.Keys(o.desired), identity.Compare)
}
