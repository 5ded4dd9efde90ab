package trim

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/portolan-io/portolan/internal/cluster"
)

// Node returns the facts about a node. A host name counts only where it is an address. An error names what could not be
// read; the facts are good without it.
func Node(n *corev1.Node) (*cluster.Node, error) {
	node := &cluster.Node{Name: n.Name, Created: n.CreationTimestamp.UTC()}
	var errs []error
	for _, a := range n.Status.Addresses {
		addr, err := netip.ParseAddr(a.Address)
		switch {
		case err == nil:
			node.Addresses = append(node.Addresses, addr.Unmap())
		case a.Type == corev1.NodeInternalIP || a.Type == corev1.NodeExternalIP:
			errs = append(errs, fmt.Errorf("%s %q is not an IP address", a.Type, a.Address))
		}
	}
	ranges := n.Spec.PodCIDRs
	if len(ranges) == 0 && n.Spec.PodCIDR != "" {
		ranges = []string{n.Spec.PodCIDR}
	}
	for _, text := range ranges {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("podCIDR %q is not an address range", text))
			continue
		}
		node.PodCIDRs = append(node.PodCIDRs, prefix.Masked())
	}
	if err := errors.Join(errs...); err != nil {
		return node, fmt.Errorf("node %s: %w", n.Name, err)
	}
	return node, nil
}

// ServiceCIDR returns the ranges from which the API server takes ClusterIPs. An error names what could not be read; the
// ranges are good without it.
func ServiceCIDR(c *networkingv1.ServiceCIDR) ([]netip.Prefix, error) {
	var ranges []netip.Prefix
	var errs []error
	for _, text := range c.Spec.CIDRs {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("%q is not an address range", text))
			continue
		}
		ranges = append(ranges, prefix.Masked())
	}
	if err := errors.Join(errs...); err != nil {
		return ranges, fmt.Errorf("ServiceCIDR %s: %w", c.Name, err)
	}
	return ranges, nil
}

// NamespaceLabels returns the labels of a namespace as the API server shows them: with kubernetes.io/metadata.name,
// which files leave out. given may be nil.
func NamespaceLabels(name string, given map[string]string) map[string]string {
	if given[corev1.LabelMetadataName] == name {
		return given
	}
	labels := make(map[string]string, len(given)+1)
	maps.Copy(labels, given)
	labels[corev1.LabelMetadataName] = name
	return labels
}
