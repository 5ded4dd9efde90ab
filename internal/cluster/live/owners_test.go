package live

import (
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/portolan-io/portolan/internal/cluster"
)

func owner(kind, name string) cluster.Owner {
	return cluster.Owner{APIVersion: "example.com/v1", Kind: kind, Name: name, UID: kind + "-" + name}
}

// brokerOf returns a pod that a custom resource owns.
func brokerOf(kind, name string) *corev1.Pod {
	p := pod("mq", "broker-0", "10.0.0.1")
	p.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: "example.com/v1", Kind: kind, Name: name, UID: types.UID(kind + "-" + name),
	}}
	return p
}

// bearer returns who holds the address of brokerOf, with a question mark where an owner cannot be read.
func (s *stage) bearer() string {
	lease, holders := s.Current().Holder(netip.MustParseAddr("10.0.0.1"), time.Now())
	if holders != 1 {
		return ""
	}
	who := lease.Workload()
	if lease.Unresolved() {
		return who.Kind + "/" + who.Name + "?"
	}
	return who.Kind + "/" + who.Name
}

func (s *stage) is(when, want string) {
	s.t.Helper()
	if got := s.bearer(); got != want {
		s.t.Errorf("%s the pod belongs to %q, want %q", when, got, want)
	}
}

func TestOwnersThatAreNotWatchedAreRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSyncedStage(t, Options{})
		s.says(nil, map[string]cluster.Owner{"PodSet-set": owner("Kafka", "main"), "Kafka-main": owner("Platform", "all")})
		s.add("Pod", brokerOf("PodSet", "set"))
		s.rest()
		s.is("in the end", "Platform/all")
		if reads := s.says(nil, nil); reads != 3 {
			t.Errorf("%d reads, want one for each of three owners", reads)
		}
		for _, name := range []string{"other-0", "other-1"} {
			p := brokerOf("PodSet", "set")
			p.Name, p.UID, p.Status.PodIPs = name, types.UID(name), nil
			s.add("Pod", p)
		}
		s.rest()
		if reads := s.says(nil, nil); reads != 0 {
			t.Errorf("%d reads for other pods of the same owners, want none", reads)
		}
	})
}

func TestAnOwnerThatCannotBeReadNowIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSyncedStage(t, Options{})
		s.says(errors.New("the API server has a bad day"), nil)
		s.add("Pod", brokerOf("PodSet", "set"))
		s.pass(20 * time.Second)
		s.is("meanwhile", "PodSet/set?")
		if got := s.Status().Owners; got.Asked != 1 || got.Unresolved != 1 || got.Error != "the API server has a bad day" {
			t.Errorf("status = %+v, want one unresolved owner with the error", got)
		}
		if reads := s.says(nil, map[string]cluster.Owner{"PodSet-set": owner("Kafka", "main")}); reads < 3 || reads > 8 {
			t.Errorf("%d reads in 20 s, want some, with growing pauses", reads)
		}
		s.pass(lastRetry)
		s.is("afterwards", "Kafka/main")
		if got := s.Status().Owners; got.Unresolved != 0 || got.Error != "" {
			t.Errorf("status = %+v, want nothing unresolved", got)
		}
	})
}

func TestAnAnswerIsRenewedAndOutlivesTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSyncedStage(t, Options{})
		s.add("Pod", brokerOf("PodSet", "set"))
		s.rest()
		s.is("while reading is forbidden", "PodSet/set")
		s.says(nil, map[string]cluster.Owner{"PodSet-set": owner("Kafka", "main")})
		s.pass(2 * ownerRenewal)
		s.is("after the right was granted", "Kafka/main")
		s.says(errors.New("down"), nil)
		s.pass(2 * ownerRenewal)
		s.is("when the API server is down", "Kafka/main")
	})
}

func TestTheFirstSnapshotKnowsTheOwners(t *testing.T) {
	for name, tc := range map[string]struct {
		trouble error
		want    string
	}{
		"when they can be read":                         {nil, "Kafka/main"},
		"when they cannot, it does not wait for longer": {errors.New("down"), "PodSet/set?"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, Options{})
				s.says(tc.trouble, map[string]cluster.Owner{"PodSet-set": owner("Kafka", "main")})
				s.must(s.stream("Pod").Replace([]any{brokerOf("PodSet", "set")}, "1"))
				for _, stream := range s.streams {
					if stream.kind.name != "Pod" {
						s.must(stream.Replace(nil, "1"))
					}
				}
				s.settle()
				s.is("in the first Snapshot", tc.want)
			})
		})
	}
}

func TestAWatchMayBeLateWithAnOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSyncedStage(t, Options{})
		p := pod("shop", "web-1-0", "10.0.0.1")
		p.OwnerReferences = ownedBy("ReplicaSet", "web-1", "replicaset-web")
		s.add("Pod", p)
		s.settle()
		s.is("before its ReplicaSet is known", "ReplicaSet/web-1?")
		s.add("Deployment", deploymentOf("shop", "web"))
		s.add("ReplicaSet", replicaSetOf("shop", "web"))
		s.rest()
		s.is("afterwards", "Deployment/web")
		s.pass(2 * ownerGrace)
		if reads := s.says(nil, nil); reads != 0 {
			t.Errorf("%d reads, want none: the watch was in time", reads)
		}
	})
}

func TestAnOwnerThatNobodyNamesIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSyncedStage(t, Options{})
		s.add("Pod", brokerOf("PodSet", "set"), pod("mq", "other", "10.0.0.2"))
		s.rest()
		s.remove("Pod", brokerOf("PodSet", "set"))
		s.rest()
		if got := s.Status().Owners; got != (OwnerStatus{}) {
			t.Errorf("status = %+v, want no owners", got)
		}
	})
}

func TestRangesOfServicesAreInThePicture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSyncedStage(t, Options{})
		inside := netip.MustParseAddr("10.96.7.7")
		if s.Current().Knows(inside) {
			t.Fatal("an address is inside before its range is known")
		}
		s.add("ServiceCIDR", serviceCIDR("10.96.0.0/16", "fd00:96::/112"))
		s.rest()
		if !s.Current().Knows(inside) || !s.Current().Knows(netip.MustParseAddr("fd00:96::7")) {
			t.Error("the addresses of the ranges are not inside")
		}
	})
}
