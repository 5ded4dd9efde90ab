package node

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
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
	switch act {
	case "listen":
		listener, err := net.Listen("tcp", peer)
		if err != nil {
			return err
		}
		defer listener.Close()
		go accept(listener)
	case "connect":
		for address := range strings.FieldsSeq(peer) {
			connection, err := net.Dial("tcp", address)
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
	var kept []net.Conn
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		_, _ = connection.Write([]byte("!"))
		kept = append(kept, connection)
	}
}

// Listen starts a process in the pod that accepts TCP connections at address and keeps them open. It returns its number.
func (p *Pod) Listen(address string) int { return p.start("listen " + address) }

// Connect starts a process in the pod that connects to each address by TCP and keeps the connections open. It returns its
// number once they are accepted.
func (p *Pod) Connect(addresses ...string) int {
	return p.start("connect " + strings.Join(addresses, " "))
}

// start starts this program again in the pod's network namespace, waits until it is ready, and ends it after the test.
func (p *Pod) start(what string) int {
	p.t.Helper()
	cmd := exec.CommandContext(p.t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), talk+"="+what)
	cmd.Stderr = os.Stderr
	hold, err := cmd.StdinPipe()
	Check(p.t, err)
	said, err := cmd.StdoutPipe()
	Check(p.t, err)
	p.In(cmd.Start)
	p.t.Cleanup(func() {
		_ = hold.Close()
		_ = cmd.Wait() // it may have been ended by the end of the test
	})
	if word, err := bufio.NewReader(said).ReadString('\n'); word != "ready\n" {
		p.t.Fatalf("the process that is to %s said %q: %v", what, word, err)
	}
	return cmd.Process.Pid
}
