package frame_test

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/internal/capture/dns"
	"github.com/portolan-io/portolan/internal/capture/frame"
	"github.com/portolan-io/portolan/internal/capture/syn"
	"github.com/portolan-io/portolan/internal/testkit/node"
	"github.com/portolan-io/portolan/internal/traffic"
)

// services translate a Service of each address family to a pod.
const services = `
table ip services {
	chain prerouting { type nat hook prerouting priority dstnat; ip daddr 10.96.0.1 tcp dport 80 dnat to 10.0.2.2:8080; }
	chain postrouting { type nat hook postrouting priority srcnat; ip daddr 10.0.3.2 masquerade; }
}
table ip6 services {
	chain prerouting { type nat hook prerouting priority dstnat; ip6 daddr fd00:96::1 tcp dport 80 dnat to [2001:db8:2::2]:8080; }
}
`

// TestCaptureRealTranslation: a SYN is taken before and after the node has translated its server, with the bits of ECN set,
// and makes one connection that has both addresses. One whose client is translated is that of its client, and not of the
// node. The answer of a DNS server on the node itself only ever goes out, and counts.
func TestCaptureRealTranslation(t *testing.T) {
	node.Isolated(t, func(t *testing.T) {
		node.Forward(t)
		node.Rules(t, services)
		client, server, third := node.NewPod(t, 1), node.NewPod(t, 2), node.NewPod(t, 3)
		serveDNS(t, server)
		serveDNS(t, third)
		local, err := net.ListenPacket("udp", ":53")
		node.Check(t, err)
		defer local.Close()
		go serveUDP(local)

		want := map[string]uint64{
			"syn 10.0.1.2 to 10.96.0.1:80 by way of 10.0.2.2:8080":                2,
			"syn 2001:db8:1::2 to [fd00:96::1]:80 by way of [2001:db8:2::2]:8080": 2,
			"syn 10.0.1.2 to 10.0.3.2:8080 by way of invalid AddrPort":            1,
			"dns 10.0.1.2 asks 10.0.1.1 and gets 192.0.2.1":                       1,
			"dns 10.0.1.2 asks 10.0.1.1 and gets 2001:db8::53":                    1,
			"dns 2001:db8:1::2 asks 2001:db8:1::1 and gets 192.0.2.1":             1,
			"dns 2001:db8:1::2 asks 2001:db8:1::1 and gets 2001:db8::53":          1,
		}
		client.In(func() error { return converse("10.0.2.2:8080", "[2001:db8:2::2]:8080", "10.0.3.2:8080") }) // neighbours are known now
		window := traffic.NewWindow(0)
		capture, seen := frame.New(frame.Options{}), newObserver(func() bool { return window.Len() >= len(want) })
		stop := run(t, capture, dns.New(window, traffic.DNS), syn.New(window, traffic.SYN), seen)
		seen.begin(t)
		client.In(func() error { return os.WriteFile("/proc/sys/net/ipv4/tcp_ecn", []byte("1"), 0o600) })
		client.In(func() error {
			return converse("10.96.0.1:80", "10.96.0.1:80", "[fd00:96::1]:80", "[fd00:96::1]:80", "10.0.3.2:8080")
		})
		for _, at := range []string{"10.0.1.1", "2001:db8:1::1"} {
			client.In(func() error { return ask("udp", netip.MustParseAddr(at)) })
		}
		seen.settle(t)
		node.Check(t, stop())

		got := map[string]uint64{}
		for _, s := range window.Drain(nil, 0) {
			switch s.Source {
			case traffic.DNS:
				got[fmt.Sprintf("dns %s asks %s and gets %s", s.From.Addr, s.What.Responder, s.To.Addr)] += s.Count
			default:
				to := netip.AddrPortFrom(s.To.Addr, s.To.Port)
				got[fmt.Sprintf("syn %s to %s by way of %s", s.From.Addr, to, s.What.Translated)] += s.Count
			}
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("sightings (-got +want):\n%s", diff)
		}
	})
}

// converse connects to each address and closes.
func converse(addresses ...string) error {
	for _, address := range addresses {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return err
		}
		_ = c.Close()
	}
	return nil
}
