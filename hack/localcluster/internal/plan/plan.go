// Package plan divides one address range into everything that a cluster needs, and names what the cluster owns on the host.
//
// It takes values and returns values: it must not look at the machine, nor touch it.
package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Sizes of the ranges that New accepts, in prefix bits. A /22 still has room for about 500 pods and 250 Services.
const (
	widest    = 12
	narrowest = 22
)

// maxDir keeps the paths of sockets in the state folder below the 107 bytes that the kernel allows.
const maxDir = 75

// maxName keeps the longest derived name, "NAME-node", a DNS label.
const maxName = 40

// Plan is one cluster: its name, its folder, and who has which address. It is comparable, and its JSON form is stable.
//
//	range     10.85.0.0/16
//	pods      10.85.0.0/17     node 10.85.0.1 (the bridge), pods from 10.85.0.16
//	services  10.85.128.0/18   API server .1, name server .10
//	link      10.85.192.0/30   host .1 ("outside"), cluster .2 ("inside")
//
// With two families pods and Services have IPv6 addresses, too, which no one outside of the cluster can reach:
//
//	pods      fd70:6c63:a55::/64     node ::1, pods from ::10
//	services  fd70:6c64:a55::/112
type Plan struct {
	Name  string       `json:"name"`  // a DNS label of at most 40 characters
	Dir   string       `json:"dir"`   // absolute path of the folder that holds all state
	Range netip.Prefix `json:"range"` // IPv4, /12 to /22, not of the internet; no other cluster and no route of the host overlaps it

	DualStack bool `json:"dualStack,omitempty"` // IPv6 beside IPv4
}

// New checks its arguments and returns the plan. Errors say which argument is wrong and what would be right.
func New(name, dir string, addresses netip.Prefix) (Plan, error) {
	if err := checkName(name); err != nil {
		return Plan{}, err
	}
	if !filepath.IsAbs(dir) || filepath.Clean(dir) != dir || dir == "/" {
		return Plan{}, fmt.Errorf("state folder %q: want a clean absolute path that is not the root", dir)
	}
	if len(dir) > maxDir {
		return Plan{}, fmt.Errorf("state folder %q: want at most %d bytes, because sockets are made in it", dir, maxDir)
	}
	if !addresses.Addr().Is4() || addresses != addresses.Masked() {
		return Plan{}, fmt.Errorf("address range %q: want an IPv4 range without host bits, such as 10.85.0.0/16", addresses)
	}
	if addresses.Bits() < widest || addresses.Bits() > narrowest {
		return Plan{}, fmt.Errorf("address range %q: want a size between /%d and /%d", addresses, widest, narrowest)
	}
	if !internal(addresses) {
		return Plan{}, fmt.Errorf("address range %q: addresses of the internet would lead into the cluster; want a part of %s", addresses, strings.Join(internalRanges(), ", "))
	}
	return Plan{Name: name, Dir: dir, Range: addresses}, nil
}

// internalRanges returns the ranges that nobody on the internet has: private networks (RFC 1918), providers' address translation
// (RFC 6598), and benchmarks (RFC 2544).
func internalRanges() []string {
	return []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15"}
}

// internal reports whether a range lies wholly within one of internalRanges.
func internal(addresses netip.Prefix) bool {
	return slices.ContainsFunc(internalRanges(), func(text string) bool {
		r := netip.MustParsePrefix(text)
		return r.Bits() <= addresses.Bits() && r.Contains(addresses.Addr())
	})
}

// checkName refuses names that could not be part of a host name.
func checkName(name string) error {
	if len(name) > maxName || !regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`).MatchString(name) {
		return fmt.Errorf("cluster name %q: want at most %d lower-case letters, digits and dashes, with a letter or digit at each end", name, maxName)
	}
	return nil
}

// FirstFree returns the first of the ranges 10.85.0.0/16 to 10.99.0.0/16 that overlaps none of taken.
func FirstFree(taken []netip.Prefix) (netip.Prefix, error) {
	const first, last = 85, 99
	for second := byte(first); second <= last; second++ {
		candidate := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, second, 0, 0}), 16)
		if Overlapping(candidate, taken) == (netip.Prefix{}) {
			return candidate, nil
		}
	}
	return netip.Prefix{}, errors.New("no free address range among 10.85.0.0/16 to 10.99.0.0/16: name one with --cidr")
}

// Overlapping returns the first of taken that shares an address with candidate, and the zero Prefix if none does.
// Default routes (size 0) overlap nothing: every host has one.
func Overlapping(candidate netip.Prefix, taken []netip.Prefix) netip.Prefix {
	for _, t := range taken {
		if t.Bits() > 0 && t.Overlaps(candidate) {
			return t
		}
	}
	return netip.Prefix{}
}

// Pods is the lower half of the range: the node's bridge and every pod.
func (p Plan) Pods() netip.Prefix { return p.part(0, 1) }

// Services is the third quarter of the range: every ClusterIP.
func (p Plan) Services() netip.Prefix { return p.part(2, 2) }

// Pods6 is the IPv6 range of the node's bridge and of every pod. It is that of no other cluster, since it spells the range.
func (p Plan) Pods6() netip.Prefix { return p.unique(0x63, 64) }

// Services6 is the IPv6 range of every ClusterIP.
func (p Plan) Services6() netip.Prefix { return p.unique(0x64, 112) }

// Node6 is the IPv6 address of the node.
func (p Plan) Node6() netip.Addr { return last(p.Pods6(), 0x01) }

// FirstPod6 is the lowest IPv6 address that a pod may get.
func (p Plan) FirstPod6() netip.Addr { return last(p.Pods6(), 0x10) }

// unique returns a range of unique local addresses (RFC 4193) that holds the IPv4 range.
func (p Plan) unique(kind byte, bits int) netip.Prefix {
	v4 := p.Range.Addr().As4()
	return netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfd, 0x70, 0x6c, kind, v4[0], v4[1], v4[2], v4[3]}), bits)
}

// last returns the address of a range that ends so.
func last(r netip.Prefix, octet byte) netip.Addr {
	b := r.Addr().As16()
	b[15] = octet
	return netip.AddrFrom16(b)
}

// Link is the four-address network between the host and the cluster, at the start of the last quarter of the range.
func (p Plan) Link() netip.Prefix { return netip.PrefixFrom(p.part(3, 2).Addr(), 30) }

// Node is the address of the node: of its bridge, of the API server, and of pods on the host network.
func (p Plan) Node() netip.Addr { return offset(p.Pods().Addr(), 1) }

// FirstPod is the lowest address that a pod may get; those between Node and it are kept free.
func (p Plan) FirstPod() netip.Addr { return offset(p.Pods().Addr(), 16) }

// Kubernetes is the ClusterIP of the Service "kubernetes", by which pods reach the API server.
func (p Plan) Kubernetes() netip.Addr { return offset(p.Services().Addr(), 1) }

// DNS is the ClusterIP of the name server.
func (p Plan) DNS() netip.Addr { return offset(p.Services().Addr(), 10) }

// Outside is the host's end of the link: the one address beyond the cluster that pods can reach.
func (p Plan) Outside() netip.Addr { return offset(p.Link().Addr(), 1) }

// Inside is the cluster's end of the link.
func (p Plan) Inside() netip.Addr { return offset(p.Link().Addr(), 2) }

// APIServer is the URL of the API server, valid in the cluster and on the host.
func (p Plan) APIServer() string { return fmt.Sprintf("https://%s:6443", p.Node()) }

// NodeName is the name of the Node object.
func (p Plan) NodeName() string { return p.Name + "-node" }

// HostLink is the name of the host's end of the link: at most 15 bytes, and different for different cluster names.
func (p Plan) HostLink() string {
	const prefix, limit = "plc-", 15
	if len(prefix)+len(p.Name) <= limit {
		return prefix + p.Name
	}
	sum := sha256.Sum256([]byte(p.Name))
	return prefix + hex.EncodeToString(sum[:])[:limit-len(prefix)]
}

// Path joins elements below the state folder.
func (p Plan) Path(elements ...string) string {
	return filepath.Join(append([]string{p.Dir}, elements...)...)
}

// part returns block number n of the range when it is cut into 1<<bits equal blocks.
func (p Plan) part(n uint32, bits int) netip.Prefix {
	size := p.Range.Bits() + bits
	return netip.PrefixFrom(offset(p.Range.Addr(), n<<(32-size)), size)
}

// offset returns the address n steps above an IPv4 address.
func offset(a netip.Addr, n uint32) netip.Addr {
	b := a.As4()
	v := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	v += n
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
}
