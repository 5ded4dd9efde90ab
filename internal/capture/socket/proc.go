package socket

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// proc is a /proc file system, at whatever path it is mounted.
type proc string

// self stands for the thread that looks.
const self = "thread-self"

// processes returns the numbers of all processes.
func (p proc) processes() ([]string, error) {
	dir, err := os.Open(string(p))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	numbers := names[:0]
	for _, name := range names {
		if '0' <= name[0] && name[0] <= '9' {
			numbers = append(numbers, name)
		}
	}
	return numbers, nil
}

func (p proc) path(process, below string) string { return filepath.Join(string(p), process, below) }

// namespace returns the number of the network namespace of a process. Reading it needs SYS_PTRACE for most processes.
func (p proc) namespace(process string) (uint64, error) {
	link, err := os.Readlink(p.path(process, "ns/net"))
	if err != nil {
		return 0, err
	}
	n, found := numberIn(link, "net:[")
	if !found {
		return 0, fs.ErrNotExist // the process is about to end
	}
	return n, nil
}

// numberIn returns the number of a link such as net:[4026531840] or socket:[52410].
func numberIn(link, kind string) (uint64, bool) {
	text, found := strings.CutPrefix(link, kind)
	text, closed := strings.CutSuffix(text, "]")
	n, err := strconv.ParseUint(text, 10, 64)
	return n, found && closed && err == nil
}

// list returns the inode number of the list of TCP sockets that a process sees. It is another one in each namespace, and
// anybody may ask for it.
func (p proc) list(process string) (uint64, error) {
	info, err := os.Stat(p.path(process, "net/tcp"))
	if err != nil {
		return 0, err
	}
	n, known := inodeOf(info)
	if !known {
		return 0, errors.ErrUnsupported
	}
	return n, nil
}

// mostSmall is how much of a small file is read. Control groups have 100 to 2,000 octets, counters as much.
const mostSmall = 16 << 10

// small returns a small file of a process, in the memory of buffer; nothing when it is not there or the process has ended.
// The kernel gives all of it at once.
func (p proc) small(process, name string, buffer []byte) []byte {
	file, err := os.Open(p.path(process, name))
	if err != nil {
		return nil
	}
	defer file.Close()
	n, _ := file.Read(buffer[:mostSmall]) // what fails gives nothing
	return buffer[:n]
}

// pod returns the UID of the pod that a process belongs to; empty when it belongs to none or has ended.
func (p proc) pod(process string, buffer []byte) string {
	return PodUID(p.small(process, "cgroup", buffer))
}

// sockets calls take with the inode number of each socket that a process has open.
func (p proc) sockets(process string, take func(inode uint64)) error {
	dir, err := os.Open(p.path(process, "fd"))
	if err != nil {
		return err
	}
	defer dir.Close()
	files, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, file := range files {
		link, err := os.Readlink(p.path(process, "fd/"+file))
		if refused(err) {
			return err
		}
		if inode, isSocket := numberIn(link, "socket:["); isSocket {
			take(inode)
		}
	}
	return nil
}

// refused reports whether the kernel or a security module forbade what gave the error. Everything else that goes wrong
// below a process means that it has ended.
func refused(err error) bool {
	return errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM)
}

// cause is the error without the path that it happened at.
func cause(err error) error {
	if at := (*fs.PathError)(nil); errors.As(err, &at) {
		return at.Err
	}
	return err
}
