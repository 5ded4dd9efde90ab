package networkpolicy

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/policy"
)

// peers collects the peers of one rule in any order.
type peers struct {
	pods   []podPeer
	blocks []netip.Prefix
}

// podPeer selects pods of one namespace. text is the labels as they are ordered: "a=1,b=2".
type podPeer struct {
	namespace, text string
	labels          map[string]string
}

// addSubject adds the pods of a workload or Service; nothing if it does not exist or has no pods that can be selected.
func (p *peers) addSubject(snap *cluster.Snapshot, who identity.Workload) {
	chosen, exists := policy.Select(snap, who)
	if !exists {
		return
	}
	p.addPods(who.Namespace, chosen.Labels)
	for _, a := range chosen.Hosts {
		p.blocks = append(p.blocks, netip.PrefixFrom(a, a.BitLen()))
	}
}

// addPods adds the pods of a namespace with these labels; no labels add nothing.
func (p *peers) addPods(namespace string, labels map[string]string) {
	if len(labels) > 0 {
		p.pods = append(p.pods, podPeer{namespace: namespace, text: labelText(labels), labels: labels})
	}
}

// list returns the peers by namespace and labels, then the blocks of addresses, each once.
func (p *peers) list() []networkingv1.NetworkPolicyPeer {
	slices.SortFunc(p.pods, comparePods)
	slices.SortFunc(p.blocks, policy.ComparePrefixes)
	pods := slices.CompactFunc(p.pods, func(a, b podPeer) bool { return comparePods(a, b) == 0 })
	blocks := slices.Compact(p.blocks)
	if len(pods)+len(blocks) == 0 {
		return nil
	}
	found := make([]networkingv1.NetworkPolicyPeer, 0, len(pods)+len(blocks))
	for _, pod := range pods {
		found = append(found, networkingv1.NetworkPolicyPeer{
			PodSelector:       matching(pod.labels),
			NamespaceSelector: matching(map[string]string{corev1.LabelMetadataName: pod.namespace}),
		})
	}
	for _, b := range blocks {
		found = append(found, networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: b.String()}})
	}
	return found
}

func comparePods(a, b podPeer) int {
	return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.text, b.text))
}

func labelText(labels map[string]string) string {
	pairs := make([]string, 0, len(labels))
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		pairs = append(pairs, key+"="+labels[key])
	}
	return strings.Join(pairs, ",")
}

func matching(labels map[string]string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: maps.Clone(labels)}
}

// ports returns the ports of a rule in their order; nil, which means every port, for none.
func ports(all []policy.Port) []networkingv1.NetworkPolicyPort {
	if len(all) == 0 {
		return nil
	}
	found := make([]networkingv1.NetworkPolicyPort, 0, len(all))
	for _, p := range all {
		protocol := corev1.Protocol(p.Protocol)
		number := intstr.FromInt32(p.Number)
		if p.Name != "" {
			number = intstr.FromString(p.Name)
		}
		found = append(found, networkingv1.NetworkPolicyPort{Port: &number, Protocol: &protocol})
	}
	return found
}
