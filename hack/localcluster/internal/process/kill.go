//go:build linux

package process

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Kill ends the processes at once and returns when all of them have ended. mine is asked about each process after a handle
// on it is taken, when its number cannot come to mean another process any more; those that are not mine are left alone.
func Kill(ctx context.Context, pids []int, mine func(pid int) bool) error {
	var handles []int
	defer func() {
		for _, h := range handles {
			_ = unix.Close(h)
		}
	}()
	for _, pid := range pids {
		handle, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue // gone already
		}
		if !mine(pid) {
			_ = unix.Close(handle)
			continue
		}
		handles = append(handles, handle)
		if err := unix.PidfdSendSignal(handle, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("killing process %d: %w", pid, err)
		}
	}
	for _, handle := range handles {
		if err := await(ctx, handle); err != nil {
			return fmt.Errorf("waiting for a killed process: %w", err)
		}
	}
	return nil
}

// Await returns nil when the process of the record has ended, or the context has.
func Await(ctx context.Context, r Record) error {
	handle, err := unix.PidfdOpen(r.PID, 0)
	if err != nil || !r.Alive() { // asked after the handle is taken, see Kill
		return closeHandle(handle)
	}
	err = await(ctx, handle)
	if ctx.Err() != nil {
		err = nil
	}
	return errors.Join(err, closeHandle(handle))
}

// closeHandle closes a handle if there is one.
func closeHandle(handle int) error {
	if handle < 0 {
		return nil
	}
	return unix.Close(handle)
}

// await returns when the process of the handle has ended or the context has.
func await(ctx context.Context, handle int) error {
	const step = 250 * time.Millisecond // until a context that has ended is noticed
	for {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		fds := []unix.PollFd{{Fd: int32(handle), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, int(step.Milliseconds()))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		if n > 0 {
			return nil
		}
	}
}
