package store

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/portolan-io/portolan/internal/testkit/postgres"
)

// inMountNamespace runs the rest of a test in a process with mounts of its own, where it may mount without being root.
func inMountNamespace(t *testing.T) bool {
	t.Helper()
	const marker = "PORTOLAN_TEST_MOUNTS"
	if os.Getenv(marker) == t.Name() {
		if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
			t.Fatal(err)
		}
		return true
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), marker+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("in a mount namespace: %v\n%s", err, text)
	}
	return false
}

func TestAFullDiskIsReportedAndTheMapWorksOn(t *testing.T) {
	if !inMountNamespace(t) {
		return
	}
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) }()
	path := filepath.Join(disk, "map.db")
	r := newReplica(t, path)
	stop := r.run(t)
	wait(t, r.take(t, "n1", 1, recently("a", "b", time.Hour)))

	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 4<<20), 0o600); err == nil {
		t.Fatal("the disk is larger than it should be")
	}
	if wait(t, r.take(t, "n1", 2, recently("a", "c", time.Hour))) {
		t.Error("a batch that is kept in memory is a duplicate")
	}
	wait(t, r.take(t, "n1", 3, recently("a", "b", time.Minute)))
	state := r.State()
	if !strings.Contains(state.Problem, path) || !strings.Contains(state.Problem, "full") || state.Since.IsZero() || state.Failures == 0 || state.Waiting == 0 {
		t.Errorf("state %+v, want the file, that the disk is full, and what waits", state)
	}
	if r.graph.Len() != 2 {
		t.Errorf("%d edges in the map, want both", r.graph.Len())
	}

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	until(t, "the store works again", func() bool { s := r.State(); return s.Problem == "" && s.Waiting == 0 })
	stop()
	if diff := diffEdges(contents(t, r.store), r.view()); diff != "" {
		t.Errorf("the store has (-got +want):\n%s", diff)
	}
	reports, err := r.store.Reports(t.Context(), time.Now().Add(-time.Hour))
	if err != nil || len(reports) != 1 || reports[0].Seq != 3 {
		t.Errorf("reports %v, error %v; want batch 3", reports, err)
	}
}

func TestALostDatabaseIsReportedAndNothingIsLost(t *testing.T) {
	server := postgres.Start(t)
	r := newReplica(t, server.NewDatabase(t))
	stop := r.run(t)
	wait(t, r.take(t, "n1", 1, recently("a", "b", time.Hour)))
	stop()

	taken := r.take(t, "n1", 2, recently("a", "c", time.Hour)) // in the map when the database goes
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	stop = r.run(t)
	until(t, "the loss is noticed", func() bool { return r.State().Problem != "" })
	if _, err := r.Begin(); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "postgres") {
		t.Errorf("a batch is refused with %v, want the store and why", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := taken.Wait(short); err == nil {
		t.Error("a batch is acknowledged that is not stored")
	}
	if contact := r.State().Contact; r.graph.Len() != 2 || time.Since(contact) > time.Minute {
		t.Errorf("%d edges in the map, which is as of %s", r.graph.Len(), contact)
	}

	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	if wait(t, taken) {
		t.Error("the batch that waited is a duplicate")
	}
	until(t, "the database works again", func() bool { return r.State().Problem == "" })
	wait(t, r.take(t, "n1", 3, recently("a", "b", time.Minute)))
	stop()
	if diff := diffEdges(contents(t, r.store), r.view()); diff != "" {
		t.Errorf("the store has (-got +want):\n%s", diff)
	}
}

func TestADatabaseThatIsNotThereAtTheStartIsWaitedFor(t *testing.T) {
	server := postgres.Start(t)
	url := server.NewDatabase(t)
	first := newReplica(t, url)
	stop := first.run(t)
	wait(t, first.take(t, "n1", 1, recently("a", "b", time.Hour)))
	stop()
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	second := newReplica(t, url)
	if _, err := second.Begin(); !errors.Is(err, ErrUnavailable) {
		t.Errorf("without its store a batch is refused with %v", err)
	}
	second.run(t)
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	until(t, "the map is loaded", func() bool { return second.graph.Len() == 1 && second.State().Problem == "" })
	if !wait(t, second.take(t, "n1", 1, recently("a", "b", time.Hour))) {
		t.Error("a batch that was stored before is no duplicate")
	}
}
