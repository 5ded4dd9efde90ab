//go:build !linux

package frame

import (
	"errors"
	"time"
)

// socket stands for the packet socket that only Linux has. Files can be read everywhere.
type socket struct{}

func open(Options) (*socket, Status, error) {
	return nil, Status{}, errors.New("this system has no packet sockets; run the agent on Linux, or give it a capture file")
}

// reasonOf returns the reason by which a failure is counted.
func reasonOf(error) string { return notSupported }

func (*socket) until(time.Time) error                  { return nil }
func (*socket) wake()                                  {}
func (*socket) take(func(*Frame)) (int, error)         { return 0, nil }
func (*socket) statistics() (received, dropped uint64) { return 0, 0 }
func (*socket) close()                                 {}
