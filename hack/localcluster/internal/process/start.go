//go:build linux

package process

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// Spec says what to run.
type Spec struct {
	Name   string // of the component: names its record and its log
	Path   string // absolute path of the program
	Args   []string
	Env    []string // the whole environment
	Log    string   // file that standard output and standard error are appended to
	Record string   // file that remembers the process
}

// Running is a process that this program has started. Ended is closed when it ends.
type Running struct {
	Record Record
	Ended  <-chan struct{}
}

// Start runs the program in a session of its own, without a terminal, and writes its record. The namespaces are those of
// the calling thread. A process whose record could not be written is killed again.
func Start(s Spec) (Running, error) {
	log, err := os.OpenFile(s.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return Running{}, fmt.Errorf("opening the log of %s: %w", s.Name, err)
	}
	defer func() { _ = log.Close() }() // the process has its own handle

	cmd := &exec.Cmd{
		Path:        s.Path,
		Args:        append([]string{filepath.Base(s.Path)}, s.Args...),
		Env:         s.Env,
		Dir:         "/",
		Stdout:      log,
		Stderr:      log,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if err := cmd.Start(); err != nil {
		return Running{}, fmt.Errorf("starting %s: %w", s.Name, err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(ended)
	}()
	record, err := Find(cmd.Process.Pid)
	if err == nil {
		err = record.save(s.Record)
	}
	if err != nil {
		_ = cmd.Process.Kill() // the error below is the one to report
		return Running{}, fmt.Errorf("remembering %s: %w", s.Name, err)
	}
	return Running{Record: record, Ended: ended}, nil
}
