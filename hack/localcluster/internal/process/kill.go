package process

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Kill ends the processes at once and returns when all of them are gone. mine is asked about each process after a handle
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
		handles = append(handles, handle)
		if !mine(pid) {
			continue
		}
		if err := unix.PidfdSendSignal(handle, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("killing process %d: %w", pid, err)
		}
		if err := await(ctx, handle); err != nil {
			return fmt.Errorf("killing process %d: %w", pid, err)
		}
	}
	return nil
}

// await returns when the process of the handle has ended.
func await(ctx context.Context, handle int) error {
	const step, patience = 50 * time.Millisecond, 30 * time.Second
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if err := ctx.Err(); err != nil {
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
	return fmt.Errorf("still there after %s", patience)
}
