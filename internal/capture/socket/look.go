package socket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/portolan-io/portolan/internal/traffic"
)

// look is one look at all network namespaces of the node.
type look struct {
	*Source

	at      time.Time
	read    int    // namespaces that were read
	tables  string // why the kernel refused to show a list
	sockets string // why it refused to show the open files of a host-network pod
}

// look puts what is connected now into the window. It returns what limits it, as one sentence; empty when nothing does.
func (s *Source) look(ctx context.Context, at time.Time) (limit string, err error) {
	found, err := findSpaces(s.proc)
	if err != nil {
		return "", err
	}
	l := &look{Source: s, at: at}
	s.open.Look()
	again := s.open.Again()
	for _, space := range found {
		select {
		case <-ctx.Done():
			return "", nil
		default:
		}
		s.table.Reset()
		if l.fill(space) {
			l.read++
			l.tell(space)
		}
	}
	s.counted[recounted].Add(s.open.Again() - again)
	return l.limit()
}

// limit says what the kernel refused.
func (l *look) limit() (string, error) {
	const module = "look for a security module (AppArmor, SELinux) that forbids it"
	switch {
	case l.tables != "" && l.read == 0:
		return "", fmt.Errorf("reading sockets below %s was refused (%s); %s", l.proc, l.tables, module)
	case l.tables != "":
		return fmt.Sprintf("reading the sockets of some network namespaces below %s was refused (%s); %s", l.proc, l.tables, module), nil
	case l.sockets != "":
		return fmt.Sprintf("connections of host-network pods cannot be told apart, because reading their open files was refused (%s); add the SYS_PTRACE capability to the agent's container, or %s",
			l.sockets, module), nil
	}
	return "", nil
}

// fill reads the sockets of a namespace: from the kernel directly where the agent is or may go, else from the files of
// one of its processes. It is false when all of them have ended, or what they show was refused.
func (l *look) fill(space *space) bool {
	for _, process := range space.processes {
		if l.ask(space, process) {
			return true
		}
		l.table.Reset()
		switch err := l.readFiles(process); {
		case err == nil:
			return true
		case refused(err):
			l.tables = cause(err).Error()
			return false
		}
		l.table.Reset() // the process has ended
	}
	return false
}

// ask fills the table by socket diagnosis, and reports whether it could.
func (l *look) ask(space *space, process string) bool {
	var beyond uint64
	var err error
	switch {
	case space.own:
		beyond, err = diagnose(&l.table)
	case l.enters:
		err = inside(l.proc.path(process, "ns/net"), func() (err error) {
			beyond, err = diagnose(&l.table)
			return err
		})
	default:
		return false
	}
	if err != nil {
		return false
	}
	l.counted[oversize].Add(beyond)
	return true
}

// readFiles fills the table from both lists of a process. They are opened before one is read: an open list outlives its
// process. A kernel without IPv6 has one list only.
func (l *look) readFiles(process string) error {
	four, err := os.Open(l.proc.path(process, "net/tcp"))
	if err != nil {
		return err
	}
	defer four.Close()
	six, err := os.Open(l.proc.path(process, "net/tcp6"))
	if err == nil {
		defer six.Close()
		err = l.readFile(six)
	} else if errors.Is(err, fs.ErrNotExist) {
		_, err = l.proc.list(process) // it is the list that is missing, not the process
	}
	if err != nil {
		return err
	}
	return l.readFile(four)
}

func (l *look) readFile(file *os.File) error {
	bad, more, err := l.table.Read(file)
	l.counted[malformed].Add(bad)
	if more {
		l.counted[oversize].Add(1)
	}
	return err
}

// tell puts the connections that the namespace has opened into the window.
func (l *look) tell(space *space) {
	owner := l.ownerIn(space)
	for row, side := range l.table.Established() {
		switch side {
		case Local:
			l.counted[local].Add(1)
		case Server:
			l.counted[serverSide].Add(1)
		case LeftServer:
			l.counted[orientation].Add(1)
		case Client:
			pod, known := owner(row.Inode)
			if !known {
				l.counted[hostNamespace].Add(1)
				continue
			}
			l.add(Sighting(row, pod, l.at))
		}
	}
}

func (l *look) add(s traffic.Sighting) {
	if l.open.Tells(&s) {
		l.window.Add(s)
	}
}

// Sighting is what an established connection of the client side says. pod is the UID of the pod, empty when it is not
// known.
func Sighting(r Row, pod string, at time.Time) traffic.Sighting {
	return traffic.Sighting{
		Source: traffic.Socket,
		From:   traffic.Party{Addr: r.Local.Addr(), Port: r.Local.Port(), PodUID: pod},
		To:     traffic.Party{Addr: r.Remote.Addr(), Port: r.Remote.Port()},
		What:   traffic.What{Act: traffic.Connect, Protocol: traffic.TCP},
		First:  at,
		Last:   at,
		Count:  1,
	}
}

// ownerIn returns who says to which pod a socket of the namespace belongs. In a pod's namespace that is the pod, or an
// unknown one; in the node's namespace it is found by the open files of the pods' processes, or not at all.
func (l *look) ownerIn(space *space) func(inode uint64) (pod string, known bool) {
	if space.host {
		owners := l.owners(space)
		return func(inode uint64) (string, bool) {
			pod, known := owners[inode]
			return pod, known
		}
	}
	pod := ""
	for _, process := range space.processes[:min(len(space.processes), mostAsked)] {
		if pod = l.proc.pod(process, l.buffer); pod != "" {
			break
		}
	}
	return func(uint64) (string, bool) { return pod, true }
}

const (
	mostAsked  = 16      // processes of one namespace that are asked for their pod; all of them belong to the same
	mostOwners = 1 << 18 // sockets of host-network pods
)

// owners maps the sockets of host-network pods to the pods' UIDs.
func (l *look) owners(space *space) map[uint64]string {
	owners := make(map[uint64]string)
	for _, process := range space.processes {
		pod := l.proc.pod(process, l.buffer)
		if pod == "" {
			continue
		}
		err := l.proc.sockets(process, func(inode uint64) {
			if len(owners) < mostOwners {
				owners[inode] = pod
			} else {
				l.counted[oversize].Add(1)
			}
		})
		if refused(err) {
			l.sockets = cause(err).Error()
		}
	}
	return owners
}
