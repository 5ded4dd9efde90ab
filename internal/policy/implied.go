package policy

import (
	"cmp"
	"slices"
	"strings"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

// implied returns the permissions that a server needs although nobody writes them down, in the order in which their
// rules are written. They isolate nobody.
func (m matter) implied() []Permission {
	var found []Permission
	for _, rule := range []func(matter) []Permission{
		publishedService, // M1: a Service that is open to the outside stays open
		clusterDNS,       // M6: whoever serves cluster DNS answers everyone
	} {
		found = append(found, rule(m)...)
	}
	return found
}

// publishedService admits anyone to the target ports of a Service that nodes or load balancers publish.
func publishedService(m matter) []Permission {
	if m.set.Implied == ImpliedOff {
		return nil
	}
	var found []Permission
	for _, service := range m.fronting() {
		// Without a port there is nothing to publish, and a rule without ports would open them all.
		if ports := targetPorts(service.Ports); isPublished(service) && len(ports) > 0 {
			found = append(found, Permission{Server: m.who, Ports: ports, Because: becauseOfService("M1", service)})
		}
	}
	return found
}

func isPublished(s *cluster.Service) bool {
	return s.Type == cluster.LoadBalancer || s.Type == cluster.NodePort || len(s.ExternalIPs) > 0
}

func becauseOfService(rule string, s *cluster.Service) Because {
	return Because{Rule: rule, Kind: kindService, Namespace: s.Namespace, Name: s.Name, Target: noTarget}
}

// dnsPort is the port on which clients ask for names.
const dnsPort = 53

// systemNamespace is where a cluster's own workloads run.
const systemNamespace = "kube-system"

// clusterDNS admits anyone to the DNS ports of a subject that a Service of cluster DNS selects, or that is named like a
// DNS server in the system namespace.
func clusterDNS(m matter) []Permission {
	because := Because{Rule: "M6", Kind: m.who.Kind, Namespace: m.who.Namespace, Name: m.who.Name, Target: noTarget}
	serves := m.who.Namespace == systemNamespace && m.who.Kind != identity.KindService && strings.HasSuffix(m.who.Name, "dns")
	for _, service := range m.fronting() {
		if slices.Contains(m.set.DNS.Services, NamespacedName{service.Namespace, service.Name}) {
			because, serves = becauseOfService("M6", service), true
			break
		}
	}
	if !serves {
		return nil
	}
	return []Permission{{Server: m.who, Ports: m.dnsPorts(), Because: because}}
}

// dnsPorts returns the ports of cluster DNS: 53 as clients dial it, then the ports at its pods where they differ, UDP
// before TCP.
func (m matter) dnsPorts() []Port {
	ports := []Port{{Protocol: traffic.UDP, Number: dnsPort}, {Protocol: traffic.TCP, Number: dnsPort}}
	var behind []Port
	for _, name := range m.set.DNS.Services {
		service, known := m.snap.Service(name.Namespace, name.Name)
		if !known {
			continue
		}
		for _, p := range service.Ports {
			if p.Port == dnsPort {
				behind = append(behind, targetPort(p))
			}
		}
	}
	slices.SortStableFunc(behind, func(a, b Port) int { return cmp.Compare(dnsRank(a), dnsRank(b)) })
	for _, p := range behind {
		ports = addPort(ports, p)
	}
	return ports
}

func dnsRank(p Port) int {
	if p.Protocol == traffic.UDP {
		return 0
	}
	return 1
}
