package cluster_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/portolan-io/portolan/internal/cluster"
)

var (
	start = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	ip    = netip.MustParseAddr("10.0.0.7")
)

func at(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

// pod returns a pod that was made at that second and holds ip.
func pod(name string, created int) *cluster.Pod {
	return &cluster.Pod{Namespace: "shop", Name: name, UID: name, Created: at(created), IPs: []netip.Addr{ip}}
}

func ending(p *cluster.Pod, second int) *cluster.Pod {
	p.Ended = at(second)
	return p
}

// moment is the pods that the API server shows from a second on.
type moment struct {
	second int
	pods   []*cluster.Pod
}

func shown(second int, pods ...*cluster.Pod) moment { return moment{second: second, pods: pods} }

func history(moments ...moment) *cluster.Snapshot {
	s := cluster.Empty()
	for _, m := range moments {
		s = s.WithSpace(cluster.NewSpace(cluster.Facts{Namespace: "shop", Pods: m.pods}), at(m.second))
	}
	return s
}

func TestHolderIsThePodThatHeldTheAddressAtThatMoment(t *testing.T) {
	for name, tc := range map[string]struct {
		history []moment
		second  int
		want    string
		holders int
	}{
		"nobody, where no pod was":              {nil, 5, "", 0},
		"a running pod, from its creation on":   {[]moment{shown(3, pod("a", 0))}, 0, "a", 1},
		"a running pod, for ever":               {[]moment{shown(3, pod("a", 0))}, 1e6, "a", 1},
		"nobody, before the pod was made":       {[]moment{shown(3, pod("a", 2))}, 1, "", 0},
		"the pod, until it is removed":          {[]moment{shown(3, pod("a", 0)), shown(10)}, 9, "a", 1},
		"nobody, from its removal on":           {[]moment{shown(3, pod("a", 0)), shown(10)}, 10, "", 0},
		"one pod, when it begins to stop":       {[]moment{shown(3, pod("a", 0)), shown(5, ending(pod("a", 0), 10))}, 6, "a", 1},
		"a stopping pod, in its grace period":   {[]moment{shown(3, ending(pod("a", 0), 10))}, 9, "a", 1},
		"nobody, after a grace period":          {[]moment{shown(3, ending(pod("a", 0), 10))}, 10, "", 0},
		"nobody, after a pod that ended early":  {[]moment{shown(3, ending(pod("a", 0), 10)), shown(6)}, 7, "", 0},
		"a removal does not move an older end":  {[]moment{shown(3, ending(pod("a", 0), 5)), shown(60)}, 30, "", 0},
		"two running pods are two holders":      {[]moment{shown(3, pod("a", 0), pod("b", 2))}, 5, "", 2},
		"the earlier of two, before the second": {[]moment{shown(3, pod("a", 0), pod("b", 2))}, 1, "a", 1},
		//  0      5      10     15
		//  |--- a ------->|
		//         b made  |--- b ---
		"the first of two, until it ends":                                {[]moment{shown(1, pod("a", 0)), shown(10), shown(12, pod("b", 5))}, 7, "a", 1},
		"the second of two, from then on":                                {[]moment{shown(1, pod("a", 0)), shown(10), shown(12, pod("b", 5))}, 10, "b", 1},
		"the second, also when the end of the first becomes known later": {[]moment{shown(6, pod("a", 0), pod("b", 5)), shown(10, pod("b", 5))}, 7, "a", 1},
		//  a's grace period would last to 40, but it is removed at 12
		"the second, from the removal of the first before its time": {
			[]moment{shown(3, ending(pod("a", 0), 40)), shown(11, ending(pod("a", 0), 40), pod("b", 5)), shown(12, pod("b", 5))}, 13, "b", 1,
		},
		"nobody, when an address is no longer in the status": {
			[]moment{shown(3, pod("a", 0)), shown(10, &cluster.Pod{Namespace: "shop", Name: "a", UID: "a", Created: at(0)})}, 11, "", 0,
		},
		"the new pod of a StatefulSet, under the same name": {
			[]moment{shown(3, pod("a", 0)), shown(10, &cluster.Pod{Namespace: "shop", Name: "a", UID: "new", Created: at(8), IPs: []netip.Addr{ip}})}, 11, "a", 1,
		},
		"nobody, on the host network": {
			[]moment{shown(3, &cluster.Pod{Namespace: "shop", Name: "a", UID: "a", IPs: []netip.Addr{ip}, HostNetwork: true})}, 5, "", 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			lease, holders := history(tc.history...).Holder(ip, at(tc.second))
			if holders != tc.holders || (holders == 1 && lease.Pod.Name != tc.want) {
				t.Errorf("Holder(+%ds) = %+v and %d holders, want %q and %d", tc.second, lease, holders, tc.want, tc.holders)
			}
		})
	}
}

func TestEndedLeasesStayForTheRetention(t *testing.T) {
	hour := int(cluster.LeaseRetention / time.Second)
	ended := history(shown(0, pod("a", 0)), shown(10))
	if got := ended.Expired(at(10 + hour)).Leases(ip); len(got) != 1 {
		t.Errorf("at the end of the retention: %v, want the lease", got)
	}
	if got := ended.Expired(at(11 + hour)).Leases(ip); len(got) != 0 {
		t.Errorf("after the retention: %v, want nothing", got)
	}
	if got := ended.Leases(ip); len(got) != 1 {
		t.Errorf("the older snapshot has %v, want the lease still", got)
	}
	running := history(shown(0, pod("a", 0)))
	if running.Expired(at(100*hour)) != running {
		t.Error("nothing is too old, and yet there is a new snapshot")
	}
}

func TestAnAddressKeepsABoundedNumberOfLeases(t *testing.T) {
	var moments []moment
	for i := range 500 {
		moments = append(moments, shown(i, pod(fmt.Sprintf("p-%03d", i), i)))
	}
	got := history(moments...).Leases(ip)
	if len(got) != 64 || got[63].Pod.Name != "p-499" {
		t.Errorf("%d leases, the last of %s; want 64, the last of p-499", len(got), got[len(got)-1].Pod.Name)
	}
}

// TestLeasesAreWhatHappened runs random lives of pods, which hand one address on, and asks who held it at every moment.
func TestLeasesAreWhatHappened(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type life struct {
			name          string
			created, gone int
		}
		var lives []life
		for second, i := 0, 0; i < rapid.IntRange(1, 12).Draw(t, "pods"); i++ {
			second += rapid.IntRange(0, 5).Draw(t, "gap")
			l := life{name: fmt.Sprintf("p%d", i), created: second}
			second += rapid.IntRange(1, 9).Draw(t, "length")
			l.gone = second
			lives = append(lives, l)
		}
		last := lives[len(lives)-1].gone
		snapshot := cluster.Empty()
		for second := range last + 1 {
			var pods []*cluster.Pod
			for _, l := range lives {
				if l.created <= second && second < l.gone {
					pods = append(pods, pod(l.name, l.created))
				}
			}
			snapshot = snapshot.WithSpace(cluster.NewSpace(cluster.Facts{Namespace: "shop", Pods: pods}), at(second))
		}
		for second := range last + 1 {
			want := ""
			for _, l := range lives {
				if l.created <= second && second < l.gone {
					want = l.name
				}
			}
			lease, holders := snapshot.Holder(ip, at(second))
			got := ""
			if lease.Pod != nil {
				got = lease.Pod.Name
			}
			if holders > 1 || got != want {
				t.Fatalf("Holder(+%ds) = %q and %d holders, want %q", second, got, holders, want)
			}
		}
	})
}
