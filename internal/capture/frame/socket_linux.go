package frame

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// socket is a packet socket of all interfaces. The Go runtime waits for it, so no thread is held while nothing comes.
type socket struct {
	file   *os.File
	conn   syscall.RawConn
	intake intake
	ring   bool
}

// open returns a socket that captures, and what a person should know about it.
func open(o Options) (*socket, Status, error) {
	if o.Plain {
		s, err := openWith(plainIntake)
		return s, Status{State: On}, err
	}
	s, err := openWith(func(fd int) (intake, error) { return newRing(fd, o) })
	if refused := (*ringError)(nil); errors.As(err, &refused) {
		s, err = openWith(plainIntake)
		return s, Status{State: Degraded, Sentence: fmt.Sprintf(
			"packet capture is degraded: %v, so packets are read one by one and bursts may be lost; allow the agent %d MiB more memory or make the ring smaller",
			refused, o.RingBytes>>20)}, err
	}
	return s, Status{State: On}, err
}

// openWith makes a socket that gets nothing until filter and intake stand, then binds it.
func openWith(attach func(fd int) (intake, error)) (_ *socket, err error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, socketError(err)
	}
	s := &socket{file: os.NewFile(uintptr(fd), "packet socket")}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if err := attachFilter(fd); err != nil {
		return nil, fmt.Errorf("the kernel refused the packet filter: %w; it needs CONFIG_NET and seccomp must allow setsockopt", err)
	}
	if s.intake, err = attach(fd); err != nil {
		return nil, err
	}
	_, s.ring = s.intake.(*ring)
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_ALL)}); err != nil {
		return nil, fmt.Errorf("binding the packet socket to all interfaces: %w; run the agent on the host network", err)
	}
	if s.conn, err = s.file.SyscallConn(); err != nil {
		return nil, fmt.Errorf("waiting for the packet socket: %w", err)
	}
	return s, nil
}

func socketError(err error) error {
	switch reasonOf(err) {
	case notPermitted:
		return fmt.Errorf("opening a packet socket was refused (%w); add the NET_RAW capability to the agent's container, or look for a security module (AppArmor, SELinux) that forbids it", err)
	case notSupported:
		return fmt.Errorf("this kernel has no packet sockets (%w); use one with CONFIG_PACKET, or load its module af_packet", err)
	}
	return fmt.Errorf("opening a packet socket: %w; the agent needs free file descriptors and kernel memory", err)
}

// reasonOf returns the reason by which a failure is counted.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return notPermitted
	case errors.Is(err, unix.EAFNOSUPPORT), errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.ESOCKTNOSUPPORT):
		return notSupported
	}
	return otherFailure
}

func attachFilter(fd int) error {
	program, err := bpf.Assemble(Filter())
	if err != nil {
		return err
	}
	filter := make([]unix.SockFilter, len(program))
	for i, ins := range program {
		filter[i] = unix.SockFilter{Code: ins.Op, Jt: ins.Jt, Jf: ins.Jf, K: ins.K}
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
}

// until sets the time at which a waiting take gives up.
func (s *socket) until(t time.Time) error { return s.file.SetReadDeadline(t) }

// wake ends a waiting take at once. It is safe at any time, from any goroutine.
func (s *socket) wake() {
	_ = s.file.SetReadDeadline(time.Unix(1, 0)) // fails only when the socket is closed, and then nobody waits
}

// take waits for packets, hands over all there are, and returns how many; os.ErrDeadlineExceeded when time is up.
func (s *socket) take(handle func(*Frame)) (n int, err error) {
	var failed error
	err = s.conn.Read(func(fd uintptr) bool {
		n, failed = s.intake.take(int(fd), handle)
		return n > 0 || failed != nil
	})
	return n, errors.Join(failed, err)
}

// statistics returns the packets that were handed over and those that were lost for want of room, since the last call.
func (s *socket) statistics() (received, dropped uint64) {
	_ = s.conn.Control(func(fd uintptr) {
		received, dropped = kernelStatistics(int(fd), s.ring)
	})
	return received, dropped
}

// kernelStatistics reads and thereby resets the counters of the socket. The kernel counts a dropped packet as a packet too.
func kernelStatistics(fd int, ring bool) (received, dropped uint64) {
	if ring {
		v3, err := unix.GetsockoptTpacketStatsV3(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
		if err != nil {
			return 0, 0
		}
		return uint64(v3.Packets - v3.Drops), uint64(v3.Drops)
	}
	v1, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return 0, 0
	}
	return uint64(v1.Packets - v1.Drops), uint64(v1.Drops)
}

func (s *socket) close() {
	if s.intake != nil {
		_ = s.intake.close()
	}
	_ = s.file.Close() // nothing was written, nothing can be lost
}

func networkOrder(v uint16) uint16 { return v<<8 | v>>8 }
