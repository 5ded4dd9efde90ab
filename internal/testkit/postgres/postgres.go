// Package postgres starts real PostgreSQL servers for tests: each in a folder of its own, on a Unix socket, as a user without
// rights.
//
// It is for tests only. It must not be told about the schema of anybody.
package postgres

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Server is a PostgreSQL server. Its methods are for one goroutine, but for NewDatabase.
type Server struct {
	programs, folder string
	account          *syscall.Credential // nil for the user of the test
	running          *process
	databases        atomic.Int64
}

// missing tells what to do without a server.
const missing = `PostgreSQL is not installed: run "make postgres", or install the Debian package postgresql`

// readyLimit is how long a server may take to start.
const readyLimit = time.Minute

// Start makes an empty server and starts it. It ends with the test. A machine without PostgreSQL fails the test.
func Start(t testing.TB) *Server {
	t.Helper()
	s, err := Launch()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.End(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Launch is Start for several tests: End has to be called after the last of them.
func Launch() (*Server, error) {
	s := &Server{}
	var err error
	if s.programs, err = programs(); err != nil {
		return nil, err
	}
	if s.account, err = account(); err != nil {
		return nil, err
	}
	if s.folder, err = s.newFolder(); err != nil {
		return nil, err
	}
	if text, err := s.command("initdb", "-D", s.data(), "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C").CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("initdb: %w\n%s", err, text), os.RemoveAll(s.folder))
	}
	if err := s.Resume(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.folder))
	}
	return s, nil
}

// End stops the server and removes what it has.
func (s *Server) End() error { return errors.Join(s.Stop(), os.RemoveAll(s.folder)) }

// programs returns the folder of the newest server programs.
func programs() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		slices.SortFunc(found, func(a, b string) int { return release(a) - release(b) })
		return filepath.Dir(found[len(found)-1]), nil
	}
	path, err := exec.LookPath("postgres")
	if err != nil {
		return "", errors.New(missing)
	}
	return filepath.Dir(path), nil
}

// release reads the release from a path such as /usr/lib/postgresql/15/bin/postgres.
func release(path string) int {
	number, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	if err != nil {
		return 0
	}
	return number
}

// account returns whom the server runs as: it refuses to run as root.
func account() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // nil is the user of the test
	}
	who, err := user.Lookup("postgres")
	if err != nil {
		if who, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.ParseUint(who.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(who.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// newFolder makes a folder that the server's user may enter. The path of a socket is short, so it is not that of the test.
func (s *Server) newFolder() (string, error) {
	folder, err := os.MkdirTemp("", "portolan-pg-")
	if err != nil || s.account == nil {
		return folder, err
	}
	return folder, os.Chown(folder, int(s.account.Uid), int(s.account.Gid))
}

func (s *Server) data() string { return filepath.Join(s.folder, "data") }

func (s *Server) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.programs, program), args...) //nolint:noctx // it is ended by Stop
	cmd.Dir = s.folder
	cmd.Env = []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH"), "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.account}
	return cmd
}

// Resume starts the server again after Stop, with what it has. It returns when the server answers.
func (s *Server) Resume() error {
	cmd := s.command("postgres", "-D", s.data(), "-k", s.folder, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "logging_collector=off", "-c", "log_destination=stderr")
	cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT // it does not outlive a test that is killed
	running, err := run(cmd)
	if err != nil {
		return err
	}
	s.running = running
	select {
	case <-running.ready:
		return nil
	case <-running.ended:
		s.running = nil
		return fmt.Errorf("PostgreSQL ended at once:\n%s", running.said)
	case <-time.After(readyLimit):
		return errors.Join(fmt.Errorf("PostgreSQL is not ready after %s", readyLimit), s.Stop())
	}
}

// Stop ends the server, which cuts all connections. What is committed stays in its folder.
func (s *Server) Stop() error {
	if s.running == nil {
		return nil
	}
	if err := s.running.process.Signal(syscall.SIGINT); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping PostgreSQL: %w", err)
	}
	<-s.running.ended
	s.running = nil
	return nil
}

// NewDatabase makes an empty database and returns its URL.
func (s *Server) NewDatabase(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test%d", s.databases.Add(1))
	if text, err := s.command("createdb", "-h", s.folder, "-U", "postgres", name).CombinedOutput(); err != nil {
		t.Fatalf("createdb: %v\n%s", err, text)
	}
	return "postgres:///" + name + "?host=" + s.folder + "&user=postgres&sslmode=disable"
}

// process is a server that was started.
type process struct {
	process *os.Process
	ready   chan struct{}
	ended   chan struct{}
	said    string // what it wrote, once it has ended
}

// run starts cmd and watches it. The thread that starts a child with a signal for its parent's death has to live on.
func run(cmd *exec.Cmd) (*process, error) {
	out, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	p := &process{ready: make(chan struct{}), ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if p.process = cmd.Process; err == nil {
			defer close(p.ended)
		}
		if started <- err; err == nil {
			p.said = p.watch(out)
			_ = cmd.Wait()
		}
	}()
	return p, <-started
}

// watch reads the log to its end, and tells when the server answers.
func (p *process) watch(log io.Reader) string {
	var said strings.Builder
	ready := false
	for lines := bufio.NewScanner(log); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if !ready && strings.Contains(lines.Text(), "ready to accept connections") {
			ready = true
			close(p.ready)
		}
	}
	return said.String()
}
