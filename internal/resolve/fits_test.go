package resolve

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

// refusing is a cluster in which sightings were refused, each on a port of its own.
func refusing(t *testing.T) *story {
	t.Helper()
	s := newStory(t, Options{External: true})
	for line := range strings.Lines(`
+0s   ranges 10.0.0.0/16 10.96.0.0/16
+0s   node n1 192.168.1.1
+0s   pod web-1 10.0.0.7 of Deployment/web node n1
+0s   pod db-0 10.0.0.8 of StatefulSet/db node n1 uid db
+0s   pod db-x 10.0.0.18 of Deployment/db node n1
+0s   pod old 10.0.0.5 of Deployment/old
+0s   pod exporter 192.168.1.1 host node n1 of DaemonSet/exporter
+0s   service db 10.96.0.8 port 1 behind db-0
+0s   service gone 10.96.0.5 port 1 behind old
+1s   gone service gone
+1s   gone pod old
+2s   syn +2s 192.168.1.1 -> 10.0.0.8:1
+3s   syn +3s 10.0.0.5 -> 10.0.0.8:2
+4s   syn +4s 10.0.0.7 pod other -> 10.96.0.8:3
+5s   dns +5s 10.0.0.7 -> cache.shop.svc.cluster.local = 10.96.9.9
+6s   syn +6s 10.0.0.7 -> 10.0.0.99:5
+7s   syn +7s 10.0.0.7 -> 10.96.0.5:6
+8s   syn +8s 203.0.113.9 -> 192.168.1.1:7
+9s   syn +9s 10.0.0.7 -> 10.0.0.7:8
+10s  syn +10s 10.0.0.7 pod other -> 10.96.9.9:9 nat 10.0.0.8:99
+11s  dns +11s 10.0.0.7 pod other -> api.example.com = 203.0.113.7
+12s  kafka +12s 10.0.0.7 pod other -> 10.0.0.99:11 uid db
`) {
		if line = strings.TrimSpace(line); line != "" {
			s.play(strings.Fields(line))
		}
	}
	s.Retry(s.snapshot, s.now.Add(DefaultPatience))
	return s
}

func workloadSide(text string) Side {
	who, err := identity.Parse(text)
	if err != nil {
		panic(err)
	}
	return Side{Workload: who}
}

func TestRefusalsThatMayExplainAMissingEdge(t *testing.T) {
	s := refusing(t)
	web, db := workloadSide("shop//web"), workloadSide("shop/StatefulSet/db")
	for name, tc := range map[string]struct {
		question Question
		want     string // reason and port, the newest first
	}{
		"anybody to a workload": {
			Question{To: db}, "ClaimMismatch:11 ClaimMismatch:9 ClaimMismatch:3 NoHolder:2 HostNetwork:1",
		},
		"a workload to another one, by Service, translation and claim": {Question{From: web, To: db}, "ClaimMismatch:11 ClaimMismatch:9 ClaimMismatch:3"},
		"to a workload of another kind":                                {Question{From: web, To: workloadSide("shop/Deployment/db")}, ""},
		"a workload on a node, by the node's address":                  {Question{From: workloadSide("shop//exporter"), To: db}, "HostNetwork:1"},
		"a workload that has gone, by the address that it had":         {Question{From: workloadSide("shop/Deployment/old")}, "NoHolder:2"},
		"to a workload that was behind a Service that has gone":        {Question{From: web, To: workloadSide("shop//old")}, "NoHolder:6"},
		"to a Service that is not there, by its name":                  {Question{From: web, To: workloadSide("shop//cache")}, "UnknownService:0"},
		"to itself":                         {Question{From: web, To: web}, "SamePod:8"},
		"to an address":                     {Question{To: Side{Addr: netip.MustParseAddr("10.0.0.99")}}, "ClaimMismatch:11 NoHolder:5"},
		"from outside":                      {Question{From: Side{Outside: true}}, "HostNetwork:7"},
		"to a name outside":                 {Question{To: Side{Name: "api.example.com"}}, "ClaimMismatch:0"},
		"to anywhere outside":               {Question{From: web, To: Side{Outside: true}}, "ClaimMismatch:0"},
		"on one port":                       {Question{To: db, Port: 3, Protocol: traffic.TCP}, "ClaimMismatch:3"},
		"on the same port over UDP":         {Question{To: db, Port: 3, Protocol: traffic.UDP}, ""},
		"a workload of another namespace":   {Question{From: workloadSide("pay//web")}, ""},
		"a name with a dot, which is a '_'": {Question{From: workloadSide("shop//we.b")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, r := range s.Resolver.Fitting(s.snapshot, s.Ledger, tc.question, 10) {
				got = append(got, string(r.Reason)+":"+strings.TrimPrefix(netip.AddrPortFrom(netip.IPv4Unspecified(), r.Sighting.To.Port).String(), "0.0.0.0:"))
			}
			if diff := cmp.Diff(strings.Join(got, " "), tc.want); diff != "" {
				t.Errorf("fitting (-got +want):\n%s", diff)
			}
		})
	}
	if got := s.Resolver.Fitting(s.snapshot, s.Ledger, Question{}, 3); len(got) != 3 {
		t.Errorf("%d refusals for anybody, want the newest 3", len(got))
	}
}
