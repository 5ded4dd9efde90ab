package socket

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"iter"
)

// Table is the TCP sockets of one network namespace, of both address families. Fill it, then ask for its connections: who
// of the two sides is the client can be told only when all listeners are known. The zero value is empty and ready for use.
type Table struct {
	listeners listeners
	left      listeners // that were there before, and may be gone
	rows      []Row     // of established connections
	added     int
	opening   bool // a connection is about to be established
}

// Bounds of one list of sockets.
const (
	mostBytes = 16 << 20
	mostLine  = 4 << 10
	mostRows  = mostBytes / 150 // a row of /proc/net/tcp has 150 octets
)

// Reset empties the table and keeps its memory.
func (t *Table) Reset() {
	clear(t.listeners)
	t.left = nil
	t.rows = t.rows[:0]
	t.opening, t.added = false, 0
}

// Len returns how many sockets were added since the table was empty, those of no use included.
func (t *Table) Len() int { return t.added }

// Add takes one socket. Those that neither listen nor are connected are of no use and forgotten.
func (t *Table) Add(r Row) {
	t.added++
	switch r.State {
	case listening:
		if t.listeners == nil {
			t.listeners = make(listeners)
		}
		t.listeners[r.Local] = struct{}{}
	case established:
		t.rows = append(t.rows, r)
	case opening:
		t.opening = true
	}
}

// Read takes the rows of a list as /proc/net/tcp and tcp6 show it. malformed is how many lines are no rows; they are left
// out alone. At most 16 MiB are read; oversize says that there is more. The error is that of r.
func (t *Table) Read(r io.Reader) (malformed uint64, oversize bool, err error) {
	limited := &io.LimitedReader{R: r, N: mostBytes}
	lines := bufio.NewReaderSize(limited, mostLine)
	for {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			line, err = nil, passLine(lines)
			malformed++
		}
		ended := errors.Is(err, io.EOF)
		if ended && limited.N <= 0 {
			return malformed, true, nil // the last line is cut
		}
		if len(bytes.TrimSpace(line)) > 0 && !isHead(line) {
			if row, ok := ParseRow(line); ok {
				t.Add(row)
			} else {
				malformed++
			}
		}
		switch {
		case ended:
			return malformed, false, nil
		case err != nil:
			return malformed, false, err
		}
	}
}

// passLine reads to the end of a line that is too long.
func passLine(lines *bufio.Reader) error {
	for {
		if _, err := lines.ReadSlice('\n'); !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

// Side says what a row of an established connection shows.
type Side uint8

// The sides. Only a Client makes a sighting.
const (
	Client     Side = iota // the local side has opened the connection
	Server                 // the local side listens
	LeftServer             // the local side is the server, by its ports or because it has listened, and its listener is gone
	Local                  // both sides are on this host: loopback, or one address
)

// firstEphemeral is the lowest port that Linux chooses for clients by default. Source: ip_local_port_range in
// Documentation/networking/ip-sysctl.rst of the kernel.
const firstEphemeral = 32768

// Established returns the established connections with their sides, in the order in which they were added.
func (t *Table) Established() iter.Seq2[Row, Side] {
	return func(yield func(Row, Side) bool) {
		for i := range t.rows {
			if !yield(t.rows[i], t.side(&t.rows[i])) {
				return
			}
		}
	}
}

func (t *Table) side(r *Row) Side {
	local, remote := r.Local, r.Remote
	switch {
	case local.Addr().IsLoopback() || remote.Addr().IsLoopback() || local.Addr() == remote.Addr() || remote.Port() == 0:
		return Local
	case t.listeners.accept(local):
		return Server
	case t.left.accept(local), local.Port() < firstEphemeral && remote.Port() >= firstEphemeral:
		return LeftServer
	}
	return Client
}
