package live

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
)

func TestNothingIsPublishedBeforeEveryKindIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, Options{})
		s.add("Pod", pod("shop", "web", "10.0.0.1"))
		for _, stream := range s.streams[1:] {
			s.must(stream.Replace(nil, "1"))
		}
		s.rest()
		if s.Synced() || len(s.announced()) > 0 || len(s.Current().Namespaces()) > 0 {
			t.Fatal("a Snapshot was published before pods were read")
		}
		s.must(s.streams[0].Replace([]any{pod("shop", "web", "10.0.0.1")}, "1"))
		s.settle()
		changes := s.announced()
		if !s.Synced() || len(changes) != 1 {
			t.Fatalf("synced = %v after %d changes, want true after 1", s.Synced(), len(changes))
		}
		if diff := cmp.Diff(changes[0].Namespaces, []string{"shop"}); diff != "" {
			t.Errorf("changed namespaces (-got +want):\n%s", diff)
		}
	})
}

func TestAnEmptyClusterIsPublishedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, Options{})
		for _, stream := range s.streams {
			s.must(stream.Replace(nil, "1"))
		}
		s.settle()
		if got := len(s.announced()); !s.Synced() || got != 1 {
			t.Fatalf("synced = %v after %d changes, want true after 1", s.Synced(), got)
		}
	})
}

func TestChangesOfABurstArePublishedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSyncedStage(t, Options{Pause: 50 * time.Millisecond})
		s.add("Pod", pod("shop", "first", "10.0.0.1"))
		s.settle()
		if got := len(s.announced()); got != 1 {
			t.Fatalf("%d changes at once after a rest, want 1", got)
		}
		for i := range 1000 {
			s.add("Pod", pod("shop", fmt.Sprintf("p%d", i), "10.0.1.1"))
		}
		s.settle()
		if got := len(s.announced()); got != 0 {
			t.Fatalf("%d changes during the pause, want none", got)
		}
		s.rest()
		if got := len(s.announced()); got != 1 {
			t.Fatalf("%d changes after a burst of 1,000 pods, want 1", got)
		}
		if got := len(s.Current().Leases(netip.MustParseAddr("10.0.1.1"))); got == 0 {
			t.Error("the pods of the burst are not in the Snapshot")
		}
	})
}

func TestWhatNoDecisionDependsOnIsNotAnnounced(t *testing.T) {
	intents := func(change func(*v2beta1.ClientIntents)) *v2beta1.ClientIntents {
		i := &v2beta1.ClientIntents{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
		change(i)
		return i
	}
	for name, tc := range map[string]struct {
		kind          string
		before, after client.Object
		want          int
	}{
		"the heartbeat of a pod": {"Pod", pod("shop", "web", "10.0.0.1"), func() client.Object {
			p := pod("shop", "web", "10.0.0.1")
			p.ResourceVersion = "2"
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, LastProbeTime: metav1.Now()}}
			return p
		}(), 0},
		"the heartbeat of a node": {
			"Node", &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1", ResourceVersion: "1"}},
			&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1", ResourceVersion: "2"}}, 0,
		},
		"a new address of a node": {
			"Node", &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}},
			&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}, Status: corev1.NodeStatus{
				Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "192.0.2.1"}},
			}}, 1,
		},
		"the status that Portolan writes": {
			"ClientIntents", intents(func(*v2beta1.ClientIntents) {}),
			intents(func(i *v2beta1.ClientIntents) {
				i.ResourceVersion, i.Status.TargetsSummary, i.Status.ObservedGeneration = "7", "1/1", 3
			}), 0,
		},
		"the addresses that discovery writes to the status": {
			"ClientIntents", intents(func(*v2beta1.ClientIntents) {}),
			intents(func(i *v2beta1.ClientIntents) {
				i.Status.ResolvedIPs = []v2beta1.ResolvedIPs{{DNS: "example.com", IPs: []string{"203.0.113.7"}}}
			}), 1,
		},
		"a new label of a namespace": {
			"Namespace", &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}},
			&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{"team": "a"}}}, 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSyncedStage(t, Options{})
				s.add(tc.kind, tc.before)
				s.rest()
				s.announced()
				s.update(tc.kind, tc.after)
				s.rest()
				if got := len(s.announced()); got != tc.want {
					t.Errorf("%d changes were announced, want %d", got, tc.want)
				}
			})
		})
	}
}

func TestOnlyTheNamespaceThatChangedIsIndexedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSyncedStage(t, Options{})
		s.add("Pod", pod("shop", "web", "10.0.0.1"), pod("pay", "bank", "10.0.0.2"))
		s.rest()
		before := s.Current()
		s.update("Pod", pod("shop", "web", "10.0.0.3"))
		s.rest()
		shop, _ := before.Space("shop")
		pay, _ := before.Space("pay")
		if now, _ := s.Current().Space("pay"); now != pay {
			t.Error("namespace pay was indexed again")
		}
		if now, _ := s.Current().Space("shop"); now == shop {
			t.Error("namespace shop is as it was")
		}
	})
}

func TestAListThatLacksAnObjectRemovesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSyncedStage(t, Options{})
		s.add("Pod", pod("shop", "web", "10.0.0.1"), pod("shop", "db", "10.0.0.2"), pod("pay", "bank", "10.0.0.3"))
		s.rest()
		s.must(s.stream("Pod").Replace([]any{pod("shop", "db", "10.0.0.2")}, "9"))
		s.rest()
		if diff := cmp.Diff(s.Current().Namespaces(), []string{"shop"}); diff != "" {
			t.Errorf("namespaces (-got +want):\n%s", diff)
		}
		space, _ := s.Current().Space("shop")
		if diff := cmp.Diff(space.Workloads(), []identity.Workload{{Namespace: "shop", Kind: "Pod", Name: "db"}}); diff != "" {
			t.Errorf("workloads (-got +want):\n%s", diff)
		}
		if got := s.Current().Leases(netip.MustParseAddr("10.0.0.3")); len(got) != 1 || got[0].To.IsZero() {
			t.Errorf("leases of a removed pod = %+v, want one that ended", got)
		}
	})
}

func TestOnlyTheWatchedNamespacesAreSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSyncedStage(t, Options{Namespaces: []string{"shop"}})
		s.add("Namespace",
			&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}},
			&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "pay"}})
		s.add("Node", &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}})
		s.rest()
		if diff := cmp.Diff(s.Current().Namespaces(), []string{"shop"}); diff != "" {
			t.Errorf("namespaces (-got +want):\n%s", diff)
		}
		if got := s.Current().Nodes(); len(got) != 1 {
			t.Errorf("nodes = %v, want one", got)
		}
	})
}

func TestStoppingPodsKeepTheNameThatTheirControllersGaveThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSyncedStage(t, Options{})
		deployment, replicaSet := deploymentOf("shop", "web"), replicaSetOf("shop", "web")
		stopping := pod("shop", "web-1-a", "10.0.0.1")
		stopping.Labels = map[string]string{"app": "web", "pod-template-hash": "1"}
		stopping.OwnerReferences = ownedBy("ReplicaSet", replicaSet.Name, replicaSet.UID)
		s.add("Deployment", deployment)
		s.add("ReplicaSet", replicaSet)
		s.add("Pod", stopping)
		s.rest()
		s.remove("Deployment", deployment)
		s.remove("ReplicaSet", replicaSet)
		s.rest()
		web := identity.Workload{Namespace: "shop", Kind: "Deployment", Name: "web"}
		workload, known := s.Current().Workload(web)
		if !known || len(workload.Pods) != 1 {
			t.Fatalf("the pod does not belong to %s any more", web)
		}
		if diff := cmp.Diff(workload.OwnLabels, map[string]string{"app": "web"}); diff != "" {
			t.Errorf("own labels (-got +want):\n%s", diff)
		}
		s.remove("Pod", stopping)
		s.rest()
		if got := s.Current().Namespaces(); len(got) != 0 {
			t.Errorf("namespaces = %v, want none", got)
		}
		if got := len(s.ledger.pages); got != 0 {
			t.Errorf("%d pages are held for nothing", got)
		}
	})
}

func TestOldLeasesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSyncedStage(t, Options{})
		gone := pod("shop", "web", "10.0.0.1")
		s.add("Pod", gone)
		s.rest()
		s.remove("Pod", gone)
		s.rest()
		if got := s.Current().Leases(netip.MustParseAddr("10.0.0.1")); len(got) != 1 {
			t.Fatalf("leases = %+v, want one", got)
		}
		s.pass(cluster.LeaseRetention + expireInterval)
		if got := s.Current().Leases(netip.MustParseAddr("10.0.0.1")); len(got) != 0 {
			t.Errorf("leases = %+v, want none", got)
		}
	})
}

func TestAListOfOneNamespaceLeavesTheOthersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSyncedStage(t, Options{Namespaces: []string{"pay", "shop"}})
		s.add("Pod", pod("shop", "web", "10.0.0.1"), pod("pay", "bank", "10.0.0.2"))
		s.must(s.stream("Pod").Replace(nil, "9")) // the first stream of pods is that of pay
		s.rest()
		if diff := cmp.Diff(s.Current().Namespaces(), []string{"shop"}); diff != "" {
			t.Errorf("namespaces (-got +want):\n%s", diff)
		}
	})
}

func TestAControllerThatComesBackIsNotThereTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSyncedStage(t, Options{})
		deployment, replicaSet := deploymentOf("shop", "web"), replicaSetOf("shop", "web")
		running := pod("shop", "web-1-a", "10.0.0.1")
		running.Labels = map[string]string{"app": "web", "pod-template-hash": "1"}
		running.OwnerReferences = ownedBy("ReplicaSet", replicaSet.Name, replicaSet.UID)
		s.add("Pod", running)
		for range 3 {
			s.add("Deployment", deployment)
			s.add("ReplicaSet", replicaSet)
			s.rest()
			workload, _ := s.Current().Workload(identity.Workload{Namespace: "shop", Kind: "Deployment", Name: "web"})
			if len(workload.Controllers) != 1 || workload.Controllers[0].Deleted || workload.OwnLabels == nil {
				t.Fatalf("workload = %+v, want the one controller and its labels", workload)
			}
			s.remove("ReplicaSet", replicaSet)
			s.remove("Deployment", deployment)
			s.rest()
		}
		if got := len(s.ledger.pages["shop"].former); got != 2 {
			t.Errorf("%d former controllers are kept, want 2", got)
		}
	})
}
