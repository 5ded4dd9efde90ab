package verdict

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"pgregory.net/rapid"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/policy"
	"github.com/portolan-io/portolan/internal/traffic"
)

// world is a small cluster of pods on the pod network, in two namespaces with two labels each.
func world() (*cluster.Snapshot, []identity.Workload) {
	snapshot := cluster.Empty()
	var all []identity.Workload
	for n, namespace := range []string{"a", "b"} {
		facts := cluster.Facts{Namespace: namespace, Labels: map[string]string{"ns": namespace}}
		for i, name := range []string{"x", "y", "z"} {
			facts.Pods = append(facts.Pods, &cluster.Pod{
				Namespace: namespace, Name: name, UID: namespace + name, Labels: map[string]string{"app": name, "even": []string{"yes", "no"}[i%2]},
				IPs:   []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(n), byte(i)})},
				Ports: []cluster.ContainerPort{{Name: "http", Port: int32(80 + i), Protocol: traffic.TCP}},
			})
			all = append(all, identity.Workload{Namespace: namespace, Kind: "Pod", Name: name})
		}
		snapshot = snapshot.WithSpace(cluster.NewSpace(facts), metav1.Now().Time)
	}
	return snapshot, all
}

func drawSelector(t *rapid.T, keys ...string) metav1.LabelSelector {
	var s metav1.LabelSelector
	key := rapid.SampledFrom(keys).Draw(t, "key")
	values := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "x", "y", "yes", "no"}), 1, 3).Draw(t, "values")
	switch rapid.IntRange(0, 3).Draw(t, "selector") {
	case 1:
		s.MatchLabels = map[string]string{key: values[0]}
	case 2:
		operator := rapid.SampledFrom([]metav1.LabelSelectorOperator{metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn}).Draw(t, "operator")
		s.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: key, Operator: operator, Values: values}}
	case 3:
		operator := rapid.SampledFrom([]metav1.LabelSelectorOperator{metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist}).Draw(t, "operator")
		s.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: key, Operator: operator}}
	}
	return s
}

func drawPeer(t *rapid.T) networkingv1.NetworkPolicyPeer {
	pods, namespaces := drawSelector(t, "app", "even", "none"), drawSelector(t, "ns", "none")
	switch rapid.IntRange(0, 3).Draw(t, "peer") {
	case 0:
		return networkingv1.NetworkPolicyPeer{PodSelector: &pods}
	case 1:
		return networkingv1.NetworkPolicyPeer{NamespaceSelector: &namespaces}
	case 2:
		return networkingv1.NetworkPolicyPeer{PodSelector: &pods, NamespaceSelector: &namespaces}
	default:
		block := &networkingv1.IPBlock{CIDR: rapid.SampledFrom([]string{"0.0.0.0/0", "10.0.0.0/24", "8.0.0.0/8"}).Draw(t, "cidr")}
		if rapid.Bool().Draw(t, "except") {
			block.Except = []string{"10.0.0.0/31"}
		}
		return networkingv1.NetworkPolicyPeer{IPBlock: block}
	}
}

func drawPort(t *rapid.T) networkingv1.NetworkPolicyPort {
	var p networkingv1.NetworkPolicyPort
	if rapid.Bool().Draw(t, "udp") {
		p.Protocol = new(corev1.ProtocolUDP)
	}
	switch rapid.IntRange(0, 3).Draw(t, "port") {
	case 1:
		p.Port = new(intstr.FromInt32(rapid.Int32Range(79, 83).Draw(t, "number")))
	case 2:
		p.Port = new(intstr.FromString("http"))
	case 3:
		p.Port, p.EndPort = new(intstr.FromInt32(80)), new(rapid.Int32Range(80, 83).Draw(t, "end"))
	}
	return p
}

func drawPolicy(t *rapid.T) *networkingv1.NetworkPolicy {
	p := &networkingv1.NetworkPolicy{}
	p.Name = rapid.StringMatching(`p[a-z]{6}`).Draw(t, "name")
	p.Namespace = rapid.SampledFrom([]string{"a", "b"}).Draw(t, "namespace")
	p.Spec.PodSelector = drawSelector(t, "app", "even")
	p.Spec.PolicyTypes = rapid.SliceOfNDistinct(rapid.SampledFrom([]networkingv1.PolicyType{
		networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress,
	}), 0, 2, rapid.ID).Draw(t, "types")
	peers, ports := rapid.SliceOfN(rapid.Custom(drawPeer), 0, 2), rapid.SliceOfN(rapid.Custom(drawPort), 0, 2)
	for range rapid.IntRange(0, 2).Draw(t, "ingress rules") {
		p.Spec.Ingress = append(p.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{From: peers.Draw(t, "from"), Ports: ports.Draw(t, "ports")})
	}
	for range rapid.IntRange(0, 2).Draw(t, "egress rules") {
		p.Spec.Egress = append(p.Spec.Egress, networkingv1.NetworkPolicyEgressRule{To: peers.Draw(t, "to"), Ports: ports.Draw(t, "ports")})
	}
	return p
}

func drawPolicies(t *rapid.T) []*networkingv1.NetworkPolicy {
	return rapid.SliceOfNDistinct(rapid.Custom(drawPolicy), 0, 5, func(p *networkingv1.NetworkPolicy) string { return p.Namespace + "/" + p.Name }).Draw(t, "policies")
}

func drawQuestion(t *rapid.T, all []identity.Workload) Question {
	q := Question{Port: rapid.Int32Range(79, 83).Draw(t, "port"), Protocol: rapid.SampledFrom([]traffic.Protocol{traffic.TCP, traffic.UDP}).Draw(t, "protocol")}
	ends := rapid.Permutation(all).Draw(t, "ends")
	q.Client, q.Server = ends[0], ends[1]
	outside := netip.MustParseAddr(rapid.SampledFrom([]string{"8.8.8.8", "9.9.9.9"}).Draw(t, "outside"))
	switch rapid.IntRange(0, 3).Draw(t, "border") {
	case 0:
		q.Client, q.ClientAddr = identity.Workload{}, outside
	case 1:
		q.Server, q.ServerAddr = identity.Workload{}, outside
	}
	return q
}

func TestTheOrderOfPoliciesDoesNotMatter(t *testing.T) {
	snapshot, all := world()
	rapid.Check(t, func(t *rapid.T) {
		policies, q := drawPolicies(t), drawQuestion(t, all)
		got := Judge(snapshot, rapid.Permutation(policies).Draw(t, "order"), q)
		if diff := cmp.Diff(got, Judge(snapshot, policies, q), cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
			t.Fatalf("another order gives another verdict:\n%s", diff)
		}
	})
}

// TestARuleMoreNeverBlocks: rules only admit, so one more never makes an answer worse.
func TestARuleMoreNeverBlocks(t *testing.T) {
	snapshot, all := world()
	rapid.Check(t, func(t *rapid.T) {
		policies, q := append(drawPolicies(t), drawPolicy(t)), drawQuestion(t, all)
		before := Judge(snapshot, policies, q)
		last := policies[len(policies)-1].DeepCopy()
		more := drawPolicy(t).Spec
		last.Spec.Ingress = append(last.Spec.Ingress, more.Ingress...)
		if len(last.Spec.PolicyTypes) > 0 || len(last.Spec.Egress) > 0 { // else a first egress rule would isolate
			last.Spec.Egress = append(last.Spec.Egress, more.Egress...)
		}
		after := Judge(snapshot, append(policies[:len(policies)-1:len(policies)-1], last), q)
		if rank(after.Outcome) > rank(before.Outcome) {
			t.Fatalf("%+v was %s and is %s after a rule more", q, before.Outcome, after.Outcome)
		}
	})
}

// TestAPolicyWithoutRulesNeverAllows: isolation only takes away.
func TestAPolicyWithoutRulesNeverAllows(t *testing.T) {
	snapshot, all := world()
	rapid.Check(t, func(t *rapid.T) {
		policies, q := drawPolicies(t), drawQuestion(t, all)
		deny := drawPolicy(t)
		deny.Name, deny.Spec.Ingress, deny.Spec.Egress = "deny", nil, nil
		before, after := Judge(snapshot, policies, q), Judge(snapshot, append(policies, deny), q)
		if rank(after.Outcome) < rank(before.Outcome) {
			t.Fatalf("%+v was %s and is %s after a policy without rules", q, before.Outcome, after.Outcome)
		}
	})
}

// TestAPolicyConcernsOnlyWhomItSelects: a policy more changes nothing for pairs of which it selects neither side.
func TestAPolicyConcernsOnlyWhomItSelects(t *testing.T) {
	snapshot, all := world()
	rapid.Check(t, func(t *rapid.T) {
		policies, q := drawPolicies(t), drawQuestion(t, all)
		more := drawPolicy(t)
		more.Name = "more"
		if selectsEither(t, snapshot, more, q) {
			t.Skip("the policy selects a side")
		}
		before, after := Judge(snapshot, policies, q), Judge(snapshot, append(policies, more), q)
		if diff := cmp.Diff(after, before, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
			t.Fatalf("a policy about others changes the verdict:\n%s", diff)
		}
	})
}

func selectsEither(t *rapid.T, snapshot *cluster.Snapshot, p *networkingv1.NetworkPolicy, q Question) bool {
	return slices.ContainsFunc([]identity.Workload{q.Client, q.Server}, func(who identity.Workload) bool {
		workload, known := snapshot.Workload(who)
		return known && who.Namespace == p.Namespace && naiveSelects(t, &p.Spec.PodSelector, workload.Pods[0].Labels)
	})
}

// TestWhatIsMissingHelps: a policy that admits what is said to be missing lets the conversation pass.
func TestWhatIsMissingHelps(t *testing.T) {
	snapshot, all := world()
	rapid.Check(t, func(t *rapid.T) {
		policies, q := drawPolicies(t), drawQuestion(t, all)
		v := Judge(snapshot, policies, q)
		if (v.Outcome == Blocked) != (len(v.Missing) > 0) {
			t.Fatalf("%s with %d missing permissions", v.Outcome, len(v.Missing))
		}
		for _, m := range v.Missing {
			p := &networkingv1.NetworkPolicy{}
			p.Name, p.Namespace = "help-"+string(m.Direction), q.Server.Namespace
			p.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyType(m.Direction)}
			p.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}}
			if m.Direction == policy.Egress {
				p.Namespace, p.Spec.Ingress = q.Client.Namespace, nil
				p.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}
			}
			policies = append(policies, p)
		}
		if helped := Judge(snapshot, policies, q); helped.Outcome != Allowed {
			t.Fatalf("%+v is %s although what was missing is allowed", q, helped.Outcome)
		}
	})
}
