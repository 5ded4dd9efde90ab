package socket

import (
	"errors"
	"fmt"
	"io/fs"
)

// space is a network namespace and the processes in it.
type space struct {
	number    uint64   // of the namespace; 0 while it could not be read
	list      uint64   // inode number of its list of TCP sockets
	processes []string // at least one, in the order of the file system
	host      bool     // that of the node, or that of the agent
	own       bool     // that of the agent

	memory *memory
}

// spaces are the network namespaces of a node, found by both of their marks: the number of a namespace can be read for
// some processes and be refused for others that share it.
type spaces struct {
	proc     proc
	all      []*space
	byNumber map[uint64]*space
	byList   map[uint64]*space
}

// findSpaces groups the processes of the node by network namespace. The error is one sentence without its subject.
func findSpaces(p proc) ([]*space, error) {
	processes, err := p.processes()
	switch {
	case refused(err):
		return nil, fmt.Errorf("reading %s was refused (%w); look for a security module (AppArmor, SELinux) that forbids it", p, cause(err))
	case err != nil:
		return nil, fmt.Errorf("cannot read %s: %w; mount the host's /proc read-only there", p, cause(err))
	case len(processes) == 0:
		return nil, fmt.Errorf("%s shows no process; mount the host's /proc read-only there", p)
	}
	s := &spaces{proc: p, byNumber: make(map[uint64]*space), byList: make(map[uint64]*space)}
	for _, process := range processes {
		if found := s.of(process); found != nil {
			found.processes = append(found.processes, process)
		}
	}
	for _, process := range []string{"1", self} {
		if found := s.of(process); found != nil {
			found.host = true
			found.own = found.own || process == self
		}
	}
	return s.all, nil
}

// of returns the network namespace of a process; nil when it has ended.
func (s *spaces) of(process string) *space {
	number, err := s.proc.namespace(process)
	if found := s.byNumber[number]; err == nil && found != nil {
		return found
	}
	if err != nil && !refused(err) && !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	list, failed := s.proc.list(process)
	if failed != nil {
		return nil
	}
	found := s.byList[list]
	if found == nil {
		found = &space{list: list}
		s.all = append(s.all, found)
		s.byList[list] = found
	}
	if err == nil {
		found.number = number
		s.byNumber[number] = found
	}
	return found
}
