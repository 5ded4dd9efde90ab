package conntrack

import (
	"context"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/portolan-io/portolan/internal/capture/frame"
	"github.com/portolan-io/portolan/internal/testkit/node"
	"github.com/portolan-io/portolan/internal/traffic"
)

// rules translate a Service to a pod for TCP and UDP, translate the client, too, for one port, and let the kernel track
// IPv6.
const rules = `
table ip services {
	chain prerouting {
		type nat hook prerouting priority dstnat;
		ip daddr 10.96.0.1 tcp dport 80 dnat to 10.0.2.2:8080
		ip daddr 10.96.0.1 tcp dport 81 dnat to 10.0.2.2:8081
		ip daddr 10.96.0.1 udp dport 514 dnat to 10.0.2.2:5140
	}
	chain postrouting {
		type nat hook postrouting priority srcnat;
		ip daddr 10.0.2.2 tcp dport 8081 masquerade
	}
}
table ip6 tracking {
	chain forward {
		type filter hook forward priority filter;
		ct state established accept
	}
}
`

const patience = 30 * time.Second

// TestRealFlows: real packets through real rules, before the source begins and while it runs.
func TestRealFlows(t *testing.T) {
	node.Isolated(t, func(t *testing.T) {
		node.Forward(t)
		node.Rules(t, rules)
		client, server := node.NewPod(t, 1), node.NewPod(t, 2)
		serve(t, server)

		client.In(func() error { return converse("tcp", "10.96.0.1:80") }) // older than the source
		before := goleak.IgnoreCurrent()
		window := traffic.NewWindow(0)
		source := New(window)
		stop := run(t, source)
		await(t, func() bool { return source.Status().State == frame.On })
		client.In(func() error {
			for network, address := range map[string]string{"udp": "10.96.0.1:514", "tcp": "10.96.0.1:81", "tcp6": "[2001:db8:2::2]:8080"} {
				if err := converse(network, address); err != nil {
					return err
				}
			}
			_ = converse("udp", "10.0.2.2:53")  // of the source dns
			_ = shout("10.0.2.2:7")             // nobody answers
			_ = converse("tcp", "10.0.2.2:999") // refused
			return converse("tcp", "10.0.2.2:8080")
		})
		want := []string{
			"TCP 10.0.1.2 to 10.0.2.2:8080: 1",
			"TCP 10.0.1.2 to 10.96.0.1:80: 1 by way of 10.0.2.2:8080",
			"TCP 10.0.1.2 to 10.96.0.1:81: 1 by way of 10.0.2.2:8081",
			"TCP 2001:db8:1::2 to [2001:db8:2::2]:8080: 1",
			"UDP 10.0.1.2 to 10.96.0.1:514: 1 by way of 10.0.2.2:5140",
		}
		await(t, func() bool { return window.Len() >= len(want) })
		node.Check(t, stop())
		if diff := cmp.Diff(pairs(window), want); diff != "" {
			t.Errorf("flows (-got +want):\n%s", diff)
		}
		for _, reason := range []string{"dns", "no-reply"} {
			if !strings.Contains(counted(source), reason+" ") {
				t.Errorf("counted %s, and nothing as %s", counted(source), reason)
			}
		}
		goleak.VerifyNone(t, before)
	})
}

// serve answers on TCP 8080 and 8081, and on UDP 5140 and 53 of both address families.
func serve(t *testing.T, p *node.Pod) {
	t.Helper()
	p.In(func() error {
		for _, address := range []string{":8080", ":8081"} {
			listener, err := net.Listen("tcp", address)
			if err != nil {
				return err
			}
			t.Cleanup(func() { listener.Close() })
			go greet(listener)
		}
		for _, address := range []string{":5140", ":53"} {
			socket, err := net.ListenPacket("udp", address)
			if err != nil {
				return err
			}
			t.Cleanup(func() { socket.Close() })
			go echo(socket)
		}
		return nil
	})
}

func greet(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		_, _ = connection.Write([]byte("!"))
		_, _ = connection.Read(make([]byte, 1))
		_ = connection.Close()
	}
}

func echo(socket net.PacketConn) {
	buffer := make([]byte, 16)
	for {
		n, from, err := socket.ReadFrom(buffer)
		if err != nil {
			return
		}
		_, _ = socket.WriteTo(buffer[:n], from)
	}
}

// converse says a word and waits for an answer.
func converse(network, address string) error {
	connection, err := net.Dial(network, address)
	if err != nil {
		return err
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(patience))
	if _, err := connection.Write([]byte("?")); err != nil {
		return err
	}
	_, err = connection.Read(make([]byte, 1))
	return err
}

// shout says a word by UDP and waits for nothing.
func shout(address string) error {
	connection, err := net.Dial("udp", address)
	if err != nil {
		return err
	}
	defer connection.Close()
	_, err = connection.Write([]byte("?"))
	return err
}

func run(t *testing.T, s *Source) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	return func() error {
		cancel()
		return <-ended
	}
}

func await(t *testing.T, reached func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !reached(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("the source did not get there in %s", patience)
		}
	}
}

func TestWithoutNetAdmin(t *testing.T) {
	node.Isolated(t, func(t *testing.T) {
		source := New(traffic.NewWindow(0))
		err := node.Unprivileged(func() error { return source.Run(t.Context()) })
		const want = "conntrack is off: reading the connection table was refused ("
		if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), "add the NET_ADMIN capability") {
			t.Errorf("Run() = %v, want %s…", err, want)
		}
	})
}

// TestNoTable: a node whose packets nobody tracks has an empty table.
func TestNoTable(t *testing.T) {
	node.Isolated(t, func(t *testing.T) {
		source := New(traffic.NewWindow(0))
		stop := run(t, source)
		const empty = "conntrack: the table is empty; this network plugin probably keeps its own"
		await(t, func() bool { return source.Status() == frame.Status{State: frame.Degraded, Sentence: empty} })
		node.Check(t, stop())
	})
}

// TestEventsAreLostAndFound: more changes than the kernel keeps are counted, and the table shows what they were.
func TestEventsAreLostAndFound(t *testing.T) {
	node.Isolated(t, func(t *testing.T) {
		node.Forward(t)
		node.Rules(t, rules)
		client, server := node.NewPod(t, 1), node.NewPod(t, 2)
		serve(t, server)
		window := traffic.NewWindow(0)
		source := New(window)
		source.open = func() (kernel, error) {
			table, err := openKernel()
			if err == nil {
				small := table.(*netfilter)
				err = small.events.SetReceiveBufferSize(1, false) // the least there is
				client.In(func() error {
					for range 200 {
						if err := converse("tcp", "10.96.0.1:80"); err != nil {
							return err
						}
					}
					return nil
				})
			}
			return table, err
		}
		stop := run(t, source)
		await(t, func() bool { return strings.Contains(counted(source), "overrun") })
		client.In(func() error { return converse("udp", "10.96.0.1:514") })
		var got []string
		await(t, func() bool {
			got = append(got, pairs(window)...)
			return slices.Contains(got, "UDP 10.0.1.2 to 10.96.0.1:514: 1 by way of 10.0.2.2:5140")
		})
		node.Check(t, stop())
		if got[0] != "TCP 10.0.1.2 to 10.96.0.1:80: 200 by way of 10.0.2.2:8080" {
			t.Errorf("seen %q, want 200 connections first", got)
		}
	})
}
