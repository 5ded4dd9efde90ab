package resolve

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// Options is everything that resolution can be told. The zero value of a field is what its comment says.
type Options struct {
	ClusterDomains     []string       // lower case, without dots at the ends; empty means cluster.local
	ExcludedNamespaces []string       // none of their traffic makes an edge; empty means none
	DNSServices        []ServiceRef   // Services of the cluster's DNS; empty means the usual two
	DNSServers         []netip.Addr   // further servers whose answers may open addresses, such as upstreams and caches on nodes
	ClusterNetworks    []netip.Prefix // addresses inside beside those that nodes, pods and Services tell of
	PrivateNetworks    []netip.Prefix // outside, but not the internet, beside the ranges of RFC 1918, 6598 and 4193
	// ControlPlaneBits4 and ControlPlaneBits6 say how many leading bits an address must share with an endpoint of the API
	// server to be the API server's. 0 means all, which is 32 and 128.
	ControlPlaneBits4, ControlPlaneBits6 int
	// External is whether traffic across the border of the cluster makes edges.
	External bool
}

// ServiceRef names a Service.
type ServiceRef struct{ Namespace, Name string }

// DefaultOptions returns the options that hold where nobody sets others.
func DefaultOptions() Options {
	return Options{ExcludedNamespaces: []string{"istio-system", "linkerd"}, External: true}.withDefaults()
}

func (o Options) withDefaults() Options {
	if len(o.ClusterDomains) == 0 {
		o.ClusterDomains = []string{"cluster.local"}
	}
	if len(o.DNSServices) == 0 {
		o.DNSServices = []ServiceRef{{"kube-system", "kube-dns"}, {"openshift-dns", "dns-default"}}
	}
	if o.ControlPlaneBits4 == 0 {
		o.ControlPlaneBits4 = 32
	}
	if o.ControlPlaneBits6 == 0 {
		o.ControlPlaneBits6 = 128
	}
	return o
}

// Validate returns one error per wrong field, joined.
func (o Options) Validate() error {
	var errs []error
	for _, domain := range o.ClusterDomains {
		if domain == "" || domain != strings.Trim(strings.ToLower(domain), ".") {
			errs = append(errs, fmt.Errorf("cluster domain %q: want lower case without a dot at either end", domain))
		}
	}
	if o.ControlPlaneBits4 < 0 || o.ControlPlaneBits4 > 32 {
		errs = append(errs, fmt.Errorf("control-plane IPv4 prefix length %d: want 0 to 32", o.ControlPlaneBits4))
	}
	if o.ControlPlaneBits6 < 0 || o.ControlPlaneBits6 > 128 {
		errs = append(errs, fmt.Errorf("control-plane IPv6 prefix length %d: want 0 to 128", o.ControlPlaneBits6))
	}
	return errors.Join(errs...)
}

// ParseNamespaces reads a list of namespaces that blanks or commas separate.
func ParseNamespaces(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' })
}
