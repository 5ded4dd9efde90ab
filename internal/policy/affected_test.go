package policy_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/policy"
	"github.com/portolan-io/portolan/internal/traffic"
)

func deployment(namespace, name string) identity.Workload {
	return identity.Workload{Namespace: namespace, Kind: "Deployment", Name: name}
}

// Each case changes one thing in namespace n3 of the benchmarks' cluster, in which w07 calls w08 to w12, every other one of
// them in n4, and is called by w02 to w06.
func TestAffectedIsNoMoreThanWhatAChangeTouches(t *testing.T) {
	everyServer := []identity.Workload{
		deployment("n3", "w08"), deployment("n3", "w10"), deployment("n3", "w12"), deployment("n4", "w09"), deployment("n4", "w11"),
	}
	for name, tc := range map[string]struct {
		change   func(*cluster.Facts)
		subjects []identity.Workload
		statuses []string // of n3
	}{
		"nothing": {change: func(*cluster.Facts) {}},
		"a status of a ClientIntents changes no subject": {
			change:   func(f *cluster.Facts) { edit(f, func(i *v2beta1.ClientIntents) { i.Status.TargetsSummary = "5/5" }) },
			statuses: []string{"w07"},
		},
		"a target that goes touches the client and all of its servers": {
			change: func(f *cluster.Facts) {
				edit(f, func(i *v2beta1.ClientIntents) { i.Spec.Targets = i.Spec.Targets[1:] })
			},
			subjects: sorted(append(slices.Clone(everyServer), deployment("n3", "w07"))...),
			statuses: []string{"w07", "w08", "w10", "w12"},
		},
		"a pod that takes the place of another touches nobody": {
			change: func(f *cluster.Facts) {
				pod := *f.Pods[7*benchPods]
				pod.Name, pod.UID = "w07-new", "new"
				f.Pods[7*benchPods] = &pod
			},
		},
		"a Service that is published touches the workload behind it and its callers": {
			change: func(f *cluster.Facts) {
				service := *f.Services[7]
				service.Type = cluster.LoadBalancer
				f.Services[7] = &service
			},
			subjects: []identity.Workload{
				deployment("n2", "w03"), deployment("n2", "w05"),
				deployment("n3", "w02"), deployment("n3", "w04"), deployment("n3", "w06"), deployment("n3", "w07"),
			},
			statuses: []string{"w02", "w03", "w04", "w05", "w06", "w07"},
		},
		"a Service that nobody is behind touches nobody": {
			change: func(f *cluster.Facts) {
				f.Services = append(f.Services, &cluster.Service{
					Namespace: "n3", Name: "new", Selector: map[string]string{"app": "new"},
					Ports: []cluster.ServicePort{{Port: 80, Protocol: traffic.TCP}},
				})
			},
		},
		"a ProtectedService touches its workload": {
			change: func(f *cluster.Facts) {
				f.Protected = []*v2beta1.ProtectedService{{
					ObjectMeta: metav1.ObjectMeta{Namespace: "n3", Name: "p"},
					Spec:       v2beta1.ProtectedServiceSpec{WorkloadReference: v2beta1.WorkloadReference{Name: "w07"}},
				}}
			},
			subjects: []identity.Workload{deployment("n3", "w07")},
			statuses: []string{"p", "w02", "w04", "w06", "w07"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := benchCluster()
			facts := benchFacts(3)
			tc.change(&facts)
			after := before.WithSpace(cluster.NewSpace(facts), time.Unix(1000, 0))
			if diff := cmp.Diff(tc.subjects, policy.Affected(before, after)); diff != "" {
				t.Errorf("Affected (-want +got):\n%s", diff)
			}
			for _, name := range tc.statuses {
				if !contains(policy.AffectedIntents(before, after), "n3", name) {
					t.Errorf("the status of n3/%s is not affected", name)
				}
			}
		})
	}
}

// edit replaces the ClientIntents of w07 by a changed copy.
func edit(f *cluster.Facts, change func(*v2beta1.ClientIntents)) {
	i := f.Intents[7].DeepCopy()
	change(i)
	f.Intents[7] = i
}

func sorted(all ...identity.Workload) []identity.Workload {
	slices.SortFunc(all, identity.Compare)
	return all
}

func contains(refs []policy.ObjectRef, namespace, name string) bool {
	return slices.ContainsFunc(refs, func(r policy.ObjectRef) bool { return r.Namespace == namespace && r.Name == name })
}

func TestAffectedAtTheStartIsEverything(t *testing.T) {
	after := benchCluster()
	if diff := cmp.Diff(policy.Subjects(after), policy.Affected(cluster.Empty(), after)); diff != "" {
		t.Errorf("Affected (-want +got):\n%s", diff)
	}
	if got, want := len(policy.AffectedIntents(cluster.Empty(), after)), benchSpaces*benchWorkloads; got != want {
		t.Errorf("%d statuses are affected, want %d", got, want)
	}
}

func TestInterestedNamesWhoSpeaksOfASubject(t *testing.T) {
	var got []string
	for _, ref := range policy.Interested(benchCluster(), deployment("n3", "w07")) {
		got = append(got, ref.Namespace+"/"+ref.Name)
	}
	want := []string{"n2/w03", "n2/w05", "n3/w02", "n3/w04", "n3/w06", "n3/w07"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Interested (-want +got):\n%s", diff)
	}
}

// The pods behind the Service are on the host network, and only their addresses can be named.
func TestAnAddressBehindAServiceAffectsTheStatusOfItsCallers(t *testing.T) {
	services := []*cluster.Service{{Namespace: "shop", Name: "front", Selector: map[string]string{"app": "cache"}, Type: cluster.ClusterIP}}
	intents := []*v2beta1.ClientIntents{{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
		Spec: v2beta1.ClientIntentsSpec{
			Workload: v2beta1.WorkloadReference{Name: "web"},
			Targets:  []v2beta1.Target{{Service: &v2beta1.ServiceTarget{Name: "front"}}},
		},
	}}
	facts := func(hosts ...netip.Addr) cluster.Facts {
		return cluster.Facts{
			Namespace: "shop",
			Controllers: []*cluster.Controller{
				{Namespace: "shop", Kind: "DaemonSet", Name: "cache", UID: "1", MatchLabels: map[string]string{"app": "cache"}, TemplateLabels: map[string]string{"app": "cache"}},
			},
			Pods: []*cluster.Pod{{
				Namespace: "shop", Name: "cache-1", UID: "2", Owner: cluster.Owner{Kind: "DaemonSet", Name: "cache", UID: "1"},
				Labels: map[string]string{"app": "cache"}, HostNetwork: true, HostIPs: hosts,
			}},
			Services: services, Intents: intents,
		}
	}
	before := cluster.Empty().WithSpace(cluster.NewSpace(facts()), time.Unix(1000, 0))
	after := before.WithSpace(cluster.NewSpace(facts(netip.MustParseAddr("192.0.2.1"))), time.Unix(1001, 0))
	if !contains(policy.AffectedIntents(before, after), "shop", "web") {
		t.Error("the status of shop/web is not affected")
	}
}
