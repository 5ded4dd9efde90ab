package socket

import (
	"io/fs"
	"syscall"
)

// inodeOf returns the inode number of a file.
func inodeOf(info fs.FileInfo) (uint64, bool) {
	if stat, known := info.Sys().(*syscall.Stat_t); known {
		return stat.Ino, true
	}
	return 0, false
}
