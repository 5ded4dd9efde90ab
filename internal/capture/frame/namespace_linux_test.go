package frame

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// InNamespaces runs body in fresh user and network namespaces, where it is root and no packet leaves.
func InNamespaces(t *testing.T, body func(*testing.T)) {
	t.Helper()
	if os.Getenv("PORTOLAN_NETNS") == t.Name() {
		body(t)
		return
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "PORTOLAN_NETNS="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if cmd.Process == nil {
		t.Fatalf("this test needs user and network namespaces: %v", err)
	}
	if t.Logf("%s", out); err != nil {
		t.Fatal(err)
	}
}
