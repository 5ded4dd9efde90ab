package resolve

import (
	"net/netip"
	"slices"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/traffic"
)

// Publishes reports whether the answer to a lookup may open an address to whoever names the domain: it comes from a DNS
// server that the cluster relies on, and the name is outside the cluster. Any pod can send what looks like an answer, and
// must not widen the policy of another.
func (r *Resolver) Publishes(snapshot *cluster.Snapshot, s traffic.Sighting) bool {
	return s.What.Act == traffic.Lookup && r.isDNSServer(snapshot, s.What.Responder) &&
		parseName(s.To.Name, r.options.ClusterDomains).form == outsideName
}

// isDNSServer reports whether addr is that of a DNS Service of the cluster, of an endpoint behind one, or configured.
func (r *Resolver) isDNSServer(snapshot *cluster.Snapshot, addr netip.Addr) bool {
	if !addr.IsValid() {
		return false
	}
	if slices.Contains(r.options.DNSServers, addr) {
		return true
	}
	for _, dns := range r.options.DNSServices {
		if r.serves(snapshot, dns, addr) {
			return true
		}
	}
	return false
}

func (r *Resolver) serves(snapshot *cluster.Snapshot, dns ServiceRef, addr netip.Addr) bool {
	space, known := snapshot.Space(dns.Namespace)
	if !known {
		return false
	}
	service, known := space.Service(dns.Name)
	if !known {
		return false
	}
	return slices.Contains(service.ClusterIPs, addr) ||
		anyEndpoint(space.Slices(dns.Name), func(e *cluster.Endpoint) bool { return slices.Contains(e.Addresses, addr) })
}
