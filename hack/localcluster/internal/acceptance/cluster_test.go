//go:build cluster

package acceptance

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// promise is the longest time that `up` may take.
const promise = 60 * time.Second

func TestUpDownLeavesNothing(t *testing.T) {
	c := newCluster(t, "lc-test")
	c.do(t, "down") // of an earlier run that was killed
	before := look(t, c.name)

	if took := c.up(t); took > promise {
		t.Errorf("up took %s, promised are %s", took, promise)
	}
	loadProbe(t, c)
	t.Run("a second up changes nothing", func(t *testing.T) { secondUp(t, c) })
	t.Run("a file that is no archive is named", func(t *testing.T) {
		if out, err := c.command("load", "/etc/passwd").CombinedOutput(); err == nil || !strings.Contains(string(out), "loading /etc/passwd") {
			t.Errorf("load /etc/passwd: %v: %s", err, out)
		}
	})
	t.Run("logs, exec and port-forward work with verification", func(t *testing.T) { reachPods(t, c) })
	t.Run("an ordinary cluster's objects work", func(t *testing.T) { ordinary(t, c) })
	t.Run("policies are enforced", func(t *testing.T) { policies(t, c) })
	t.Run("up repairs killed components and keeps objects", func(t *testing.T) { killComponents(t, c) })
	if during := look(t, c.name); len(during["processes"]) == 0 || len(during["control groups"]) == 0 {
		t.Errorf("the test does not see the cluster's processes and control groups: %v", during)
	}

	began := time.Now()
	c.do(t, "down")
	t.Logf("down in %.1f s", time.Since(began).Seconds())
	compare(t, before, look(t, c.name))
	c.do(t, "down")
}

func TestUpAfterKilledUp(t *testing.T) {
	c := newCluster(t, "lc-killed")
	c.do(t, "down")
	before := look(t, c.name)
	for _, step := range []string{"clearing", "creating", "making", "starting", "waiting for the API", "applying", "waiting for the node"} {
		t.Run("killed while "+step, func(t *testing.T) {
			killUpAt(t, c, step)
			c.up(t)
			c.do(t, "status")
			c.do(t, "down")
			compare(t, before, look(t, c.name))
		})
		t.Run("killed while "+step+", then down", func(t *testing.T) {
			killUpAt(t, c, step)
			c.do(t, "down")
			compare(t, before, look(t, c.name))
		})
	}
}

func TestTwoClustersSideBySide(t *testing.T) {
	first, second := newCluster(t, "lc-first"), newCluster(t, "lc-second")
	first.do(t, "down")
	second.do(t, "down")
	before := look(t, first.name, second.name)
	first.up(t)
	second.up(t, "--cidr", "10.111.0.0/16")
	for _, c := range []cluster{first, second} {
		loadProbe(t, c)
		c.kubectl(t, "run", "server", "--image", probeImage, "--image-pull-policy", "Never", "--", "serve", ":8080")
		c.kubectl(t, "wait", "pod/server", "--for", "condition=Ready", "--timeout", "60s")
	}
	refused, err := newClusterCommand("lc-third", "up", "--cidr", "10.111.128.0/20").CombinedOutput()
	if err == nil || !strings.Contains(string(refused), "already uses 10.111") {
		t.Errorf("up in a range that is taken: %v, %s", err, refused)
	}
	first.do(t, "down")
	second.do(t, "status")
	if got := second.kubectl(t, "logs", "server"); !strings.Contains(got, "server serves :8080") {
		t.Errorf("log of the pod of the other cluster = %q", got)
	}
	second.do(t, "down")
	compare(t, before, look(t, first.name, second.name))
}

// newClusterCommand prepares a command about a cluster that the test does not keep.
func newClusterCommand(name string, args ...string) *exec.Cmd {
	return cluster{name: name}.command(args...)
}

const probeImage = "localhost/localcluster/probe:test"

// loadProbe builds the test workload and gives its image to the node.
func loadProbe(t *testing.T, c cluster) {
	t.Helper()
	folder := t.TempDir()
	build := exec.Command("go", "build", "-buildvcs=false", "-o", folder, "../../cmd/probe")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	run(t, build, "")
	archive := filepath.Join(folder, "probe.tar")
	c.do(t, "image", "--binary", filepath.Join(folder, "probe"), "--tag", probeImage, "--output", archive)
	if got, want := strings.TrimSpace(c.do(t, "load", archive)), probeImage; got != want {
		t.Errorf("load = %q, want %q", got, want)
	}
}

// secondUp checks that up on a cluster that works is quick and leaves it as it is.
func secondUp(t *testing.T, c cluster) {
	state := func() []string {
		objects := c.kubectl(t, "get", "-A", "deployments,services,configmaps,clusterroles,clusterrolebindings",
			"-o", `jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.generation} {.metadata.managedFields[?(@.manager=="localcluster")].time}{"\n"}{end}`)
		return append(strings.Split(objects, "\n"), fmt.Sprint(c.components(t)), c.do(t, "kubeconfig"))
	}
	before := state()
	if took := c.up(t); took > promise/6 {
		t.Errorf("a second up took %s", took)
	}
	if diff := cmp.Diff(state(), before); diff != "" {
		t.Errorf("after the second up (-got +before):\n%s", diff)
	}
	out, err := c.command("up").CombinedOutput()
	said := slices.DeleteFunc(strings.Split(strings.TrimSpace(string(out)), "\n"), func(line string) bool {
		return strings.HasSuffix(line, "waiting for another localcluster command") // of somebody else on this machine
	})
	if want := c.name + ": is up"; err != nil || len(said) != 2 || said[0] != want {
		t.Errorf("up says %q, %v; want %q and the summary, since it does nothing else", said, err, want)
	}
}

// reachPods checks the three ways to a pod that go through the API server and the kubelet.
func reachPods(t *testing.T, c cluster) {
	c.kubectl(t, "run", "server", "--image", probeImage, "--image-pull-policy", "Never", "--", "serve", ":8080")
	c.kubectl(t, "wait", "pod/server", "--for", "condition=Ready", "--timeout", "60s")
	if got, want := c.kubectl(t, "logs", "server"), "server serves :8080\n"; got != want {
		t.Errorf("logs = %q, want %q", got, want)
	}
	if got := c.kubectl(t, "exec", "server", "--", "/probe", "call", "http://127.0.0.1:8080"); !strings.HasPrefix(got, "server answers 127.0.0.1") {
		t.Errorf("exec = %q", got)
	}
	forward := c.kubectlCommand("port-forward", "pod/server", ":8080")
	out, err := forward.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := forward.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = forward.Process.Kill()
		_ = forward.Wait()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address, _, _ := strings.Cut(strings.TrimPrefix(line, "Forwarding from "), " ")
	if got := get(t, "http://"+address); !strings.HasPrefix(got, "server answers") {
		t.Errorf("port-forward = %q", got)
	}
	ip := c.kubectl(t, "get", "pod", "server", "-o", "jsonpath={.status.podIP}")
	if got := get(t, "http://"+ip+":8080"); !strings.HasPrefix(got, "server answers") {
		t.Errorf("from the host = %q", got)
	}
	if got := c.do(t, "exec", "--", filepath.Join(*programs, "envtest", "kubectl"), "get", "nodes", "-o", "name"); got != "node/"+c.name+"-node\n" {
		t.Errorf("exec in the cluster's network = %q", got)
	}
}

// killComponents ends every component in turn, then all at once.
func killComponents(t *testing.T, c cluster) {
	c.kubectl(t, "create", "configmap", "kept", "--from-literal", "key=value")
	coredns := func() string {
		return c.kubectl(t, "get", "pods", "-n", "kube-system", "-o", "jsonpath={.items[*].metadata.uid}")
	}
	before := coredns()
	for name, pid := range c.components(t) {
		kill(t, pid)
		c.up(t)
		if now := c.components(t)[name]; now == pid {
			t.Errorf("%s was not started again", name)
		}
		c.do(t, "status")
	}
	for _, pid := range c.components(t) {
		kill(t, pid)
	}
	c.up(t)
	if got := c.kubectl(t, "get", "configmap", "kept", "-o", "jsonpath={.data.key}"); got != "value" {
		t.Errorf("the object made before = %q", got)
	}
	if diff := cmp.Diff(coredns(), before); diff != "" {
		t.Errorf("pods were replaced (-got +before):\n%s", diff)
	}
}

// killUpAt starts up and kills it when it says that it begins a step.
func killUpAt(t *testing.T, c cluster, step string) {
	t.Helper()
	up := c.command("up")
	progress, err := up.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(progress)
	for said.Scan() {
		if strings.Contains(said.Text(), ": "+step) {
			break
		}
	}
	_ = up.Process.Kill()
	_, _ = io.Copy(io.Discard, progress)
	if err := up.Wait(); err == nil {
		t.Fatalf("up was not killed at %q", step)
	}
}

// get reads a URL from the host.
func get(t *testing.T, url string) string {
	t.Helper()
	answer, err := (&http.Client{Timeout: 5 * time.Second}).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
