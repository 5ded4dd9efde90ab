package verdict

import (
	"net"
	"net/netip"
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"pgregory.net/rapid"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
)

// TestTheNaiveReadingAgrees holds the court against a second evaluator that follows the text of the API field by field,
// with the selectors of apimachinery and without any index. It does not know the host network or unknown ports.
func TestTheNaiveReadingAgrees(t *testing.T) {
	snapshot, all := world()
	rapid.Check(t, func(t *rapid.T) {
		policies, q := drawPolicies(t), drawQuestion(t, all)
		want := Allowed
		if !naiveSide(t, snapshot, policies, q, true) || !naiveSide(t, snapshot, policies, q, false) {
			want = Blocked
		}
		if got := Judge(snapshot, policies, q); got.Outcome != want {
			t.Fatalf("Judge(%+v) = %s, want %s\n%+v", q, got.Outcome, want, got)
		}
	})
}

// naiveSide reports whether the policies of one side allow.
func naiveSide(t *rapid.T, snapshot *cluster.Snapshot, policies []*networkingv1.NetworkPolicy, q Question, ingress bool) bool {
	subject, other, otherAddr := q.Client, q.Server, q.ServerAddr
	if ingress {
		subject, other, otherAddr = q.Server, q.Client, q.ClientAddr
	}
	pod := naivePod(snapshot, subject)
	if pod == nil {
		return true
	}
	isolated := false
	for _, p := range policies {
		if p.Namespace != pod.Namespace || !naiveSelects(t, &p.Spec.PodSelector, pod.Labels) {
			continue
		}
		egressByDefault := len(p.Spec.PolicyTypes) == 0 && len(p.Spec.Egress) > 0
		switch {
		case ingress && (len(p.Spec.PolicyTypes) == 0 || slices.Contains(p.Spec.PolicyTypes, networkingv1.PolicyTypeIngress)):
			isolated = true
			for _, r := range p.Spec.Ingress {
				if naivePeers(t, snapshot, p, r.From, other, otherAddr) && naivePorts(snapshot, r.Ports, q) {
					return true
				}
			}
		case !ingress && (egressByDefault || slices.Contains(p.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)):
			isolated = true
			for _, r := range p.Spec.Egress {
				if naivePeers(t, snapshot, p, r.To, other, otherAddr) && naivePorts(snapshot, r.Ports, q) {
					return true
				}
			}
		}
	}
	return !isolated
}

func naivePeers(t *rapid.T, snapshot *cluster.Snapshot, p *networkingv1.NetworkPolicy, peers []networkingv1.NetworkPolicyPeer, who identity.Workload, addr netip.Addr) bool {
	pod := naivePod(snapshot, who)
	if pod != nil {
		addr = pod.IPs[0]
	}
	return len(peers) == 0 || slices.ContainsFunc(peers, func(peer networkingv1.NetworkPolicyPeer) bool {
		switch {
		case peer.IPBlock != nil:
			return naiveContains(t, peer.IPBlock.CIDR, addr) && !slices.ContainsFunc(peer.IPBlock.Except, func(e string) bool { return naiveContains(t, e, addr) })
		case pod == nil:
			return false
		case peer.NamespaceSelector == nil:
			return pod.Namespace == p.Namespace && naiveSelects(t, peer.PodSelector, pod.Labels)
		default:
			space, _ := snapshot.Space(pod.Namespace)
			return naiveSelects(t, peer.NamespaceSelector, space.Labels) && (peer.PodSelector == nil || naiveSelects(t, peer.PodSelector, pod.Labels))
		}
	})
}

func naivePorts(snapshot *cluster.Snapshot, ports []networkingv1.NetworkPolicyPort, q Question) bool {
	server := naivePod(snapshot, q.Server)
	return len(ports) == 0 || slices.ContainsFunc(ports, func(p networkingv1.NetworkPolicyPort) bool {
		protocol := "TCP"
		if p.Protocol != nil {
			protocol = string(*p.Protocol)
		}
		switch {
		case protocol != string(q.Protocol):
			return false
		case p.Port == nil:
			return true
		case p.Port.Type == intstr.String:
			return server != nil && slices.ContainsFunc(server.Ports, func(c cluster.ContainerPort) bool {
				return c.Name == p.Port.StrVal && c.Port == q.Port && c.Protocol == q.Protocol
			})
		case p.EndPort != nil:
			return p.Port.IntVal <= q.Port && q.Port <= *p.EndPort
		default:
			return p.Port.IntVal == q.Port
		}
	})
}

func naivePod(snapshot *cluster.Snapshot, who identity.Workload) *cluster.Pod {
	if workload, known := snapshot.Workload(who); known {
		return workload.Pods[0]
	}
	return nil
}

func naiveSelects(t *rapid.T, s *metav1.LabelSelector, has map[string]string) bool {
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		t.Fatal(err)
	}
	return selector.Matches(labels.Set(has))
}

func naiveContains(t *rapid.T, cidr string, addr netip.Addr) bool {
	_, network, err := net.ParseCIDR(cidr)
	if err != nil {
		t.Fatal(err)
	}
	return network.Contains(addr.AsSlice())
}
