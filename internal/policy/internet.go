package policy

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
)

// reach is what one internet target allows.
type reach struct {
	Prefixes []netip.Prefix // masked, sorted, none inside another
	Unknown  []string       // domains without an address that may be used, as written
	Refused  []refusal
	Wrong    v2beta1.TargetReason // InvalidTarget or InvalidDomain: the target cannot be used
	Which    string               // what is wrong, for a message
}

// refusal is a domain that resolved to addresses which are never allowed from DNS.
type refusal struct {
	Domain    string
	Addresses []netip.Addr // sorted
}

// internet returns what one internet target of a ClientIntents allows.
func (m matter) internet(intents *v2beta1.ClientIntents, target *v2beta1.InternetTarget) reach {
	written, bad := writtenPrefixes(target.IPs)
	switch {
	case bad != "":
		return reach{Wrong: v2beta1.TargetReasonInvalidTarget, Which: strconv.Quote(bad)}
	case len(target.IPs) == 0 && len(target.Domains) == 0:
		return reach{Wrong: v2beta1.TargetReasonInvalidTarget, Which: "a target without domains and ips"}
	case wrongPort(target.Ports) != "":
		return reach{Wrong: v2beta1.TargetReasonInvalidTarget, Which: wrongPort(target.Ports)}
	}
	var found reach
	var resolved []netip.Addr
	answers := normalAnswers(intents.Status.ResolvedIPs)
	for _, domain := range target.Domains {
		name, ok := NormalDomain(domain)
		if !ok {
			return reach{Wrong: v2beta1.TargetReasonInvalidDomain, Which: strconv.Quote(domain)}
		}
		usable, refused := m.sift(answersFor(name, answers))
		resolved = append(resolved, usable...)
		if len(usable) == 0 {
			found.Unknown = append(found.Unknown, domain)
		}
		if len(refused) > 0 {
			found.Refused = append(found.Refused, refusal{Domain: domain, Addresses: refused})
		}
	}
	found.Prefixes = outermost(append(written, m.blocks(resolved)...))
	return found
}

// wrongPort returns the first port that is none; empty if there is no such. An object from before the API had bounds may
// hold one.
func wrongPort(ports []int32) string {
	for _, p := range ports {
		if p < 1 || p > 65535 {
			return "port " + strconv.Itoa(int(p))
		}
	}
	return ""
}

// writtenPrefixes reads addresses and blocks as a person wrote them and masks them; bad is the first that is neither.
func writtenPrefixes(texts []string) (prefixes []netip.Prefix, bad string) {
	for _, text := range texts {
		if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
			prefixes = append(prefixes, single(a))
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, text
		}
		prefixes = append(prefixes, unmapPrefix(p))
	}
	return prefixes, ""
}

func single(a netip.Addr) netip.Prefix {
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen())
}

// mappedBits is how much of an IPv4-mapped IPv6 prefix stands before the IPv4 address.
const mappedBits = 96

func unmapPrefix(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= mappedBits {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mappedBits)
	}
	return p.Masked()
}

// NormalDomain returns a domain in lower case, in ASCII and without the final dot; a leading "*." stays. It is false for what
// is no domain: a "*" anywhere else makes it none.
func NormalDomain(domain string) (string, bool) {
	wildcard := ""
	if rest, isWildcard := strings.CutPrefix(domain, "*."); isWildcard {
		wildcard, domain = "*.", rest
	}
	profile := idna.New(idna.MapForLookup(), idna.StrictDomainName(false), idna.BidiRule())
	name, err := profile.ToASCII(strings.TrimSuffix(domain, "."))
	if err != nil || name == "" || strings.ContainsAny(name, "* /") {
		return "", false
	}
	return wildcard + strings.ToLower(name), true
}

// dnsAnswer is what a name resolved to; the name is in the form of NormalDomain.
type dnsAnswer struct {
	name  string
	addrs []netip.Addr
}

func normalAnswers(resolved []v2beta1.ResolvedIPs) []dnsAnswer {
	answers := make([]dnsAnswer, 0, len(resolved))
	for _, r := range resolved {
		name, ok := NormalDomain(r.DNS)
		if !ok {
			continue
		}
		known := dnsAnswer{name: name}
		for _, text := range r.IPs {
			if a, err := netip.ParseAddr(text); err == nil {
				known.addrs = append(known.addrs, a.WithZone("").Unmap())
			}
		}
		answers = append(answers, known)
	}
	return answers
}

// answersFor returns the addresses known for a domain: of the name itself or, for a wildcard, of its own text and of
// every name below it.
func answersFor(domain string, answers []dnsAnswer) []netip.Addr {
	below, isWildcard := strings.CutPrefix(domain, "*")
	var found []netip.Addr
	for _, known := range answers {
		if known.name == domain || isWildcard && strings.HasSuffix(known.name, below) {
			found = append(found, known.addrs...)
		}
	}
	slices.SortFunc(found, netip.Addr.Compare)
	return slices.Compact(found)
}

// sift separates the addresses that DNS may open from those that it never may: a name must not open the cluster's own
// pods and Services or the node itself.
func (m matter) sift(all []netip.Addr) (usable, refused []netip.Addr) {
	for _, a := range all {
		if isLocal(a) || m.isInternal(a) {
			refused = append(refused, a)
		} else {
			usable = append(usable, a)
		}
	}
	return usable, refused
}

func isLocal(a netip.Addr) bool {
	return a.IsUnspecified() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast()
}

func (m matter) isInternal(a netip.Addr) bool {
	if _, isService := m.snap.ServiceAt(a); isService {
		return true
	}
	return slices.ContainsFunc(m.snap.Leases(a), func(l cluster.Lease) bool { return l.To.IsZero() })
}

// blocks returns the prefixes for resolved addresses: each its own, or blocks where there are too many of one family.
func (m matter) blocks(resolved []netip.Addr) []netip.Prefix {
	slices.SortFunc(resolved, netip.Addr.Compare)
	resolved = slices.Compact(resolved)
	sixAt, _ := slices.BinarySearchFunc(resolved, 128, func(a netip.Addr, bits int) int { return cmp.Compare(a.BitLen(), bits) })
	return append(m.group(resolved[:sixAt], 24), m.group(resolved[sixAt:], 64)...)
}

// group returns addresses of one family as prefixes. Where they are too many, those that share a block of that length
// with another become the block; where that is still too many, all do.
func (m matter) group(addrs []netip.Addr, bits int) []netip.Prefix {
	own := make([]netip.Prefix, 0, len(addrs))
	for _, a := range addrs {
		own = append(own, single(a))
	}
	if !m.set.GroupIPs || len(own) <= m.set.GroupIPsAbove {
		return own
	}
	neighbours := make(map[netip.Prefix]int)
	for _, a := range addrs {
		neighbours[netip.PrefixFrom(a, bits).Masked()]++
	}
	var shared, all []netip.Prefix
	for i, a := range addrs {
		block := netip.PrefixFrom(a, bits).Masked()
		all = append(all, block)
		if neighbours[block] > 1 {
			shared = append(shared, block)
		} else {
			shared = append(shared, own[i])
		}
	}
	if shared = slices.Compact(shared); len(shared) <= m.set.GroupIPsAbove {
		return shared
	}
	return slices.Compact(all)
}

// outermost returns the prefixes sorted by address, IPv4 first, without those that are inside another.
func outermost(prefixes []netip.Prefix) []netip.Prefix {
	slices.SortFunc(prefixes, ComparePrefixes)
	var kept []netip.Prefix
	for _, p := range prefixes {
		if n := len(kept); n == 0 || !kept[n-1].Contains(p.Addr()) {
			kept = append(kept, p)
		}
	}
	return kept
}

// ComparePrefixes orders IPv4 before IPv6, then by address, then by prefix length.
func ComparePrefixes(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}
