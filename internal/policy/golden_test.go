package policy_test

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/portolan-io/portolan/internal/policy"
	"github.com/portolan-io/portolan/internal/testkit/golden"
)

// TestGolden runs every story of testdata. A file's comment is the sentence that it proves; it has cluster.yaml,
// intents.yaml and, where it matters, settings.yaml, and any of policies.yaml, labels.txt, status.txt and findings.txt as
// what comes out of them. NetworkPolicies in cluster.yaml exist before.
//
// go test -update writes what comes out.
func TestGolden(t *testing.T) {
	golden.Each(t, "testdata/*.txtar", func(t *testing.T, c golden.Case) {
		s := readStory(t, c)
		o := s.run()
		c.Check(t,
			golden.Part{Name: "policies.yaml", Text: o.policyText(t)},
			golden.Part{Name: "labels.txt", Text: o.labelText()},
			golden.Part{Name: "status.txt", Text: s.statusText(o)},
			golden.Part{Name: "findings.txt", Text: s.findingText(o)})
	})
}

// policyText returns every NetworkPolicy as YAML, by subject.
func (o outcome) policyText(t *testing.T) string {
	t.Helper()
	var texts []string
	for _, p := range o.policies() {
		text, err := yaml.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	return strings.Join(texts, "---\n")
}

// labelText returns which pods need the label portolan.dev/workload.
func (o outcome) labelText() string {
	var b strings.Builder
	for _, subject := range o.subjects() {
		if label := o.desired[subject].PodLabel; label != "" {
			fmt.Fprintf(&b, "pods of %s: %s\n", subject, label)
		}
	}
	return b.String()
}

// statusText returns what every ClientIntents and ProtectedService says about itself.
func (s story) statusText(o outcome) string {
	var b strings.Builder
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
	return b.String()
}

func writeConditions(b *strings.Builder, all []metav1.Condition) {
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
func (s story) findingText(o outcome) string {
	var b strings.Builder
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
	return b.String()
}

func writeFindings(b *strings.Builder, all []policy.Finding) {
	for _, f := range all {
		fmt.Fprintf(b, "%s on %s %s/%s: %s: %s\n", f.Severity, f.About.Kind, f.About.Namespace, f.About.Name, f.Reason, f.Message)
	}
}
