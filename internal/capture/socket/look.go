package socket

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/portolan-io/portolan/internal/traffic"
)

// look is one look at the network namespaces of the node.
type look struct {
	*Source

	at     time.Time
	began  time.Time
	read   int    // namespaces that were read
	tables string // why the kernel refused to show a list
}

// memory is what is remembered of a network namespace from look to look.
type memory struct {
	open  *traffic.Connections
	opens uint64    // how many connections it had opened and accepted when it was read, ever
	quiet bool      // none of them was still being opened
	heard listeners // who accepted connections, and still has some
	read  time.Time // when it was read last; zero is never

	refused string // why the kernel did not show the open files of a host-network pod, when they were wanted last
}

const (
	mostConnections = 16_384 // of one namespace that are remembered
	confirmAfter    = 55 * time.Second
)

// look puts what is connected now into the window. It returns what limits it, as one sentence; empty when nothing does.
//
// Reading a list makes the kernel walk the connections of the whole node, which takes milliseconds. So a namespace is read
// again only if it has opened or accepted a connection since, or after a minute to confirm what it had; and a look that has taken its
// portion of the time leaves the rest, which was read the most recently, to the next one. That one comes soon when there is
// something that was never read, as in the first seconds of an agent.
func (s *Source) look(ctx context.Context, at time.Time) (limit string, err error) {
	found, err := findSpaces(s.proc)
	if err != nil {
		return "", err
	}
	l := &look{Source: s, at: at, began: time.Now()}
	l.recall(found)
	s.unread = false
	for _, space := range found {
		if ctx.Err() != nil {
			break
		}
		if l.spent() {
			s.unread = space.memory.read.IsZero()
			break
		}
		l.visit(space)
	}
	return l.limit()
}

// recall joins each namespace with what is remembered of it, forgets those that are gone, and puts them in the order in
// which they were read.
func (l *look) recall(found []*space) {
	known := make(map[uint64]*memory, len(found))
	for _, space := range found {
		if space.memory = l.known[space.list]; space.memory == nil {
			space.memory = &memory{open: traffic.NewConnections(mostConnections), heard: make(listeners)}
		}
		known[space.list] = space.memory
	}
	l.known = known
	slices.SortStableFunc(found, func(a, b *space) int { return a.memory.read.Compare(b.memory.read) })
}

// spent reports whether the look has taken its portion of the time. One namespace is always read.
func (l *look) spent() bool { return l.read > 0 && time.Since(l.began) > l.portion }

// visit reads a namespace if there is something to expect.
func (l *look) visit(space *space) {
	m := space.memory
	opens, known := l.opens(space)
	if known && m.quiet && opens == m.opens && l.at.Sub(m.read).Abs() < confirmAfter {
		return
	}
	l.table.Reset()
	if !l.fill(space) {
		return
	}
	l.read++
	l.table.recall(m.heard)
	m.opens, m.quiet, m.read = opens, !l.table.opening, l.at
	again := m.open.Again()
	m.open.Look()
	l.tell(space)
	l.counted[recounted].Add(m.open.Again() - again)
}

// opens returns how many connections a namespace has opened and accepted, ever.
func (l *look) opens(space *space) (uint64, bool) {
	for _, process := range space.processes {
		if text := l.proc.small(process, "net/snmp", l.buffer); len(text) > 0 {
			return parseOpens(text)
		}
	}
	return 0, false
}

// limit says what the kernel refused.
func (l *look) limit() (string, error) {
	const module = "look for a security module (AppArmor, SELinux) that forbids it"
	switch {
	case l.tables != "" && l.read == 0:
		return "", fmt.Errorf("reading sockets below %s was refused (%s); %s", l.proc, l.tables, module)
	case l.tables != "":
		return fmt.Sprintf("reading the sockets of some network namespaces below %s was refused (%s); %s", l.proc, l.tables, module), nil
	}
	for _, m := range l.known {
		if m.refused != "" {
			return fmt.Sprintf("connections of host-network pods cannot be told apart, because reading their open files was refused (%s); add the SYS_PTRACE capability to the agent's container, or %s",
				m.refused, module), nil
		}
	}
	return "", nil
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
			if sighting := Sighting(row, pod, l.at); space.memory.open.Tells(&sighting) {
				l.window.Add(sighting)
			}
		}
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
