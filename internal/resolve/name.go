package resolve

import (
	"net/netip"
	"strings"
)

// form says what a DNS name is.
type form uint8

const (
	outsideName form = iota // not in the cluster's domain
	serviceName
	podName
	searchNoise // a search suffix behind a cluster name
	badName     // in the cluster's domain, and of no known form
)

// dnsName is what a DNS name says.
//
//	<host>.<service>.<namespace>.svc.<domain>     serviceName
//	10-0-0-1.<namespace>.pod.<domain>             podName, with addr
type dnsName struct {
	form      form
	service   string
	namespace string
	host      string     // the label left of the service; empty when there is none or it starts with '_'
	addr      netip.Addr // the address that a label spells with '-'; invalid when none does
}

// parseName reads a name that may end with a cluster domain. Case and a final dot do not matter. Source: the
// specification of DNS-based service discovery of Kubernetes, version 1.1.0.
func parseName(name string, domains []string) dnsName {
	name = normalized(name)
	for _, domain := range domains {
		if hasNoise(name, domain) {
			return dnsName{form: searchNoise}
		}
	}
	for _, domain := range domains {
		if name == domain {
			return dnsName{form: badName}
		}
		if below, inside := strings.CutSuffix(name, domain); inside && strings.HasSuffix(below, ".") {
			return parseBelow(below[:len(below)-1])
		}
	}
	return dnsName{form: outsideName}
}

// hasNoise reports whether name contains ".svc.<domain>.", without building that text.
func hasNoise(name, domain string) bool {
	for rest := name; ; {
		_, after, found := strings.Cut(rest, ".svc.")
		if !found {
			return false
		}
		if strings.HasPrefix(after, domain) && strings.HasPrefix(after[len(domain):], ".") {
			return true
		}
		rest = after
	}
}

// parseBelow reads what stands left of the cluster domain.
func parseBelow(name string) dnsName {
	rest, kind := cutLast(name)
	left, namespace := cutLast(rest)
	if namespace == "" || left == "" {
		return dnsName{form: badName}
	}
	switch kind {
	case "svc":
		return parseService(left, namespace)
	case "pod":
		first, _, _ := strings.Cut(left, ".")
		if addr := dashedAddr(first); addr.IsValid() {
			return dnsName{form: podName, namespace: namespace, addr: addr}
		}
	}
	return dnsName{form: badName}
}

func parseService(left, namespace string) dnsName {
	hosts, service := cutLast(left)
	if service == "" {
		return dnsName{form: badName}
	}
	n := dnsName{form: serviceName, service: service, namespace: namespace}
	if _, host := cutLast(hosts); host != "" && host[0] != '_' {
		n.host, n.addr = host, dashedAddr(host)
	}
	return n
}

// cutLast splits a name before its last label.
func cutLast(name string) (rest, last string) {
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		return name[:i], name[i+1:]
	}
	return "", name
}

// dashedAddr reads an address that is written with '-' for '.' or ':'. It is invalid when the label is none.
func dashedAddr(label string) netip.Addr {
	if strings.Count(label, "-") < 2 || strings.Trim(label, "0123456789abcdef-") != "" {
		return netip.Addr{}
	}
	for _, separator := range []string{".", ":"} {
		if addr, err := netip.ParseAddr(strings.ReplaceAll(label, "-", separator)); err == nil {
			return addr.Unmap()
		}
	}
	return netip.Addr{}
}

// normalized is the form in which names are kept: lower case, without the final dot. A name in that form costs nothing.
func normalized(name string) string {
	return strings.ToLower(strings.TrimRight(name, "."))
}
