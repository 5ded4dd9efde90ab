//go:build cluster

package acceptance

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// programs is the folder that `make localcluster` fills.
var programs = flag.String("programs", "", "absolute path of the folder with the built programs")

// cluster is one cluster of a test, by name.
type cluster struct {
	name       string
	kubeconfig string // file
}

// newCluster returns a name for a cluster that the test removes in the end. It starts nothing.
func newCluster(t *testing.T, name string) cluster {
	t.Helper()
	if *programs == "" {
		t.Fatal("say where the programs are: -programs /path/to/bin/localcluster; `make localcluster-test` does")
	}
	c := cluster{name: name, kubeconfig: filepath.Join(t.TempDir(), name+".kubeconfig")}
	t.Cleanup(func() {
		if out, err := c.command("down").CombinedOutput(); err != nil {
			t.Errorf("down: %v\n%s", err, out)
		}
	})
	return c
}

// command prepares a subcommand of localcluster.
func (c cluster) command(args ...string) *exec.Cmd {
	return exec.Command(filepath.Join(*programs, "localcluster"), append([]string{"--name", c.name}, args...)...)
}

// do runs a subcommand of localcluster and returns what it prints.
func (c cluster) do(t *testing.T, args ...string) string {
	t.Helper()
	return run(t, c.command(args...), "")
}

// up brings the cluster up, writes its kubeconfig, and returns the time it took.
func (c cluster) up(t *testing.T, args ...string) time.Duration {
	t.Helper()
	began := time.Now()
	c.do(t, append([]string{"up"}, args...)...)
	took := time.Since(began)
	if err := os.WriteFile(c.kubeconfig, []byte(c.do(t, "kubeconfig")), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: up in %.1f s", c.name, took.Seconds())
	return took
}

// kubectl runs kubectl on the host and returns what it prints.
func (c cluster) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	return run(t, c.kubectlCommand(args...), "")
}

// kubectlCommand prepares kubectl.
func (c cluster) kubectlCommand(args ...string) *exec.Cmd {
	return exec.Command(filepath.Join(*programs, "envtest", "kubectl"), append([]string{"--kubeconfig", c.kubeconfig}, args...)...)
}

// kubectlRefused runs kubectl, which has to fail, and returns its message.
func (c cluster) kubectlRefused(t *testing.T, args ...string) string {
	t.Helper()
	out, err := c.kubectlCommand(args...).CombinedOutput()
	if err == nil {
		t.Fatalf("kubectl %s succeeded:\n%s", strings.Join(args, " "), out)
	}
	return string(out)
}

// call asks a URL from a pod, once.
func (c cluster) call(namespace, pod, url string) error {
	out, err := c.kubectlCommand("exec", "-n", namespace, pod, "--", "/probe", "call", url).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s calls %s: %w: %s", pod, url, err, out)
	}
	return nil
}

// components returns the process of each component.
func (c cluster) components(t *testing.T) map[string]int {
	t.Helper()
	records, err := filepath.Glob("/var/lib/portolan-localcluster/" + c.name + "/processes/*.json")
	if err != nil || len(records) == 0 {
		t.Fatalf("no records of components: %v", err)
	}
	found := map[string]int{}
	for _, path := range records {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var record struct{ PID int }
		if err := json.Unmarshal(text, &record); err != nil {
			t.Fatal(err)
		}
		found[strings.TrimSuffix(filepath.Base(path), ".json")] = record.PID
	}
	return found
}

// run runs a command with a standard input and returns its standard output.
func run(t *testing.T, cmd *exec.Cmd, input string) string {
	t.Helper()
	var out, complaints bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &complaints
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(cmd.Args, " "), err, out.String(), complaints.String())
	}
	return out.String()
}

// eventually repeats attempt until it succeeds, and returns how long that took.
func eventually(t *testing.T, patience time.Duration, attempt func() error) time.Duration {
	t.Helper()
	began := time.Now()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		err := attempt()
		if err == nil {
			return time.Since(began)
		}
		if time.Since(began) > patience {
			t.Fatalf("still not after %s: %v", patience, err)
		}
	}
}

// kill ends a process at once, as a fault would.
func kill(t *testing.T, pid int) {
	t.Helper()
	process, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatalf("killing process %d: %v", pid, err)
	}
	eventually(t, 10*time.Second, func() error {
		status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
		if err == nil && !strings.Contains(string(status), "State:\tZ") {
			return fmt.Errorf("process %d is still there", pid)
		}
		return nil
	})
}
