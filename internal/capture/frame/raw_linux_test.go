package frame_test

import (
	"net"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/portolan-io/portolan/internal/capture/frame"
	"github.com/portolan-io/portolan/internal/capture/syn"
	"github.com/portolan-io/portolan/internal/testkit/node"
	"github.com/portolan-io/portolan/internal/traffic"
)

// The kernel strips one VLAN tag, hides it, and leaves the second one in the packet; extension headers of IPv6 are walked
// behind the kernel filter. All of them must be seen, each once, and the copy with another destination adds its address.
func TestCaptureRealFrames(t *testing.T) {
	node.Isolated(t, func(t *testing.T) {
		node.Forward(t)
		p := node.NewPod(t, 1)
		window := traffic.NewWindow(0)
		capture, seen := frame.New(frame.Options{}), newObserver(func() bool { return window.Len() >= 6 })
		stop := run(t, capture, syn.New(window, traffic.SYN), seen)
		seen.begin(t)
		p.In(func() error {
			return send(p,
				rawSYN{port: 80},
				rawSYN{port: 81, tags: 1},
				rawSYN{port: 82, tags: 2},
				rawSYN{port: 83, six: true},
				rawSYN{port: 84, six: true, options: true},
				rawSYN{port: 85},
				rawSYN{port: 85, translated: 8085},
				rawSYN{port: 86, flags: layers.TCP{SYN: true, ACK: true}},
			)
		})
		seen.settle(t)
		node.Check(t, stop())
		got := map[uint16]netip.AddrPort{}
		for _, s := range window.Drain(nil, 0) {
			got[s.To.Port] = s.What.Translated
		}
		want := map[uint16]netip.AddrPort{80: {}, 81: {}, 82: {}, 83: {}, 84: {}, 85: netip.MustParseAddrPort("10.0.9.9:8085")}
		if diff := cmp.Diff(got, want, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
			t.Errorf("connections and their translated addresses (-got +want):\n%s", diff)
		}
		if n := number(capture, "malformed"); n != 0 {
			t.Errorf("%d packets are malformed, want none", n)
		}
	})
}

// rawSYN is an Ethernet frame with a SYN from the pod to 10.0.9.9 or its sibling of IPv6.
type rawSYN struct {
	port       uint16
	translated uint16 // the port that replaces port in this copy
	tags       int
	six        bool
	options    bool // IPv6 hop-by-hop options
	flags      layers.TCP
}

func (r rawSYN) build() ([]byte, error) {
	tcp := r.flags
	tcp.SYN = true
	tcp.SrcPort, tcp.DstPort, tcp.Seq, tcp.Window = layers.TCPPort(4000+r.port), layers.TCPPort(r.port), 7, 65535
	if r.translated != 0 {
		tcp.DstPort = layers.TCPPort(r.translated)
	}
	etherType, rest := layers.EthernetTypeIPv4, []gopacket.SerializableLayer{&layers.IPv4{
		Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: net.IPv4(10, 0, 1, 2), DstIP: net.IPv4(10, 0, 9, 9),
	}}
	if r.six {
		ip := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolTCP, SrcIP: net.ParseIP("2001:db8:1::2"), DstIP: net.ParseIP("2001:db8:9::9")}
		etherType, rest = layers.EthernetTypeIPv6, []gopacket.SerializableLayer{ip}
		if r.options {
			ip.NextHeader = layers.IPProtocolIPv6HopByHop
			rest = append(rest, gopacket.Payload{byte(layers.IPProtocolTCP), 0, 1, 4, 0, 0, 0, 0}) // PadN
		}
	}
	head := []gopacket.SerializableLayer{&layers.Ethernet{SrcMAC: make(net.HardwareAddr, 6), DstMAC: layers.EthernetBroadcast, EthernetType: etherType}}
	if r.tags > 0 {
		head[0].(*layers.Ethernet).EthernetType = layers.EthernetTypeDot1Q
	}
	for i := range r.tags {
		tag := &layers.Dot1Q{VLANIdentifier: uint16(100 + i), Priority: 2, Type: layers.EthernetTypeDot1Q}
		if i == r.tags-1 {
			tag.Type = etherType
		}
		head = append(head, tag)
	}
	buffer := gopacket.NewSerializeBuffer()
	all := append(append(head, rest...), &tcp)
	err := gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{FixLengths: true}, all...)
	return buffer.Bytes(), err
}

// send puts the frames on the wire of the present network namespace.
func send(p *node.Pod, frames ...rawSYN) error {
	link, err := netlink.LinkByName("eth0")
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for _, f := range frames {
		b, err := f.build()
		if err != nil {
			return err
		}
		if err := unix.Sendto(fd, b, 0, &unix.SockaddrLinklayer{Ifindex: link.Attrs().Index, Halen: 6}); err != nil {
			return err
		}
	}
	return nil
}
