package cluster

import (
	"net/netip"
	"slices"
)

// Ranges are address ranges of which none lies in another one, in order, so that one search answers for all. The zero value
// has none.
type Ranges struct{ sorted []netip.Prefix }

// NewRanges returns the ranges that cover what prefixes cover. Prefixes that are not valid are left out.
func NewRanges(prefixes ...netip.Prefix) Ranges {
	var all []netip.Prefix
	for _, p := range prefixes {
		if p.IsValid() {
			all = append(all, p.Masked())
		}
	}
	slices.SortFunc(all, netip.Prefix.Compare)
	kept := all[:0]
	for _, p := range all {
		if n := len(kept); n == 0 || !kept[n-1].Overlaps(p) {
			kept = append(kept, p)
		}
	}
	return Ranges{sorted: slices.Clip(kept)}
}

// Contains reports whether addr lies in one of the ranges.
func (r Ranges) Contains(addr netip.Addr) bool {
	at, exact := slices.BinarySearchFunc(r.sorted, addr, func(p netip.Prefix, a netip.Addr) int { return p.Addr().Compare(a) })
	return exact || at > 0 && r.sorted[at-1].Contains(addr)
}
