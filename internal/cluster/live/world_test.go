package live

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
)

// stage is a World without an API server: the test writes to its streams.
type stage struct {
	*World
	t *testing.T

	mu      sync.Mutex
	changes []Change
}

// announced returns the changes that were announced since it was last called.
func (s *stage) announced() []Change {
	s.mu.Lock()
	defer s.mu.Unlock()
	changes := s.changes
	s.changes = nil
	return changes
}

// pass lets time pass and then everything happen that is due.
func (s *stage) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// newStage starts a World in the bubble of a synctest. Its streams have nothing yet.
func newStage(t *testing.T, o Options) *stage {
	t.Helper()
	s := &stage{t: t}
	o.Announce = func(c Change) {
		if s.Current() != c.After {
			t.Error("a change is announced before its Snapshot is published")
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.changes = append(s.changes, c)
	}
	s.World = newWorld(nil, o)
	go s.publish(t.Context())
	return s
}

// newSyncedStage starts a World of an empty cluster that is not disturbed since long.
func newSyncedStage(t *testing.T, o Options) *stage {
	t.Helper()
	s := newStage(t, o)
	for _, stream := range s.streams {
		s.must(stream.Replace(nil, "1"))
	}
	s.rest()
	s.announced()
	return s
}

// rest lets more time pass than a pause.
func (s *stage) rest() { s.pass(time.Second) }

// settle lets everything happen that needs no time.
func (s *stage) settle() { synctest.Wait() }

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) stream(kind string) *stream {
	s.t.Helper()
	i := slices.IndexFunc(s.streams, func(st *stream) bool { return st.kind.name == kind })
	if i < 0 {
		s.t.Fatalf("no stream of kind %s", kind)
	}
	return s.streams[i]
}

func (s *stage) add(kind string, objects ...client.Object) {
	s.t.Helper()
	for _, o := range objects {
		s.must(s.stream(kind).Add(o))
	}
}

func (s *stage) update(kind string, o client.Object) {
	s.t.Helper()
	s.must(s.stream(kind).Update(o))
}

func (s *stage) remove(kind string, o client.Object) {
	s.t.Helper()
	s.must(s.stream(kind).Delete(o))
}

func pod(namespace, name, ip string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, UID: types.UID("uid-" + name), Labels: map[string]string{"app": name},
		},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIPs: []corev1.PodIP{{IP: ip}}},
	}
}

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

func TestAKindThatIsNotServedDoesNotStopTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := newStage(t, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		for _, stream := range s.streams {
			if stream.kind.name == "KafkaServerConfig" {
				stream.answered(fmt.Errorf("connection refused"))
				stream.answered(&meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: v2beta1.Group, Kind: stream.kind.name}})
				continue
			}
			s.must(stream.Replace(nil, "1"))
		}
		s.rest()
		if !s.Synced() {
			t.Fatal("the World waits for a kind that is not served")
		}
		status := s.Status()
		i := slices.IndexFunc(status.Kinds, func(k KindStatus) bool { return k.Kind == "KafkaServerConfig" })
		if k := status.Kinds[i]; !k.Absent || !k.Synced || !strings.Contains(k.Error, "no matches for kind") {
			t.Errorf("status = %+v, want absent, synced and the reason", k)
		}

		s.add("KafkaServerConfig", &v2beta1.KafkaServerConfig{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "broker"}})
		s.must(s.stream("KafkaServerConfig").Replace([]any{
			&v2beta1.KafkaServerConfig{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "broker"}},
		}, "2"))
		s.rest()
		space, known := s.Current().Space("shop")
		if !known || len(space.Brokers()) != 1 || s.Status().Kinds[i].Absent {
			t.Error("the kind is not seen when its CRD is installed later")
		}
		if got := strings.Count(log.String(), "cannot read from the API server"); got != 1 {
			t.Errorf("trouble was logged %d times, want once:\n%s", got, log.String())
		}
	})
}

func TestWhatCannotBeReadIsCountedAndTheRestGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := newSyncedStage(t, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		bad := pod("shop", "web", "10.0.0.300")
		s.add("Pod", bad, pod("shop", "db", "10.0.0.2"))
		s.add("Pod", bad) // the same again is counted and not logged
		s.must(s.stream("Pod").Add("not an object"))
		s.rest()
		space, _ := s.Current().Space("shop")
		if _, known := space.Pod("web"); !known || len(space.Pods()) != 2 {
			t.Errorf("pods = %v, want web without address and db", space.Pods())
		}
		if got := s.Status().Kinds[0]; got.Refused != 3 || got.Objects != 2 {
			t.Errorf("status = %+v, want 3 refused and 2 held", got)
		}
		if got := strings.Count(log.String(), "cannot read all of an object"); got != 1 {
			t.Errorf("logged %d times, want once:\n%s", got, log.String())
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
