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
	all, err := names(string(p))
	if err != nil {
		return nil, err
	}
	numbers := all[:0]
	for _, name := range all {
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
//
// The folder fd belongs to the user of the process, and another one needs a capability to open it that opens all files of
// the node as well. What the kernel says about open files in fdinfo needs SYS_PTRACE only, from Linux 5.14 on.
func (p proc) sockets(process string, buffer []byte, take func(inode uint64)) error {
	err := p.socketsByLink(process, take)
	if refused(err) && p.socketsByInfo(process, buffer, take) {
		return nil
	}
	return err
}

func (p proc) socketsByLink(process string, take func(inode uint64)) error {
	files, err := names(p.path(process, "fd"))
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

// socketsByInfo does the same by what fdinfo says, and reports whether it says enough.
func (p proc) socketsByInfo(process string, buffer []byte, take func(inode uint64)) bool {
	mount, known := p.socketMount(buffer)
	files, err := names(p.path(process, "fdinfo"))
	if !known || err != nil {
		return false
	}
	told := false
	for _, file := range files {
		info, complete := parseInfo(p.small(process, "fdinfo/"+file, buffer))
		told = told || complete
		if complete && info.mount == mount {
			take(info.inode)
		}
	}
	return told || len(files) == 0
}

// socketMount returns the number of the mount in which all sockets of the kernel are, told by one of the agent's own: the
// numbers of other files may be the same as those of sockets.
func (p proc) socketMount(buffer []byte) (uint64, bool) {
	files, _ := names(p.path(self, "fd")) // what fails knows nothing
	for _, file := range files {
		link, _ := os.Readlink(p.path(self, "fd/"+file))
		inode, isSocket := numberIn(link, "socket:[")
		if info, complete := parseInfo(p.small(self, "fdinfo/"+file, buffer)); isSocket && complete && info.inode == inode {
			return info.mount, true
		}
	}
	return 0, false
}

// names returns the names of what is in a folder.
func names(path string) ([]string, error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.Readdirnames(-1)
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
