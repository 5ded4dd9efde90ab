package conntrack

import (
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// timeouts are how long the kernel keeps an entry after its last packet. What an entry has left of that tells when the
// packet was: the table holds what ended minutes ago, and what nobody ended for days, when other pods have the addresses.
type timeouts struct {
	tcp            [tcpStates]time.Duration // by state
	unacknowledged time.Duration            // of TCP, instead of a longer one, while an answer is missing
	udp, stream    time.Duration            // of UDP, before and after Assured
}

// The states of TCP. Source: include/uapi/linux/netfilter/nf_conntrack_tcp.h of the kernel.
const (
	tcpSynSent     = 1
	tcpSynReceived = 2
	tcpEstablished = 3
	tcpFinWait     = 4
	tcpCloseWait   = 5
	tcpLastAck     = 6
	tcpTimeWait    = 7
	tcpStates      = tcpClosed + 1
)

// settings is where the kernel has the timeouts of the network namespace of whoever reads them.
const settings = "/proc/sys/net/netfilter"

// readTimeouts returns the timeouts that are set; those that cannot be read are as the kernel has them by itself. Source:
// Documentation/networking/nf_conntrack-sysctl.rst of the kernel.
func readTimeouts(folder string) timeouts {
	read := func(name string, otherwise time.Duration) time.Duration {
		text, err := os.ReadFile(filepath.Join(folder, "nf_conntrack_"+name))
		seconds, bad := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 32)
		if err != nil || bad != nil || seconds < 0 {
			return otherwise
		}
		return time.Duration(seconds) * time.Second
	}
	var t timeouts
	t.tcp[tcpSynSent] = read("tcp_timeout_syn_sent", 2*time.Minute)
	t.tcp[tcpSynReceived] = read("tcp_timeout_syn_recv", time.Minute)
	t.tcp[tcpEstablished] = read("tcp_timeout_established", 5*24*time.Hour)
	t.tcp[tcpFinWait] = read("tcp_timeout_fin_wait", 2*time.Minute)
	t.tcp[tcpCloseWait] = read("tcp_timeout_close_wait", time.Minute)
	t.tcp[tcpLastAck] = read("tcp_timeout_last_ack", 30*time.Second)
	t.tcp[tcpTimeWait] = read("tcp_timeout_time_wait", 2*time.Minute)
	t.tcp[tcpClosed] = read("tcp_timeout_close", 10*time.Second)
	t.unacknowledged = read("tcp_timeout_unacknowledged", 5*time.Minute)
	t.udp, t.stream = read("udp_timeout", 30*time.Second), read("udp_timeout_stream", 2*time.Minute)
	return t
}

// cut is how much the kernel takes from what is left, at most, to tell it in seconds.
const cut = time.Second

// idle returns how long ago the last packet of a flow was, up to a second too short; 0 where that cannot be told.
func (t *timeouts) idle(f *Flow) time.Duration {
	if f.Left == untold {
		return 0
	}
	left := time.Duration(f.Left) * time.Second
	return max(0, t.of(f, left)-left-cut)
}

// of returns the timeout from which the kernel counts down for a flow that has so much left.
func (t *timeouts) of(f *Flow, left time.Duration) time.Duration {
	switch {
	case f.Protocol == protocolUDP && f.Assured:
		return t.stream
	case f.Protocol == protocolUDP:
		return t.udp
	case f.Protocol != protocolTCP || f.State >= tcpStates:
		return 0
	}
	if full := t.tcp[f.State]; full < t.unacknowledged || left > t.unacknowledged {
		return full
	}
	return t.unacknowledged
}

// untold is Left of an entry that does not say it.
const untold = math.MaxUint32
