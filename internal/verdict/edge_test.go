package verdict

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/policy"
	"github.com/portolan-io/portolan/internal/traffic"
)

const onlyAPIOn80 = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web-in, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: api}}}]
    ports: [{port: 8080}]
`

func inShop(name string) graph.Peer {
	return graph.Peer{Workload: identity.Workload{Namespace: "shop", Kind: "Pod", Name: name}}
}

func connect(port, target uint16) graph.Seen {
	return graph.Seen{Use: graph.Use{Act: traffic.Connect, Protocol: traffic.TCP, Port: port}, TargetPort: target}
}

func TestAnEdgeIsJudgedByItsWorstUse(t *testing.T) {
	lookup := graph.Seen{Use: graph.Use{Act: traffic.Lookup, Name: "web.shop.svc.cluster.local"}}
	for name, tc := range map[string]struct {
		client graph.Peer
		uses   []graph.Seen
		want   string
	}{
		"the pod's port counts, not the Service's":     {inShop("api"), []graph.Seen{connect(80, 8080)}, "allowed Admitted by ingress shop/web-in[0]"},
		"without a pod's port the one that was seen":   {inShop("api"), []graph.Seen{connect(80, 0)}, "blocked NotAdmitted by ingress shop/web-in"},
		"one blocked port is enough":                   {inShop("api"), []graph.Seen{connect(80, 8080), connect(81, 8081)}, "blocked NotAdmitted by ingress shop/web-in"},
		"a lookup beside a connection adds nothing":    {inShop("api"), []graph.Seen{connect(80, 8080), lookup}, "allowed Admitted by ingress shop/web-in[0]"},
		"a lookup alone does not tell the port":        {inShop("api"), []graph.Seen{lookup}, "uncertain UnknownPort by ingress shop/web-in"},
		"a lookup alone may be blocked all the same":   {inShop("bare"), []graph.Seen{lookup}, "blocked NotAdmitted by ingress shop/web-in"},
		"a caller outside is judged by its address":    {graph.Peer{Addr: netip.MustParseAddr("8.8.8.8")}, []graph.Seen{connect(80, 8080)}, "blocked NotAdmitted by ingress shop/web-in"},
		"a name outside is somebody somewhere outside": {graph.Peer{Name: "api.example"}, []graph.Seen{connect(80, 8080)}, "blocked NotAdmitted by ingress shop/web-in"},
	} {
		t.Run(name, func(t *testing.T) {
			court := courtOf(t, "", onlyAPIOn80)
			if got := describe(court.Edge(graph.Edge{Client: tc.client, Server: inShop("web"), Uses: tc.uses})); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

func TestABlockedVerdictSaysWhatIsMissing(t *testing.T) {
	court := courtOf(t, "", onlyAPIOn80+`
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: bare-out, namespace: shop}
spec: {podSelector: {matchExpressions: [{key: app, operator: DoesNotExist}]}, policyTypes: [Egress]}
`)
	permission := policy.Permission{
		Client: inShop("bare").Workload, Server: inShop("web").Workload,
		Ports: []policy.Port{{Protocol: traffic.TCP, Number: 8080}}, Because: policy.Because{Target: -1},
	}
	want := []Missing{{policy.Ingress, permission}, {policy.Egress, permission}}
	got := court.Judge(Question{Client: inShop("bare").Workload, Server: inShop("web").Workload, Port: 8080}).Missing
	if diff := cmp.Diff(got, want, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("missing (-got +want):\n%s", diff)
	}
	addr := netip.MustParseAddr("2001:db8::1")
	got = court.Judge(Question{Client: inShop("bare").Workload, ServerAddr: addr, Port: 443}).Missing
	outside := policy.Permission{
		Client: inShop("bare").Workload, Internet: []netip.Prefix{netip.PrefixFrom(addr, 128)},
		Ports: []policy.Port{{Protocol: traffic.TCP, Number: 443}}, Because: policy.Because{Target: -1},
	}
	if diff := cmp.Diff(got, []Missing{{policy.Egress, outside}}, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("missing for an address outside (-got +want):\n%s", diff)
	}
}
