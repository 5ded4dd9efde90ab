//go:build linux

// Package process starts programs that outlive the command which starts them, remembers them, and ends exactly those.
//
// A process is remembered by its number and the moment it started, so that another process which later gets the same
// number is never taken for it. The package must not look for processes by name.
package process

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Record identifies one process of one boot of this machine.
type Record struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // clock ticks since boot, field 22 of /proc/PID/stat
	Boot  string `json:"boot"`  // /proc/sys/kernel/random/boot_id
}

// Find returns the record of the living process pid. The error is fs.ErrNotExist if there is none, or only a zombie.
func Find(pid int) (Record, error) {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return Record{}, fmt.Errorf("reading process %d: %w", pid, err)
	}
	start, alive, err := parseStat(stat)
	if err != nil {
		return Record{}, fmt.Errorf("reading process %d: %w", pid, err)
	}
	if !alive {
		return Record{}, fmt.Errorf("process %d has ended: %w", pid, fs.ErrNotExist)
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return Record{}, fmt.Errorf("reading the identity of this boot: %w", err)
	}
	return Record{PID: pid, Start: start, Boot: strings.TrimSpace(string(boot))}, nil
}

// Alive reports whether the very process of the record still runs.
func (r Record) Alive() bool {
	now, err := Find(r.PID)
	return err == nil && now == r
}

// parseStat returns the start time in the text of /proc/PID/stat, and whether the process is more than a zombie. The second field is
// the program's name in parentheses and may hold anything, further parentheses and spaces included. Source: proc(5).
func parseStat(stat []byte) (start uint64, alive bool, err error) {
	end := bytes.LastIndexByte(stat, ')')
	if end < 0 {
		return 0, false, errors.New("no program name in the process state")
	}
	fields := strings.Fields(string(stat[end+1:])) // from field 3, the state
	const stateIndex, startIndex = 0, 22 - 3
	if len(fields) <= startIndex {
		return 0, false, errors.New("the process state is too short")
	}
	start, err = strconv.ParseUint(fields[startIndex], 10, 64)
	if err != nil {
		return 0, false, fmt.Errorf("the start time of the process: %w", err)
	}
	state := fields[stateIndex]
	return start, state != "Z" && state != "X", nil
}

// Load reads a record from a file. A missing or unreadable record is the zero Record, which is never alive: the file may
// have been cut off by a crash.
func Load(path string) Record {
	var r Record
	text, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(text, &r) != nil {
		return Record{}
	}
	return r
}

// save writes the record so that a crash leaves either the old file or the new one.
func (r Record) save(path string) error {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encoding the record of a process: %w", err)
	}
	draft := path + ".new"
	if err := os.WriteFile(draft, text, 0o600); err != nil {
		return fmt.Errorf("writing the record of a process: %w", err)
	}
	if err := os.Rename(draft, path); err != nil {
		return fmt.Errorf("writing the record of a process: %w", err)
	}
	return nil
}
