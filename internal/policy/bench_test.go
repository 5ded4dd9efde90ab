package policy_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/policy"
	"github.com/portolan-io/portolan/internal/policy/networkpolicy"
	"github.com/portolan-io/portolan/internal/traffic"
)

// The size of the cluster that benchmarks compile: 1,000 workloads of ten pods in ten namespaces, each with a Service and
// a ClientIntents of five targets.
const (
	benchSpaces    = 10
	benchWorkloads = 100 // in each namespace
	benchPods      = 10
	benchTargets   = 5
)

func benchName(i int) string { return fmt.Sprintf("w%02d", i%benchWorkloads) }

// benchFacts returns one namespace. Its clients call the next five workloads, every other one in the next namespace.
func benchFacts(space int) cluster.Facts {
	f := cluster.Facts{Namespace: fmt.Sprintf("n%d", space)}
	for i := range benchWorkloads {
		name := benchName(i)
		labels := map[string]string{"app": name}
		uid := f.Namespace + name
		f.Controllers = append(f.Controllers, &cluster.Controller{
			Namespace: f.Namespace, Kind: "Deployment", Name: name, UID: uid, MatchLabels: labels, TemplateLabels: labels,
		})
		for p := range benchPods {
			f.Pods = append(f.Pods, &cluster.Pod{
				Namespace: f.Namespace, Name: fmt.Sprintf("%s-%d", name, p), UID: fmt.Sprintf("%s-%d", uid, p),
				Owner:  cluster.Owner{Kind: "Deployment", Name: name, UID: uid},
				Labels: map[string]string{"app": name, "pod-template-hash": "5b7f"},
				IPs:    []netip.Addr{netip.AddrFrom4([4]byte{10, byte(space), byte(i), byte(p)})},
			})
		}
		f.Services = append(f.Services, &cluster.Service{
			Namespace: f.Namespace, Name: name, Type: cluster.ClusterIP, Selector: labels,
			Ports: []cluster.ServicePort{{Port: 80, TargetPort: 8080, Protocol: traffic.TCP}},
		})
		f.Intents = append(f.Intents, benchIntents(f.Namespace, space, i))
	}
	return f
}

func benchIntents(namespace string, space, i int) *v2beta1.ClientIntents {
	intents := &v2beta1.ClientIntents{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: benchName(i), Generation: 1}}
	intents.Spec.Workload = v2beta1.WorkloadReference{Name: benchName(i), Kind: "Deployment"}
	for target := range benchTargets {
		server := fmt.Sprintf("%s.n%d", benchName(i+target+1), (space+target%2)%benchSpaces)
		intents.Spec.Targets = append(intents.Spec.Targets, v2beta1.Target{
			Kubernetes: &v2beta1.KubernetesTarget{Name: server, Kind: "Deployment"},
		})
	}
	return intents
}

func benchCluster() *cluster.Snapshot {
	snap := cluster.Empty()
	for space := range benchSpaces {
		snap = snap.WithSpace(cluster.NewSpace(benchFacts(space)), time.Unix(1000, 0))
	}
	return snap
}

// BenchmarkCompile decides and compiles 1,000 workloads.
func BenchmarkCompile(b *testing.B) {
	snap := benchCluster()
	for name, set := range map[string]policy.Settings{"ingress": policy.Defaults(), "ingress and egress": withEgress()} {
		b.Run(name, func(b *testing.B) {
			subjects := policy.Subjects(snap)
			b.ReportAllocs()
			for b.Loop() {
				compileThem(b, snap, set, subjects)
			}
		})
	}
}

func withEgress() policy.Settings {
	set := policy.Defaults()
	set.Egress = true
	return set
}

func compileThem(b *testing.B, snap *cluster.Snapshot, set policy.Settings, subjects []identity.Workload) {
	b.Helper()
	for _, subject := range subjects {
		d := networkpolicy.Compile(snap, set, policy.Decide(snap, set, subject))
		if len(d.NetworkPolicies) != 1 {
			b.Fatalf("%s has %d policies, want 1", subject, len(d.NetworkPolicies))
		}
	}
}

// BenchmarkDecide rules on one workload of 1,000.
func BenchmarkDecide(b *testing.B) {
	snap, set := benchCluster(), policy.Defaults()
	subject := identity.Workload{Namespace: "n3", Kind: "Deployment", Name: benchName(7)}
	b.ReportAllocs()
	for b.Loop() {
		networkpolicy.Compile(snap, set, policy.Decide(snap, set, subject))
	}
}

// BenchmarkJudge writes the status of one ClientIntents of 1,000.
func BenchmarkJudge(b *testing.B) {
	snap, set := benchCluster(), policy.Defaults()
	intents := benchFacts(3).Intents[7]
	written := make(map[identity.Workload]policy.Written)
	for _, subject := range policy.Concerned(snap, intents) {
		written[subject] = policy.Written{Ingress: true}
	}
	b.ReportAllocs()
	for b.Loop() {
		policy.Judge(snap, set, intents, written)
	}
}

// BenchmarkAffected follows one change in a cluster of 1,000 ClientIntents.
func BenchmarkAffected(b *testing.B) {
	before := benchCluster()
	space, _ := before.Space("n3")
	intents := benchFacts(3)
	intents.Intents[7] = benchIntents("n3", 3, 7)
	intents.Intents[7].Spec.Targets = intents.Intents[7].Spec.Targets[1:]
	pods := benchFacts(3)
	pods.Pods[70] = &cluster.Pod{
		Namespace: "n3", Name: "w07-new", UID: "new", Owner: pods.Pods[70].Owner, Labels: pods.Pods[70].Labels, IPs: pods.Pods[70].IPs,
	}
	for name, after := range map[string]*cluster.Snapshot{
		"one ClientIntents": before.WithSpace(space.With(intents, cluster.Declared), time.Unix(1000, 0)),
		"one pod":           before.WithSpace(space.With(pods, cluster.Running), time.Unix(1000, 0)),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				policy.Affected(before, after)
			}
		})
	}
}

// BenchmarkAffectedFromNothing is the start of the operator.
func BenchmarkAffectedFromNothing(b *testing.B) {
	after := benchCluster()
	b.ReportAllocs()
	for b.Loop() {
		policy.Affected(cluster.Empty(), after)
	}
}

// BenchmarkAffectedIntents follows one changed ClientIntents to the statuses that can differ.
func BenchmarkAffectedIntents(b *testing.B) {
	before := benchCluster()
	space, _ := before.Space("n3")
	facts := benchFacts(3)
	facts.Intents[7] = benchIntents("n3", 3, 7)
	facts.Intents[7].Spec.Targets = facts.Intents[7].Spec.Targets[1:]
	after := before.WithSpace(space.With(facts, cluster.Declared), time.Unix(1000, 0))
	b.ReportAllocs()
	for b.Loop() {
		policy.AffectedIntents(before, after)
	}
}
