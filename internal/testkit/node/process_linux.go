package node

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// talk is the environment variable that makes a test program a process of a pod: "listen ADDRESS" or "connect ADDRESS".
const talk = "PORTOLAN_TALK"

// Main runs the tests of a package, or plays the process of a pod. It is for the TestMain of a package that starts some.
func Main(m *testing.M) int {
	act, peer, playing := strings.Cut(os.Getenv(talk), " ")
	if !playing {
		return m.Run()
	}
	if err := play(act, peer); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// play says "ready" when what it is told to do has come about, and keeps it up until its input ends.
func play(act, peer string) error {
	ctx := context.Background()
	switch act {
	case "listen":
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", peer)
		if err != nil {
			return err
		}
		defer listener.Close()
		go accept(listener)
	case "connect":
		for address := range strings.FieldsSeq(peer) {
			connection, err := new(net.Dialer).DialContext(ctx, "tcp", address)
			if err != nil {
				return err
			}
			defer connection.Close()
			if _, err := connection.Read(make([]byte, 1)); err != nil { // the server has it now
				return err
			}
		}
	default:
		return errors.New("a process listens or connects, and does not " + act)
	}
	if _, err := os.Stdout.WriteString("ready\n"); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// accept takes connections and greets each, and never closes one.
func accept(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			_, _ = connection.Write([]byte("!"))
			_, _ = io.Copy(io.Discard, connection)
		}()
	}
}

// Listen starts a process in the pod that accepts TCP connections at address and keeps them open. It returns its number.
func (p *Pod) Listen(address string) int { return start(p.t, p.In, "listen "+address) }

// Connect starts a process in the pod that connects to each address by TCP and keeps the connections open. It returns its
// number once they are accepted.
func (p *Pod) Connect(addresses ...string) int {
	return start(p.t, p.In, "connect "+strings.Join(addresses, " "))
}

// Connect starts a process on the node itself that does what one of a pod does.
func Connect(t testing.TB, addresses ...string) int {
	t.Helper()
	return start(t, func(run func() error) { Check(t, run()) }, "connect "+strings.Join(addresses, " "))
}

// start starts this program again where in says, waits until it is ready, and ends it after the test.
func start(t testing.TB, in func(func() error), what string) int {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), talk+"="+what)
	cmd.Stderr = os.Stderr
	hold, err := cmd.StdinPipe()
	Check(t, err)
	said, err := cmd.StdoutPipe()
	Check(t, err)
	in(cmd.Start)
	t.Cleanup(func() {
		_ = hold.Close()
		_ = cmd.Wait() // it may have been ended by the end of the test
	})
	if word, err := bufio.NewReader(said).ReadString('\n'); word != "ready\n" {
		t.Fatalf("the process that is to %s said %q: %v", what, word, err)
	}
	return cmd.Process.Pid
}

// Unprivileged runs f on a thread without any capability, and returns its error.
func Unprivileged(f func() error) error {
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // and unlocked on the main thread only: every other one ends with this goroutine
		if unix.Gettid() == unix.Getpid() {
			err := Unprivileged(f) // the main thread would stay without capabilities, and is what /proc shows
			runtime.UnlockOSThread()
			failed <- err
			return
		}
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&header, &none[0]); err != nil {
			failed <- err
			return
		}
		failed <- f()
	}()
	return <-failed
}
