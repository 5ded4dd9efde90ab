package policy_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/portolan-io/portolan/internal/policy"
)

var update = flag.Bool("update", false, "rewrite the golden files with what comes out")

// TestGolden runs every story of testdata. A file's comment is the sentence that it proves; it has cluster.yaml,
// intents.yaml and, where it matters, settings.yaml, and any of policies.yaml, labels.txt, status.txt and findings.txt as
// what comes out of them. NetworkPolicies in cluster.yaml exist before.
//
// go test -update writes what comes out.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := readStory(t, a)
			o := s.run()
			got := map[string][]byte{
				"policies.yaml": o.policyText(t),
				"labels.txt":    o.labelText(),
				"status.txt":    s.statusText(o),
				"findings.txt":  s.findingText(o),
			}
			if *update {
				rewrite(t, file, a, got)
				return
			}
			for _, name := range outputs(got) {
				if diff := cmp.Diff(string(section(a, name)), string(got[name])); diff != "" {
					t.Errorf("%s: %s (-want +got):\n%s", strings.TrimSpace(string(a.Comment)), name, diff)
				}
			}
		})
	}
}

// outputs returns the names of what comes out, in the order of a file.
func outputs(got map[string][]byte) []string {
	var names []string
	for _, name := range []string{"policies.yaml", "labels.txt", "status.txt", "findings.txt"} {
		if _, present := got[name]; present {
			names = append(names, name)
		}
	}
	return names
}

// rewrite replaces what comes out and keeps the rest of a file. Empty texts are left out.
func rewrite(t *testing.T, file string, a *txtar.Archive, got map[string][]byte) {
	t.Helper()
	kept := &txtar.Archive{Comment: a.Comment}
	for _, f := range a.Files {
		if _, isOutput := got[f.Name]; !isOutput {
			kept.Files = append(kept.Files, f)
		}
	}
	for _, name := range outputs(got) {
		if len(got[name]) > 0 {
			kept.Files = append(kept.Files, txtar.File{Name: name, Data: got[name]})
		}
	}
	if err := os.WriteFile(file, txtar.Format(kept), 0o644); err != nil {
		t.Fatal(err)
	}
}

// policyText returns every NetworkPolicy as YAML, by subject.
func (o outcome) policyText(t *testing.T) []byte {
	t.Helper()
	var texts [][]byte
	for _, p := range o.policies() {
		text, err := yaml.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	return bytes.Join(texts, []byte("---\n"))
}

// labelText returns which pods need the label portolan.dev/workload.
func (o outcome) labelText() []byte {
	var b bytes.Buffer
	for _, subject := range o.subjects() {
		if label := o.desired[subject].PodLabel; label != "" {
			fmt.Fprintf(&b, "pods of %s: %s\n", subject, label)
		}
	}
	return b.Bytes()
}

// statusText returns what every ClientIntents and ProtectedService says about itself.
func (s story) statusText(o outcome) []byte {
	var b bytes.Buffer
	for _, namespace := range s.snap.Namespaces() {
		space, _ := s.snap.Space(namespace)
		for _, intents := range space.Intents() {
			status := policy.Judge(s.snap, s.set, intents, o.written).Status
			fmt.Fprintf(&b, "ClientIntents %s/%s: %s %s\n", namespace, intents.Name, status.Mode, status.TargetsSummary)
			for _, target := range status.Targets {
				fmt.Fprintf(&b, "  %d %s %s: %s %s%s\n", target.Index, target.Type, target.Name, target.State, target.Reason, note(target.Message))
			}
			writeConditions(&b, status.Conditions)
		}
		for _, p := range space.Protected() {
			fmt.Fprintf(&b, "ProtectedService %s/%s\n", namespace, p.Name)
			writeConditions(&b, policy.JudgeProtected(s.snap, s.set, p, o.written).Status.Conditions)
		}
	}
	return b.Bytes()
}

func writeConditions(b *bytes.Buffer, all []metav1.Condition) {
	for _, c := range all {
		fmt.Fprintf(b, "  %s=%s %s%s\n", c.Type, c.Status, c.Reason, note(c.Message))
	}
}

func note(message string) string {
	if message == "" {
		return ""
	}
	return ": " + message
}

// findingText returns what people hear, by the object that they wrote.
func (s story) findingText(o outcome) []byte {
	var b bytes.Buffer
	for _, subject := range o.subjects() {
		writeFindings(&b, o.desired[subject].Findings)
	}
	for _, namespace := range s.snap.Namespaces() {
		space, _ := s.snap.Space(namespace)
		for _, intents := range space.Intents() {
			writeFindings(&b, policy.Judge(s.snap, s.set, intents, o.written).Findings)
		}
		for _, p := range space.Protected() {
			writeFindings(&b, policy.JudgeProtected(s.snap, s.set, p, o.written).Findings)
		}
	}
	return b.Bytes()
}

func writeFindings(b *bytes.Buffer, all []policy.Finding) {
	for _, f := range all {
		fmt.Fprintf(b, "%s on %s %s/%s: %s: %s\n", f.Severity, f.About.Kind, f.About.Namespace, f.About.Name, f.Reason, f.Message)
	}
}
