package node

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Pod is a network namespace that a pair of interfaces joins to the node, the namespace that the test runs in.
//
//	 pod n                     node
//	eth0 10.0.n.2  ────────  pod<n> 10.0.n.1
//	     2001:db8:n::2              2001:db8:n::1
type Pod struct {
	t      testing.TB
	number int
	space  netns.NsHandle
}

// NewPod makes the pod with a number from 1 to 250, and removes it after the test.
func NewPod(t testing.TB, number int) *Pod {
	t.Helper()
	p := &Pod{t: t, number: number}
	p.onThread(func() error {
		node, err := netns.Get()
		if err != nil {
			return err
		}
		defer node.Close()
		if p.space, err = netns.New(); err != nil { // the thread is in there now
			return err
		}
		return netns.Set(node)
	})
	t.Cleanup(func() { p.space.Close() })
	hostSide := fmt.Sprintf("pod%d", number)
	link := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: hostSide}, PeerName: "eth0", PeerNamespace: netlink.NsFd(p.space)}
	Check(t, netlink.LinkAdd(link))
	p.connect(hostSide, 1)
	p.In(func() error {
		LoopbackUp(t)
		p.connect("eth0", 2)
		return p.routes()
	})
	return p
}

// connect gives the interface the addresses that end in host.
func (p *Pod) connect(name string, host int) {
	p.t.Helper()
	link, err := netlink.LinkByName(name)
	Check(p.t, err)
	Check(p.t, netlink.LinkSetUp(link))
	for _, address := range []string{
		fmt.Sprintf("10.0.%d.%d/24", p.number, host),
		fmt.Sprintf("2001:db8:%d::%d/64", p.number, host),
	} {
		a, err := netlink.ParseAddr(address)
		Check(p.t, err)
		a.Flags = unix.IFA_F_NODAD // usable at once
		Check(p.t, netlink.AddrAdd(link, a))
	}
}

// routes leads all traffic of the pod to the node.
func (p *Pod) routes() error {
	for _, via := range []string{fmt.Sprintf("10.0.%d.1", p.number), fmt.Sprintf("2001:db8:%d::1", p.number)} {
		if err := netlink.RouteAdd(&netlink.Route{Gw: net.ParseIP(via)}); err != nil {
			return fmt.Errorf("adding the route via %s: %w", via, err)
		}
	}
	return nil
}

// Addr4 is the IPv4 address of the pod.
func (p *Pod) Addr4() netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(p.number), 2}) }

// Addr6 is the IPv6 address of the pod.
func (p *Pod) Addr6() netip.Addr { return netip.MustParseAddr(fmt.Sprintf("2001:db8:%d::2", p.number)) }

// Gateway4 is the IPv4 address of the node as the pod sees it.
func (p *Pod) Gateway4() netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(p.number), 1}) }

// In runs f inside the pod's network namespace. Sockets that f opens stay in there.
func (p *Pod) In(f func() error) {
	p.t.Helper()
	p.onThread(func() error {
		node, err := netns.Get()
		if err != nil {
			return err
		}
		defer node.Close()
		if err := netns.Set(p.space); err != nil {
			return err
		}
		if err := f(); err != nil {
			return err
		}
		return netns.Set(node)
	})
}

// onThread runs f on a thread of its own, which ends with it if f fails half-way.
func (p *Pod) onThread(f func() error) {
	p.t.Helper()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err := f()
		if err == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	Check(p.t, <-done)
}

// Forward lets the node pass packets between its interfaces.
func Forward(t testing.TB) {
	t.Helper()
	LoopbackUp(t)
	for _, name := range []string{"/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding"} {
		Check(t, os.WriteFile(name, []byte("1"), 0o600))
	}
}

// LoopbackUp switches on the loopback interface of the present namespace.
func LoopbackUp(t testing.TB) {
	t.Helper()
	lo, err := netlink.LinkByName("lo")
	Check(t, err)
	Check(t, netlink.LinkSetUp(lo))
}

// Check ends the test at an error.
func Check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
