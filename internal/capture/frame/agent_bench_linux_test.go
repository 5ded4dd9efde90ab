package frame_test

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/portolan-io/portolan/internal/testkit/node"
)

// BenchmarkAgent measures the whole agent, the binary that is shipped, with the environment of its manifest, against the
// budgets "at most 0.02 core and 32 MiB at 1,000 DNS answers/s and 500 SYN/s" and "at most 0.10 core at 20,000 packets/s", and
// that no packet is lost without a count. Packets come over a pair of interfaces into
// a network namespace of its own. The time of an operation has no meaning.
//
// What a process has resident is of two kinds. Anonymous memory is its own. The rest is the ring, and pages of the binary,
// which are clean: the kernel takes them back when it needs them, and Kubernetes does not count them as a working set.
func BenchmarkAgent(b *testing.B) {
	if os.Getenv(stageVariable) != "" {
		playStage(b)
		return
	}
	binary := filepath.Join(b.TempDir(), "portolan")
	build := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "../../..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("building the agent: %v\n%s", err, out)
	}
	for name, load := range map[string]load{
		"idle":                                     {},
		"1,000 answers and 500 SYN a second":       {Answers: 1_000, SYNs: 500, Names: 1_000},
		"10,000 answers a second":                  {Answers: 10_000, Names: 1_000},
		"10,000 answers a second for 20,000 names": {Answers: 10_000, Names: 20_000},
		"13,000 answers and 7,000 SYN a second":    {Answers: 13_000, SYNs: 7_000, Names: 1_000},
		"20,000 answers and 10,000 SYN a second":   {Answers: 20_000, SYNs: 10_000, Names: 1_000},
	} {
		load.Agent = binary
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				runStage(b, load).report(b)
			}
		})
	}
}

// load is what a stage puts on the agent.
type load struct {
	Agent         string // path of the binary
	Answers, SYNs int    // a second
	Names         int    // different ones in the answers
}

// usage is what the agent used.
type usage struct {
	Resident, Anonymous, File uint64  // KiB, when most was resident
	Core                      float64 // processor seconds a second
	Sent, Received            uint64  // packets, by the load and by the agent
	Lost                      uint64  // packets, for any reason
	Uncounted                 int64   // packets that were sent, and neither received nor counted as lost by the kernel
}

func (u usage) report(b *testing.B) {
	b.Helper()
	b.ReportMetric(float64(u.Resident)/1024, "MiB-resident")
	b.ReportMetric(float64(u.Anonymous)/1024, "MiB-anonymous")
	b.ReportMetric(float64(u.File)/1024, "MiB-file")
	b.ReportMetric(u.Core, "core")
	b.ReportMetric(float64(u.Sent)/underLoad.Seconds(), "sent/s")
	b.ReportMetric(float64(u.Lost), "lost")
	b.ReportMetric(float64(u.Uncounted), "uncounted")
}

const (
	stageVariable = "PORTOLAN_STAGE"
	outcomeMark   = "outcome: "
	warmUp        = 6 * time.Second // the agent has sent its first batch
	underLoad     = 20 * time.Second
	lagging       = 2 * time.Second // the agent asks the kernel for its statistics every second
)

// runStage plays the load in fresh namespaces, by this program once more.
func runStage(b *testing.B, l load) (u usage) {
	b.Helper()
	script, err := json.Marshal(l)
	node.Check(b, err)
	cmd := exec.CommandContext(b.Context(), "/proc/self/exe", "-test.run=^$", "-test.bench=^BenchmarkAgent$", "-test.benchtime=1x")
	cmd.Env = append(os.Environ(), stageVariable+"="+string(script))
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	_, rest, _ := bytes.Cut(out, []byte(outcomeMark))
	node.Check(b, json.NewDecoder(bytes.NewReader(rest)).Decode(&u))
	return u
}

// playStage is what happens in the namespaces: an operator that takes everything, the agent, and a pod that talks to its
// node.
func playStage(b *testing.B) {
	var l load
	node.Check(b, json.Unmarshal([]byte(os.Getenv(stageVariable)), &l))
	node.LoopbackUp(b)
	operator := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/proto") // and an empty message
	}))
	defer operator.Close()
	talker := node.NewPod(b, 1)
	agent := startAgent(b, l.Agent, operator)
	<-time.After(warmUp)
	receivedBefore, _, kernelBefore := counted(b)
	before, over, most := processorTime(b, agent), make(chan struct{}), make(chan usage)
	go func() { most <- watch(agent, over) }()
	var sent uint64
	talker.In(func() (err error) {
		sent, err = talk(l, talker.Addr4(), netip.MustParseAddr("10.0.1.1"))
		return err
	})
	close(over)
	u := <-most
	u.Core = (processorTime(b, agent) - before).Seconds() / underLoad.Seconds()
	<-time.After(lagging)
	received, lost, kernel := counted(b)
	u.Sent, u.Received, u.Lost, u.Uncounted = sent, received, lost, int64(sent-(received-receivedBefore)-(kernel-kernelBefore))
	outcome, err := json.Marshal(u)
	node.Check(b, err)
	fmt.Fprintf(os.Stdout, "\n%s%s\n", outcomeMark, outcome)
}

// startAgent starts the agent with the environment of config/agent/daemonset.yaml.
func startAgent(b *testing.B, binary string, operator *httptest.Server) *os.Process {
	b.Helper()
	ca, token := filepath.Join(b.TempDir(), "ca.crt"), filepath.Join(b.TempDir(), "token")
	node.Check(b, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: operator.Certificate().Raw}), 0o600))
	node.Check(b, os.WriteFile(token, []byte("a.b.c"), 0o600))
	agent := exec.CommandContext(b.Context(), binary, "agent", "--operator-url="+operator.URL, "--ca-file="+ca, "--token-file="+token,
		"--node-name=n1", "--proc=/proc", "--metrics-address="+metricsAddress)
	agent.Env = append(os.Environ(), "GOGC=25", "GOMEMLIMIT=128MiB")
	agent.Stderr = os.Stderr
	node.Check(b, agent.Start())
	b.Cleanup(func() {
		_ = agent.Process.Kill()
		_ = agent.Wait()
	})
	return agent.Process
}

// watch looks at the agent until the load is over, and returns the most that it had resident.
func watch(agent *os.Process, over <-chan struct{}) (most usage) {
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-over:
			return most
		case <-look.C:
			if now := resident(agent); now.Resident > most.Resident {
				most = now
			}
		}
	}
}

// resident reads proc_pid_status(5). It is zero when the agent has ended.
func resident(agent *os.Process) (u usage) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", agent.Pid))
	if err != nil {
		return usage{}
	}
	fields := map[string]*uint64{"VmRSS": &u.Resident, "RssAnon": &u.Anonymous, "RssFile": &u.File}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		if field, wanted := fields[name]; wanted {
			_, _ = fmt.Sscan(value, field) // the kernel writes a number there
		}
	}
	return u
}
