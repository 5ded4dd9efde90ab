package node

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// isolated is the environment variable with the name of the test that runs in namespaces of its own.
const isolated = "PORTOLAN_NETNS"

// Isolated runs body in fresh user, process, network and mount namespaces, where it is root, sees no process
// but its own, and no packet leaves. It does so in a process of its own, which runs the calling test again.
func Isolated(t *testing.T, body func(*testing.T)) {
	t.Helper()
	if os.Getenv(isolated) == t.Name() {
		Check(t, syscall.Mount("proc", "/proc", "proc", 0, "")) // that of the new process namespace
		body(t)
		return
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), isolated+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if cmd.Process == nil {
		t.Fatalf("this test needs user, process and network namespaces: %v", err)
	}
	if t.Logf("%s", out); err != nil {
		t.Fatal(err)
	}
}
