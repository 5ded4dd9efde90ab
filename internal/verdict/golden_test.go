package verdict

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/trim"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

// TestGolden holds the cases of testdata. Each file says in its comment what it shows and has policies.yaml and
// answers.txt; the cluster is testdata/shared/cluster.yaml and, where there is one, cluster.yaml. A line of answers.txt is
//
//	<client> -> <server> <port>/<protocol>: <outcome> <cause> [by <rule> ...]
//
// in which a side is <namespace>/<kind>/<name>, <namespace>/<pod> (one pod), an address, or "outside". Answers are written
// by hand, from the documentation of Kubernetes; no run rewrites them.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			court := courtOf(t, part(archive, "cluster.yaml"), part(archive, "policies.yaml"))
			for line := range strings.Lines(part(archive, "answers.txt")) {
				if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
					checkAnswer(t, court, line)
				}
			}
		})
	}
}

func checkAnswer(t *testing.T, court *Court, line string) {
	t.Helper()
	asked, want, found := strings.Cut(line, ": ")
	if !found {
		t.Fatalf("line %q: want <question>: <answer>", line)
	}
	if got := describe(court.Judge(questionOf(t, asked))); got != want {
		t.Errorf("%s: %s, want %s", asked, got, want)
	}
}

// describe writes a verdict as an answer. The rules are those of the check that decided.
func describe(v Verdict) string {
	text := fmt.Sprintf("%s %s", v.Outcome, v.Cause)
	for _, check := range v.Checks {
		if check.Cause != v.Cause || len(check.By) == 0 {
			continue
		}
		text += " by " + strings.ToLower(string(check.Direction))
		for _, r := range check.By {
			text += " " + r.Namespace + "/" + r.Name
			if r.Index >= 0 {
				text += fmt.Sprintf("[%d]", r.Index)
			}
		}
	}
	return text
}

func questionOf(t *testing.T, text string) Question {
	t.Helper()
	words := strings.Fields(text)
	if len(words) != 4 || words[1] != "->" {
		t.Fatalf("question %q: want <client> -> <server> <port>/<protocol>", text)
	}
	var q Question
	q.Client, q.ClientPod, q.ClientAddr = sideOf(t, words[0])
	q.Server, q.ServerPod, q.ServerAddr = sideOf(t, words[2])
	number, protocol, _ := strings.Cut(words[3], "/")
	port, err := strconv.Atoi(number)
	if err != nil {
		t.Fatalf("question %q: %v", text, err)
	}
	q.Port, q.Protocol = int32(port), traffic.Protocol(protocol)
	return q
}

func sideOf(t *testing.T, text string) (identity.Workload, string, netip.Addr) {
	t.Helper()
	if text == "outside" {
		return identity.Workload{}, "", netip.Addr{}
	}
	if addr, err := netip.ParseAddr(text); err == nil {
		return identity.Workload{}, "", addr
	}
	if who, err := identity.Parse(text); err == nil {
		return who, "", netip.Addr{}
	}
	namespace, pod, found := strings.Cut(text, "/")
	if !found {
		t.Fatalf("side %q is neither a workload, nor a pod, nor an address", text)
	}
	return identity.Workload{Namespace: namespace, Kind: "Pod", Name: pod}, pod, netip.Addr{}
}

func courtOf(t testing.TB, objects, policies string) *Court {
	t.Helper()
	return NewCourt(snapshotOf(t, objects), policiesOf(t, policies))
}

func snapshotOf(t testing.TB, objects string) *cluster.Snapshot {
	t.Helper()
	shared, err := os.ReadFile("testdata/shared/cluster.yaml")
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := trim.FromObjects(decode(t, string(shared)+"\n---\n"+objects))
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

func policiesOf(t testing.TB, text string) []*networkingv1.NetworkPolicy {
	t.Helper()
	var policies []*networkingv1.NetworkPolicy
	for _, object := range decode(t, text) {
		p, isPolicy := object.(*networkingv1.NetworkPolicy)
		if !isPolicy {
			t.Fatalf("%T among the policies", object)
		}
		policies = append(policies, p)
	}
	return policies
}

func decode(t testing.TB, text string) []runtime.Object {
	t.Helper()
	objects, err := trim.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func part(archive *txtar.Archive, name string) string {
	for _, f := range archive.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}
