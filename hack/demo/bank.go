package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/portolan-io/portolan/internal/testkit/stage"
)

// process is one process of one boot of this machine, so that another one which later gets its number is never taken for it.
type process struct {
	PID   int    `json:"pid"`
	Start string `json:"start"` // clock ticks since boot, field 22 of /proc/PID/stat
	Boot  string `json:"boot"`  // /proc/sys/kernel/random/boot_id
}

// identify returns the living process of that number.
func identify(pid int) (process, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, err
	}
	start, err := startOf(string(stat))
	if err != nil {
		return process{}, fmt.Errorf("reading process %d: %w", pid, err)
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return process{PID: pid, Start: start, Boot: strings.TrimSpace(string(boot))}, err
}

// startOf returns the start time in the text of /proc/PID/stat. The name of the program, in parentheses, may hold anything. A process
// that has ended and is still listed is no process. Source: proc(5).
func startOf(stat string) (string, error) {
	const state, start = 0, 22 - 3 // places after the name
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) <= start {
		return "", errors.New("its state is too short")
	}
	if fields[state] == "Z" || fields[state] == "X" {
		return "", errors.New("it has ended")
	}
	return fields[start], nil
}

// alive reports whether the very process still runs.
func (p process) alive() bool {
	now, err := identify(p.PID)
	return err == nil && now == p
}

// end ends the process and waits until it has ended. A process that is not the very one is left alone.
func (p process) end(ctx context.Context) error {
	handle, err := os.FindProcess(p.PID) // on Linux a handle that cannot come to mean another process
	if err != nil {
		return err
	}
	defer func() { _ = handle.Release() }()
	if !p.alive() {
		return nil
	}
	if err := handle.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("ending process %d: %w", p.PID, err)
	}
	return stage.Until(ctx, func(context.Context) (string, error) {
		if p.alive() {
			return fmt.Sprintf("process %d has not ended", p.PID), nil
		}
		return "", nil
	})
}

// openBank plays the world outside the local cluster: names below .example lead to this host's end of the link.
func (d *demo) openBank(ctx context.Context) error {
	outside, err := d.stage.OutsideAddress(ctx)
	if err != nil {
		return err
	}
	if err := d.closeBank(ctx); err != nil {
		return err
	}
	bank := exec.Command(filepath.Join(d.root, "bin/shop"), "-listen", net.JoinHostPort(outside, "80")) //nolint:noctx // it outlives the demo, until demo-down
	bank.SysProcAttr = &syscall.SysProcAttr{Setsid: true}                                               // and Ctrl-C
	if err := bank.Start(); err != nil {
		return err
	}
	self, err := identify(bank.Process.Pid)
	if err == nil {
		err = save(d.recordFile(), record{Of: d.owner, Bank: self})
	}
	if err != nil {
		return errors.Join(err, bank.Process.Kill())
	}
	d.left = append(d.left, fmt.Sprintf("process %d, which plays the world outside", self.PID))
	return nil
}

// closeBank ends the bank of the recorded demo.
func (d *demo) closeBank(ctx context.Context) error {
	there, _, err := d.recorded()
	if err != nil || there.Bank == (process{}) {
		return err
	}
	return there.Bank.end(ctx)
}
