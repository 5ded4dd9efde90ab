package cluster_test

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

// ledger keeps Records as a store does: the newest of each holder of an address.
type ledger map[[2]string]cluster.Record

func (l ledger) write(records []cluster.Record) {
	for _, r := range records {
		l[[2]string{r.Addr.String(), r.Holder}] = r
	}
}

func (l ledger) all() []cluster.Record {
	var all []cluster.Record
	for _, r := range l {
		all = append(all, r)
	}
	return all
}

// recalled returns the snapshot of a process that begins at a second, after one that recorded was and last looked at known.
func recalled(t testing.TB, was *cluster.Snapshot, known, second int, pods ...*cluster.Pod) *cluster.Snapshot {
	t.Helper()
	s, err := cluster.Empty().Recalled(was.Recorded(cluster.Empty(), at(known)), at(known), at(second))
	if err != nil {
		t.Fatal(err)
	}
	return s.WithSpace(cluster.NewSpace(cluster.Facts{Namespace: "shop", Pods: pods}), at(second))
}

// The operator looks until second 20 and again from second 60 on.
func TestLateSightingsFindWhoHeldTheAddressBeforeARestart(t *testing.T) {
	for name, tc := range map[string]struct {
		before []moment
		after  []*cluster.Pod
		second int
		want   string
	}{
		//  0         20           60
		//  |--- a ---|  nobody    |
		"a pod that vanished meanwhile, as long as it was known":       {[]moment{shown(3, pod("a", 0))}, nil, 19, "a"},
		"nobody, from when on the pod was not known any more":          {[]moment{shown(3, pod("a", 0))}, nil, 20, ""},
		"a pod that is still there, also for the time between":         {[]moment{shown(3, pod("a", 0))}, []*cluster.Pod{pod("a", 0)}, 40, "a"},
		"a pod that had ended before":                                  {[]moment{shown(3, pod("a", 0)), shown(10)}, nil, 9, "a"},
		"nobody, after a pod that had ended before":                    {[]moment{shown(3, pod("a", 0)), shown(10)}, nil, 10, ""},
		"nobody, in a grace period that nobody saw the end of":         {[]moment{shown(3, ending(pod("a", 0), 30))}, nil, 25, ""},
		"a stopping pod that is still there, in its grace period":      {[]moment{shown(3, ending(pod("a", 0), 30))}, []*cluster.Pod{ending(pod("a", 0), 30)}, 25, "a"},
		"nobody, after the end of a pod that ended and is still there": {[]moment{shown(3, pod("a", 0))}, []*cluster.Pod{ending(pod("a", 0), 30)}, 30, ""},
		//  0         20     40    60
		//  |--- a ---|      |--- b ---
		"the first of two, as long as it was known": {[]moment{shown(3, pod("a", 0))}, []*cluster.Pod{pod("b", 40)}, 19, "a"},
		"nobody, between the two":                   {[]moment{shown(3, pod("a", 0))}, []*cluster.Pod{pod("b", 40)}, 39, ""},
		"the second, from its creation on":          {[]moment{shown(3, pod("a", 0))}, []*cluster.Pod{pod("b", 40)}, 40, "b"},
		//  0      10   15  20        60
		//  |- a --|        |         |
		//              |--- b, which has the address when it is made ---
		"the second of two whose change was seen": {[]moment{shown(3, pod("a", 0)), shown(10), shown(15, pod("b", 8))}, []*cluster.Pod{pod("b", 8)}, 12, "b"},
		//  0    8    20             60
		//  |--- a ---|  who knows   |
		//       |b made, and waits  |--- b ---
		"nobody, where a pod that waited got the address unseen":     {[]moment{shown(3, pod("a", 0))}, []*cluster.Pod{pod("b", 8)}, 30, ""},
		"the pod that waited, from when on it is seen with it":       {[]moment{shown(3, pod("a", 0))}, []*cluster.Pod{pod("b", 8)}, 60, "b"},
		"and the one before it, as long as that was known":           {[]moment{shown(3, pod("a", 0))}, []*cluster.Pod{pod("b", 8)}, 15, "a"},
		"a pod that is unknown to the records, from its creation on": {nil, []*cluster.Pod{pod("a", 0)}, 1, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			s := recalled(t, history(tc.before...), 20, 60, tc.after...)
			lease, holders := s.Holder(ip, at(tc.second))
			got := ""
			if holders > 0 {
				got = lease.Pod.Name
			}
			if got != tc.want || holders > 1 {
				t.Errorf("Holder(%s, second %d) = %q of %d, want %q", ip, tc.second, got, holders, tc.want)
			}
		})
	}
}

func TestARecalledPodIsWhoItWas(t *testing.T) {
	static := pod("proxy", 0)
	static.HostNetwork, static.HostIPs, static.Node = true, []netip.Addr{ip}, "n1"
	static.Annotations = map[string]string{cluster.MirrorAnnotation: "static-uid"}
	owned := pod("web-1", 0)
	owned.Hostname, owned.Node = "web", "n1"
	owned.Owner = cluster.Owner{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "web", UID: "u1"}
	s := recalled(t, history(shown(3, static, owned)), 20, 60)

	got, known := s.Tenant("web-1")
	want := identity.Workload{Namespace: "shop", Kind: "StatefulSet", Name: "web"}
	if !known || got.Workload() != want || !got.Pod.IsCalled("web") || got.Pod.Node != "n1" || got.Pod.HostNetwork {
		t.Errorf("Tenant = %+v, of %s, %t; want the pod of %s", got.Pod, got.Workload(), known, want)
	}
	for _, uid := range []string{"proxy", "static-uid"} {
		if got, known := s.Tenant(uid); !known || got.Pod.Name != "proxy" || !got.Pod.HostNetwork {
			t.Errorf("Tenant(%s) = %+v, %t; want the pod on the host network", uid, got.Pod, known)
		}
	}
	if guests := s.OnHost(ip); len(guests) != 0 {
		t.Errorf("%d pods that are gone are on the host", len(guests))
	}
}

func TestServicesAndNodesAreRecalled(t *testing.T) {
	service := &cluster.Service{
		Namespace: "shop", Name: "web", Type: cluster.ClusterIP, Created: at(0), ClusterIPs: []netip.Addr{ip},
		Ports: []cluster.ServicePort{{Name: "http", Port: 80, TargetPort: 8080, Protocol: traffic.TCP}}, Selector: map[string]string{"app": "web"},
	}
	backend := pod("web-1", 0)
	backend.IPs, backend.Labels = []netip.Addr{netip.MustParseAddr("10.0.0.8")}, map[string]string{"app": "web"}
	nodeAddr := netip.MustParseAddr("192.168.0.2")
	before := cluster.Empty().
		WithSpace(cluster.NewSpace(cluster.Facts{Namespace: "shop", Pods: []*cluster.Pod{backend}, Services: []*cluster.Service{service}}), at(1)).
		WithNodes([]*cluster.Node{{Name: "n1", Created: at(0), Addresses: []netip.Addr{nodeAddr}}}, at(1)).
		WithoutSpace("shop", at(10))
	s := recalled(t, before, 20, 60)
	fronts := s.Fronts(ip)
	if len(fronts) != 1 || !fronts[0].To.Equal(at(10)) || fronts[0].Service.Ports[0] != service.Ports[0] {
		t.Fatalf("Fronts = %+v, want the Service until second 10", fronts)
	}
	if behind, gone := s.Former(&fronts[0]); !gone || len(behind) != 1 || behind[0].Name != "web-1" {
		t.Errorf("behind it was %v, gone %t", behind, gone)
	}
	if hosts := s.Hosts(nodeAddr); len(hosts) != 1 || hosts[0].Node != "n1" || !hosts[0].Held(at(19)) || hosts[0].Held(at(20)) {
		t.Errorf("Hosts = %+v, want the node until second 20", hosts)
	}
	there := s.WithNodes([]*cluster.Node{{Name: "n1", Created: at(0), Addresses: []netip.Addr{nodeAddr}}}, at(60))
	if !there.IsHost(nodeAddr) {
		t.Error("a node that is still there has lost its address")
	}
}

func TestWhatIsOverIsNotRecalled(t *testing.T) {
	late := int(cluster.LeaseRetention/time.Second) + 21
	s := recalled(t, history(shown(3, pod("a", 0))), 20, late)
	if len(s.Leases(ip)) != 0 || s.Knows(ip) {
		t.Errorf("leases %v are recalled after an hour", s.Leases(ip))
	}
	if s = recalled(t, history(shown(3, pod("a", 0))), 20, late-2); len(s.Expired(at(late)).Leases(ip)) != 0 {
		t.Error("a recalled lease does not expire")
	}
}

// TestRecallComesLate gives the records to a snapshot that exists already, as when a database answers later than the cluster.
func TestRecallComesLate(t *testing.T) {
	past := history(shown(3, pod("a", 0)), shown(10, pod("b", 5))).Recorded(cluster.Empty(), at(20))
	s := history(shown(60, pod("b", 5)))
	late, err := s.Recalled(past, at(20), at(70))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a 0-10", "b 10-"}
	if diff := cmp.Diff(leasesOf(late), want); diff != "" {
		t.Errorf("leases (-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(leasesOf(s), []string{"b 5-"}); diff != "" {
		t.Errorf("the snapshot before has changed (-got +want):\n%s", diff)
	}
}

func leasesOf(s *cluster.Snapshot) []string {
	var all []string
	for _, l := range s.Leases(ip) {
		text := l.Pod.Name + " " + second(l.From) + "-"
		if !l.To.IsZero() {
			text += second(l.To)
		}
		all = append(all, text)
	}
	return all
}

func second(t time.Time) string { return strconv.Itoa(int(t.Sub(start) / time.Second)) }

func TestARecordThatCannotBeReadIsLeftOut(t *testing.T) {
	past := history(shown(3, pod("a", 0))).Recorded(cluster.Empty(), at(20))
	for _, holder := range []string{"pod/x", "service/inside/x", "node/x"} {
		past = append(past, cluster.Record{Addr: ip, Holder: holder, Who: "{"})
	}
	s, err := cluster.Empty().Recalled(append(past, cluster.Record{Holder: "later/x"}), at(20), at(60))
	if err == nil || len(s.Leases(ip)) != 1 {
		t.Errorf("error %v and leases %v; want three complaints and the lease of a", err, s.Leases(ip))
	}
}

// TestWhatIsRecordedStepByStepIsThePast writes down each step of a random history, and holds what a restart makes of it
// against what was known before.
func TestWhatIsRecordedStepByStepIsThePast(t *testing.T) {
	addrs := []netip.Addr{ip, netip.MustParseAddr("10.0.0.8")}
	rapid.Check(t, func(t *rapid.T) {
		s, written := cluster.Empty(), ledger{}
		now := 0
		var pods []*cluster.Pod
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			now += rapid.IntRange(1, 9).Draw(t, "pause")
			pods = rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) *cluster.Pod {
				p := pod(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "pod"), 0)
				p.Created, p.IPs = at(int(p.Name[0]-'a')*3), rapid.SliceOfNDistinct(rapid.SampledFrom(addrs), 0, 2, rapid.ID).Draw(t, "addresses")
				p.HostNetwork = p.Name == "c"
				return p
			}), 0, 3, func(p *cluster.Pod) string { return p.Name }).Draw(t, "pods")
			next := s.WithSpace(cluster.NewSpace(cluster.Facts{Namespace: "shop", Pods: pods}), at(now))
			written.write(next.Recorded(s, at(now)))
			if again := next.Recorded(next, at(now)); len(again) != 0 {
				t.Fatalf("nothing has changed, and %v is to be written", again)
			}
			s = next
		}
		if diff := cmp.Diff(atAddresses(written.all()), atAddresses(s.Recorded(cluster.Empty(), at(now))), cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("steps add up to (-got +want):\n%s", diff)
		}
		again, err := cluster.Empty().Recalled(written.all(), at(now), at(now+60))
		if err != nil {
			t.Fatal(err)
		}
		again = again.WithSpace(cluster.NewSpace(cluster.Facts{Namespace: "shop", Pods: pods}), at(now+60))
		for _, addr := range addrs {
			for second := range now {
				if diff := cmp.Diff(holders(again, addr, second), holders(s, addr, second)); diff != "" {
					t.Fatalf("%s at second %d (-after +before the restart):\n%s", addr, second, diff)
				}
			}
		}
	})
}

// atAddresses returns the records of addresses, sorted. Those of pods on the host network that are gone are written once only.
func atAddresses(records []cluster.Record) []cluster.Record {
	records = slices.DeleteFunc(records, func(r cluster.Record) bool { return !r.Addr.IsValid() })
	slices.SortFunc(records, func(a, b cluster.Record) int {
		return strings.Compare(a.Addr.String()+a.Holder, b.Addr.String()+b.Holder)
	})
	return records
}

func holders(s *cluster.Snapshot, addr netip.Addr, second int) []string {
	var all []string
	for _, l := range s.Leases(addr) {
		if l.Held(at(second)) {
			all = append(all, l.Pod.Name)
		}
	}
	slices.Sort(all)
	return all
}
