//go:build linux

package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Bridge is the interface inside the machine that carries the node's address and that pods are attached to.
const Bridge = "pods0"

// uplink is the machine's end of the link to the host.
const uplink = "uplink0"

// settings are the kernel settings of the machine, below /proc/sys/net. They belong to its network namespace alone.
func settings(dualStack bool) map[string]string {
	s := map[string]string{
		"ipv4/ip_forward":                       "1",
		"bridge/bridge-nf-call-iptables":        "1", // or policies would not see traffic between pods of the node
		"ipv6/conf/all/disable_ipv6":            "1",
		"ipv6/conf/default/disable_ipv6":        "1",
		"ipv4/conf/all/rp_filter":               "0",
		"ipv4/conf/default/rp_filter":           "0",
		"netfilter/nf_conntrack_tcp_be_liberal": "1",
	}
	if dualStack {
		s["ipv6/conf/all/disable_ipv6"], s["ipv6/conf/default/disable_ipv6"] = "0", "0"
		s["ipv6/conf/all/forwarding"] = "1"
		s["ipv6/conf/default/accept_dad"] = "0" // nobody else is there to have an address
		s["bridge/bridge-nf-call-ip6tables"] = "1"
	}
	return s
}

// createNetwork makes what is missing of the machine's network:
//
//	host                                  machine
//	HostLink, outside ---- veth pair ---- uplink0, inside
//	route to the range via inside         pods0, node   (pods are attached here)
//	                                      services via pods0, default unreachable
func (m Machine) createNetwork() error {
	if err := m.createLink(); err != nil {
		return err
	}
	err := onOwnThread(func() error {
		if err := enter(m.networkPin(), unix.CLONE_NEWNET); err != nil {
			return err
		}
		return errors.Join(applySettings(m.DualStack), m.configureInside())
	})
	if err != nil {
		return err
	}
	return m.configureOutside()
}

// createLink makes the veth pair, with one end in the machine, unless it is there.
func (m Machine) createLink() error {
	if _, err := netlink.LinkByName(m.HostLink()); err == nil {
		return nil
	}
	inside, err := os.Open(m.networkPin())
	if err != nil {
		return fmt.Errorf("opening the network namespace: %w", err)
	}
	defer func() { _ = inside.Close() }()
	attributes := netlink.NewLinkAttrs()
	attributes.Name = m.HostLink()
	pair := &netlink.Veth{LinkAttrs: attributes, PeerName: uplink, PeerNamespace: netlink.NsFd(int(inside.Fd()))}
	if err := netlink.LinkAdd(pair); err != nil {
		return fmt.Errorf("creating the link %s: %w", m.HostLink(), err)
	}
	return nil
}

// configureOutside gives the host its address on the link and the route to the cluster.
func (m Machine) configureOutside() error {
	link, err := address(m.HostLink(), netip.PrefixFrom(m.Outside(), m.Link().Bits()))
	if err != nil {
		return err
	}
	return route(link, m.Range, m.Inside())
}

// configureInside sets the interfaces and routes of the machine. It runs inside.
func (m Machine) configureInside() error {
	loopback, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("finding the loopback interface: %w", err)
	}
	if err := netlink.LinkSetUp(loopback); err != nil {
		return fmt.Errorf("starting the loopback interface: %w", err)
	}
	attributes := netlink.NewLinkAttrs()
	attributes.Name = Bridge
	if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attributes}); err != nil && !errors.Is(err, syscall.EEXIST) {
		return fmt.Errorf("creating the bridge: %w", err)
	}
	bridge, err := address(Bridge, netip.PrefixFrom(m.Node(), m.Pods().Bits()))
	if err != nil {
		return err
	}
	if _, err := address(uplink, netip.PrefixFrom(m.Inside(), m.Link().Bits())); err != nil {
		return err
	}
	// Programs on the host network call Services: the address needs a route before kube-proxy rewrites it.
	if err := route(bridge, m.Services(), netip.Addr{}); err != nil {
		return err
	}
	if m.DualStack {
		if err := m.configureInside6(); err != nil {
			return err
		}
	}
	return refuseElsewhere(netip.PrefixFrom(netip.IPv4Unspecified(), 0))
}

// configureInside6 gives the bridge its IPv6 address and routes.
func (m Machine) configureInside6() error {
	bridge, err := address(Bridge, netip.PrefixFrom(m.Node6(), m.Pods6().Bits()))
	if err != nil {
		return err
	}
	if err := route(bridge, m.Services6(), netip.Addr{}); err != nil {
		return err
	}
	return refuseElsewhere(netip.PrefixFrom(netip.IPv6Unspecified(), 0))
}

// address gives an interface its address, starts it, and returns it.
func address(name string, want netip.Prefix) (netlink.Link, error) {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return nil, fmt.Errorf("finding the interface %s: %w", name, err)
	}
	if err := netlink.AddrReplace(link, &netlink.Addr{IPNet: ipNet(want)}); err != nil {
		return nil, fmt.Errorf("giving %s the address %s: %w", name, want, err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return nil, fmt.Errorf("starting the interface %s: %w", name, err)
	}
	return link, nil
}

// route sends packets for a range through a link, to the gateway if there is one.
func route(link netlink.Link, to netip.Prefix, gateway netip.Addr) error {
	r := &netlink.Route{LinkIndex: link.Attrs().Index, Dst: ipNet(to)}
	if gateway.IsValid() {
		r.Gw = gateway.AsSlice()
	} else if to.Addr().Is4() {
		r.Scope = netlink.SCOPE_LINK
	}
	if err := netlink.RouteReplace(r); err != nil {
		return fmt.Errorf("setting the route to %s: %w", to, err)
	}
	return nil
}

// refuseElsewhere answers every packet that would leave the machine with "unreachable", at once.
func refuseElsewhere(everywhere netip.Prefix) error {
	if err := netlink.RouteReplace(&netlink.Route{Dst: ipNet(everywhere), Type: unix.RTN_UNREACHABLE}); err != nil {
		return fmt.Errorf("setting the default route: %w", err)
	}
	return nil
}

// applySettings writes the kernel settings. It runs inside.
func applySettings(dualStack bool) error {
	for name, value := range settings(dualStack) {
		path := filepath.Join("/proc/sys/net", name)
		err := os.WriteFile(path, []byte(value), 0o644)
		if errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(name, "ipv6/") && !dualStack {
			continue // a kernel without IPv6
		}
		if errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(name, "bridge/") {
			return errors.New("the kernel does not filter bridged packets: load the module with `modprobe br_netfilter`")
		}
		if err != nil {
			return fmt.Errorf("setting %s: %w", name, err)
		}
	}
	return nil
}

// removeLink deletes the link, and with it the route of the host.
func (m Machine) removeLink() error {
	link, err := netlink.LinkByName(m.HostLink())
	if _, gone := errors.AsType[netlink.LinkNotFoundError](err); gone {
		return nil
	}
	if err != nil {
		return fmt.Errorf("finding the link %s: %w", m.HostLink(), err)
	}
	if err := netlink.LinkDel(link); err != nil && !errors.Is(err, syscall.ENODEV) { // it goes with the machine's end as well
		return fmt.Errorf("removing the link %s: %w", m.HostLink(), err)
	}
	return nil
}

// TakenRanges returns the ranges that the host has routes or addresses for, those of the machine's own link excepted.
func (m Machine) TakenRanges() ([]netip.Prefix, error) {
	own := -1
	if link, err := netlink.LinkByName(m.HostLink()); err == nil {
		own = link.Attrs().Index
	}
	routes, err := netlink.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		return nil, fmt.Errorf("listing the routes of the host: %w", err)
	}
	var taken []netip.Prefix
	for _, r := range routes {
		if r.LinkIndex != own && r.Dst != nil {
			taken = append(taken, prefix(r.Dst))
		}
	}
	return taken, nil
}

// ipNet and prefix convert between the two forms of a range; prefix of IPv4 only.
func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func prefix(n *net.IPNet) netip.Prefix {
	a, _ := netip.AddrFromSlice(n.IP.To4())
	bits, _ := n.Mask.Size()
	return netip.PrefixFrom(a, bits)
}
