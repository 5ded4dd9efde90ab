package policy

import (
	"net/netip"
	"slices"

	"github.com/portolan-io/portolan/internal/cluster"
)

// APIServerAddresses returns the addresses of the API server: those of the Service default/kubernetes, and those of its
// ready endpoints, sorted, none inside another. An IPv4 endpoint is as wide as the settings say. It is nil while none is
// known.
func APIServerAddresses(snap *cluster.Snapshot, set Settings) []netip.Prefix {
	service, behind, known := snap.APIServer()
	if !known {
		return nil
	}
	var found []netip.Prefix
	for _, a := range service.ClusterIPs {
		found = append(found, single(a))
	}
	for _, slice := range behind {
		for _, e := range slice.Endpoints {
			if e.Ready {
				found = append(found, endpointPrefixes(e.Addresses, set.ControlPlanePrefix)...)
			}
		}
	}
	return slices.Clip(outermost(found))
}

func endpointPrefixes(addrs []netip.Addr, bits4 int) []netip.Prefix {
	found := make([]netip.Prefix, 0, len(addrs))
	for _, a := range addrs {
		p := single(a)
		if p.Addr().Is4() && bits4 > 0 {
			p = netip.PrefixFrom(p.Addr(), bits4).Masked()
		}
		found = append(found, p)
	}
	return found
}
