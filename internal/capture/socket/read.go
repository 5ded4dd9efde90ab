package socket

import (
	"errors"
	"io/fs"
	"os"
)

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
		beyond, err = diagnose(&l.table, l.families(process))
	case l.enters:
		wanted := l.families(process)
		err = inside(l.proc.path(process, "ns/net"), func() (err error) {
			beyond, err = diagnose(&l.table, wanted)
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

// families says which address families a process has TCP sockets of: the others need not be read.
func (l *look) families(process string) (f families) {
	four := l.proc.small(process, "net/sockstat", l.buffer)
	f.none4 = parseInUse(four, "TCP:") == 0
	six := l.proc.small(process, "net/sockstat6", l.buffer)
	f.none6 = parseInUse(six, "TCP6:") == 0
	return f
}

// families are the address families that a namespace has no TCP sockets of.
type families struct{ none4, none6 bool }

// readFiles fills the table from both lists of a process. They are opened before one is read: an open list outlives its
// process. A kernel without IPv6 has one list only.
func (l *look) readFiles(process string) error {
	without := l.families(process)
	four, err := os.Open(l.proc.path(process, "net/tcp"))
	if err != nil {
		return err
	}
	defer four.Close()
	if !without.none6 {
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
	}
	if without.none4 {
		return nil
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
