package live

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portolan-io/portolan/internal/cluster"
)

func TestAWorldRecallsWhoHeldAnAddress(t *testing.T) {
	for name, late := range map[string]bool{"before anything is read": false, "when the cluster is known already": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				addr := netip.MustParseAddr("10.0.0.1")
				was := cluster.Empty().WithSpace(cluster.NewSpace(cluster.Facts{Namespace: "shop", Pods: []*cluster.Pod{
					{Namespace: "shop", Name: "gone", UID: "gone", Created: time.Now().Add(-time.Hour).UTC(), IPs: []netip.Addr{addr}},
				}}), time.Now())
				known := time.Now().Add(-time.Minute)
				past := was.Recorded(cluster.Empty(), time.Now())
				s := newStage(t, Options{})
				if !late {
					s.must(s.Recall(past, known))
				}
				for _, stream := range s.streams {
					s.must(stream.Replace(nil, "1"))
				}
				s.settle()
				if late {
					s.must(s.Recall(past, known))
				}
				s.add("Pod", pod("shop", "web", "10.0.0.2"))
				s.rest()
				lease, holders := s.Current().Holder(addr, known.Add(-time.Second))
				if holders != 1 || lease.Pod.Name != "gone" || !lease.To.Equal(known) {
					t.Errorf("Holder = %+v of %d, want the pod that is gone, until %s", lease, holders, known)
				}
			})
		})
	}
}
