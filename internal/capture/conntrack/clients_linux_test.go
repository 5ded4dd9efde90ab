package conntrack

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/portolan-io/portolan/internal/capture/frame"
	"github.com/portolan-io/portolan/internal/testkit/node"
	"github.com/portolan-io/portolan/internal/traffic"
)

// TestRealServersSpeakWhenTheirEntriesAreGone: the kernel makes new entries for them, in which they look like clients.
func TestRealServersSpeakWhenTheirEntriesAreGone(t *testing.T) {
	node.Isolated(t, func(t *testing.T) {
		node.Forward(t)
		node.Rules(t, rules)
		client, server := node.NewPod(t, 1), node.NewPod(t, 2)
		asking, asked := bind(t, client, "10.0.1.2:20010"), bind(t, server, "10.0.2.2:5140")
		calling, called := dial(t, client, server)
		window := traffic.NewWindow(0)
		source := New(window)
		stop := run(t, source)
		await(t, func() bool { return source.Status().State == frame.Degraded || source.Status().State == frame.On })

		service := &net.UDPAddr{IP: net.IPv4(10, 96, 0, 1), Port: 514}
		pass(t, asking, asked, service)
		pass(t, asked, asking, asking.LocalAddr())
		pass(t, calling, called, nil)
		await(t, func() bool { return window.Len() == 2 })
		node.Check(t, netlink.ConntrackTableFlush(netlink.ConntrackTable))
		pass(t, asked, asking, asking.LocalAddr())
		pass(t, asking, asked, asked.LocalAddr())
		pass(t, called, calling, nil)
		pass(t, calling, called, nil)
		last := bind(t, client, "10.0.1.2:45050")
		pass(t, last, asked, asked.LocalAddr())
		pass(t, asked, last, last.LocalAddr())
		await(t, func() bool { return window.Len() >= 3 }) // events come in their order
		node.Check(t, stop())
		want := []string{
			"TCP 10.0.1.2 to 10.0.2.2:50061: 1",
			"UDP 10.0.1.2 to 10.0.2.2:5140: 1",
			"UDP 10.0.1.2 to 10.96.0.1:514: 1 by way of 10.0.2.2:5140",
		}
		if diff := cmp.Diff(pairs(window), want); diff != "" {
			t.Errorf("flows (-got +want):\n%s", diff)
		}
	})
}

func bind(t *testing.T, p *node.Pod, address string) *net.UDPConn {
	t.Helper()
	var socket net.PacketConn
	p.In(func() (err error) {
		socket, err = net.ListenPacket("udp4", address)
		return err
	})
	t.Cleanup(func() { socket.Close() })
	return socket.(*net.UDPConn)
}

// dial connects client to server by TCP, between ports of which none tells who is the client.
func dial(t *testing.T, client, server *node.Pod) (calling, called net.Conn) {
	t.Helper()
	var listener net.Listener
	server.In(func() (err error) {
		listener, err = net.Listen("tcp4", "10.0.2.2:50061")
		return err
	})
	defer listener.Close()
	client.In(func() (err error) {
		from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(10, 0, 1, 2), Port: 45060}, Timeout: patience}
		calling, err = from.Dial("tcp4", "10.0.2.2:50061")
		return err
	})
	t.Cleanup(func() { calling.Close() })
	called, err := listener.Accept()
	node.Check(t, err)
	t.Cleanup(func() { called.Close() })
	return calling, called
}

// pass sends a word from one socket to another; to is nil where they are connected.
func pass(t *testing.T, from, at net.Conn, to net.Addr) {
	t.Helper()
	var err error
	if to == nil {
		_, err = from.Write([]byte("!"))
	} else {
		_, err = from.(net.PacketConn).WriteTo([]byte("!"), to)
	}
	node.Check(t, err)
	node.Check(t, at.SetReadDeadline(time.Now().Add(patience)))
	_, err = io.ReadFull(at, make([]byte, 1))
	node.Check(t, err)
}
