package conntrack

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Messages and groups of the kernel's interface to its connection table. Source: nfnetlink.h, nfnetlink_conntrack.h and
// nfnetlink_compat.h of include/uapi/linux/netfilter of the kernel.
const (
	messageEntry = 0x100 // of subsystem 1
	messageGet   = 0x101
	groupNew     = 1
	groupChanged = 2
)

// backlog is how much memory the kernel may use for events that were not taken yet; it may give less.
const backlog = 4 << 20

// netfilter is the connection table of the network namespace of this process.
type netfilter struct{ events *nl.NetlinkSocket }

func openKernel() (kernel, error) {
	events, err := nl.Subscribe(unix.NETLINK_NETFILTER, groupNew, groupChanged)
	if err != nil {
		return nil, fmt.Errorf("listening to its changes: %w", err)
	}
	// A smaller backlog is no error: what it cannot hold is counted. Only root of the machine may go beyond the limit.
	if events.SetReceiveBufferSize(backlog, true) != nil {
		_ = events.SetReceiveBufferSize(backlog, false)
	}
	return &netfilter{events}, nil
}

func (n *netfilter) list(take func([]byte)) error {
	request := nl.NewNetlinkRequest(messageGet, unix.NLM_F_DUMP)
	request.AddRawData(make([]byte, headLength)) // of every address family
	err := request.ExecuteIter(unix.NETLINK_NETFILTER, messageEntry, func(entry []byte) bool {
		take(entry)
		return true
	})
	if errors.Is(err, netlink.ErrDumpInterrupted) {
		return nil // what changed meanwhile comes as an event
	}
	return err
}

func (n *netfilter) next(until time.Time, take func([]byte)) error {
	wait := time.Until(until)
	if wait <= 0 {
		return os.ErrDeadlineExceeded
	}
	limit := unix.NsecToTimeval(wait.Nanoseconds() + time.Microsecond.Nanoseconds()) // 0 would be no limit
	if err := n.events.SetReceiveTimeout(&limit); err != nil {
		return err
	}
	messages, from, err := n.events.Receive()
	switch {
	case errors.Is(err, unix.EAGAIN):
		return os.ErrDeadlineExceeded
	case err != nil:
		return err
	case from.Pid != nl.PidKernel:
		return nil // another process of this node has no say
	}
	for i := range messages {
		if messages[i].Header.Type == messageEntry {
			take(messages[i].Data)
		}
	}
	return nil
}

func (n *netfilter) timeouts() timeouts { return readTimeouts(settings) }

func (n *netfilter) close() { n.events.Close() }
