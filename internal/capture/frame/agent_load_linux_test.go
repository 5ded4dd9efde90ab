package frame_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/portolan-io/portolan/internal/testkit/node"
)

// talk puts the load on a node for the time underLoad.
func talk(l load, node netip.Addr) error {
	socket, err := net.ListenUDP("udp", &net.UDPAddr{Port: 53})
	if err != nil {
		return err
	}
	defer socket.Close()
	messages, err := answers(l.Names)
	if err != nil {
		return err
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	begin, answered, knocked := time.Now(), 0, 0
	for now := range tick.C {
		passed := now.Sub(begin)
		if passed > underLoad {
			break
		}
		for ; answered < due(l.Answers, passed); answered++ {
			message := messages[answered%l.Names]
			binary.BigEndian.PutUint16(message, uint16(answered/l.Names)) // another id
			if _, err := socket.WriteToUDPAddrPort(message, netip.AddrPortFrom(node, 40_000)); err != nil {
				return err
			}
		}
		for ; knocked < due(l.SYNs, passed); knocked++ {
			if c, err := net.Dial("tcp", netip.AddrPortFrom(node, uint16(20_000+knocked%50)).String()); err == nil {
				c.Close() // nobody listens there, as a rule
			}
		}
	}
	return nil
}

// due returns how many of a rate there should be after that time.
func due(rate int, passed time.Duration) int { return int(passed.Seconds() * float64(rate)) }

// answers returns answers with one address each, for so many names.
func answers(names int) ([][]byte, error) {
	messages := make([][]byte, names)
	for n := range messages {
		name, err := dnsmessage.NewName(fmt.Sprintf("service-%d.team-%d.svc.cluster.local.", n, n%40))
		if err != nil {
			return nil, err
		}
		m := dnsmessage.Message{
			Header:    dnsmessage.Header{Response: true},
			Questions: []dnsmessage.Question{{Name: name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
			Answers: []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, TTL: 30},
				Body:   &dnsmessage.AResource{A: [4]byte{10, 96, byte(n >> 8), byte(n)}},
			}},
		}
		if messages[n], err = m.Pack(); err != nil {
			return nil, err
		}
	}
	return messages, nil
}

// processorTime reads what a process has used, from proc_pid_stat(5).
func processorTime(b *testing.B, of *os.Process) time.Duration {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", of.Pid))
	node.Check(b, err)
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest) // from the third on
	var user, system int64
	_, err = fmt.Sscan(fields[11]+" "+fields[12], &user, &system)
	node.Check(b, err)
	const tick = 10 * time.Millisecond // a hundred a second for user space, whatever the kernel
	return time.Duration(user+system) * tick
}

const metricsAddress = "127.0.0.1:57922"

// lostPackets asks the agent what it lost.
func lostPackets(b *testing.B) (lost uint64) {
	b.Helper()
	response, err := http.Get("http://" + metricsAddress + "/metrics")
	node.Check(b, err)
	defer response.Body.Close()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if series, value, _ := strings.Cut(lines.Text(), " "); strings.HasPrefix(series, "portolan_agent_dropped_total{") {
			var n uint64
			_, err := fmt.Sscan(value, &n)
			node.Check(b, err)
			lost += n
		}
	}
	return lost
}
