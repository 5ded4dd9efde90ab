package frame

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// plain reads one packet per system call. It is the way out when the kernel refuses the ring.
type plain struct {
	buffer []byte
}

const (
	plainBuffer  = 1 << 16
	plainAtOnce  = 256     // packets between two ticks
	plainBacklog = 4 << 20 // wish for the socket's queue; the kernel may give less
)

func plainIntake(fd int) (intake, error) {
	// A smaller queue is no error: what it cannot hold is counted by the kernel.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, plainBacklog)
	return &plain{buffer: make([]byte, plainBuffer)}, nil
}

func (p *plain) close() error { return nil }

func (p *plain) take(fd int, handle func(*Frame)) (n int, _ error) {
	var f Frame
	for n < plainAtOnce {
		length, from, err := unix.Recvfrom(fd, p.buffer, unix.MSG_TRUNC|unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return n, nil
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return n, err
		}
		kept := min(length, len(p.buffer))
		f = Frame{Payload: p.buffer[:kept], Time: time.Now().UTC(), Cut: kept < length}
		if link, known := from.(*unix.SockaddrLinklayer); known {
			f.EtherType = networkOrder(link.Protocol)
			f.Interface = link.Ifindex
			f.Outgoing = link.Pkttype == unix.PACKET_OUTGOING
		}
		handle(&f)
		n++
	}
	return n, nil
}
