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
	"golang.org/x/sys/unix"

	"github.com/portolan-io/portolan/internal/capture/frame"
	"github.com/portolan-io/portolan/internal/testkit/node"
)

// talk puts the load on a node for the time underLoad, and returns how many packets it has sent.
func talk(l load, client, node netip.Addr) (sent uint64, _ error) {
	socket, err := net.ListenUDP("udp", &net.UDPAddr{Port: 53})
	if err != nil {
		return 0, err
	}
	defer socket.Close()
	knocks, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_TCP)
	if err != nil {
		return 0, err
	}
	defer unix.Close(knocks)
	messages, err := answers(l.Names)
	if err != nil {
		return 0, err
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	begin, answered, knocked := time.Now(), 0, 0
	for range tick.C {
		passed := time.Since(begin)
		if passed > underLoad {
			break
		}
		for ; answered < due(l.Answers, passed); answered++ {
			message := messages[answered%l.Names]
			binary.BigEndian.PutUint16(message, uint16(answered/l.Names)) // another id
			if _, err := socket.WriteToUDPAddrPort(message, netip.AddrPortFrom(node, 40_000)); err != nil {
				return 0, err
			}
		}
		for ; knocked < due(l.SYNs, passed); knocked++ {
			to := &unix.SockaddrInet4{Addr: node.As4()}
			if err := unix.Sendto(knocks, knock(knocked, client, node), 0, to); err != nil {
				return 0, err
			}
		}
	}
	return uint64(answered + knocked), nil
}

// knock returns the n-th SYN, without IP header. The node answers that nobody listens.
func knock(n int, client, node netip.Addr) []byte {
	const length = 20
	b := binary.BigEndian.AppendUint16(nil, uint16(32_768+n%28_000))
	b = binary.BigEndian.AppendUint16(b, uint16(20_000+n%50))
	b = binary.BigEndian.AppendUint32(b, uint32(n)*64_000)
	b = append(b, 0, 0, 0, 0, length/4<<4, frame.FlagSYN, 0xff, 0xff, 0, 0, 0, 0)
	sum := uint32(unix.IPPROTO_TCP + length)
	for _, part := range [][]byte{client.AsSlice(), node.AsSlice(), b} {
		for i := 0; i < len(part); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(part[i:]))
		}
	}
	sum = sum&0xffff + sum>>16
	binary.BigEndian.PutUint16(b[16:], ^uint16(sum&0xffff+sum>>16))
	return b
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

// counted asks the agent what it was handed by the kernel, what the kernel and the agent lost, and of that what the kernel lost.
func counted(b *testing.B) (received, lost, kernel uint64) {
	b.Helper()
	response, err := http.Get("http://" + metricsAddress + "/metrics")
	node.Check(b, err)
	defer response.Body.Close()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		series, value, _ := strings.Cut(lines.Text(), " ")
		var n float64 // as Prometheus writes large numbers
		if !strings.HasPrefix(series, "portolan_agent_") {
			continue
		}
		_, err := fmt.Sscan(value, &n)
		node.Check(b, err)
		switch {
		case series == "portolan_agent_packets_received_total":
			received = uint64(n)
		case series == `portolan_agent_dropped_total{reason="kernel",source="capture"}`:
			kernel = uint64(n)
			lost += kernel
		case strings.HasPrefix(series, "portolan_agent_dropped_total{"):
			lost += uint64(n)
		}
	}
	return received, lost, kernel
}
