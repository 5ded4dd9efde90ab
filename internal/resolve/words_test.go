package resolve

import (
	"os"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/internal/traffic"
)

func TestEveryReasonHasAMeaning(t *testing.T) {
	seen := make(map[string]Reason)
	for _, r := range Reasons() {
		meaning := r.Meaning()
		if meaning == "" || seen[meaning] != "" {
			t.Errorf("%s means %q, and so does %q", r, meaning, seen[meaning])
		}
		seen[meaning] = r
	}
	if len(meanings()) != len(Reasons()) || Resolved.Meaning() != "" {
		t.Error("something that is no refusal has a meaning")
	}
}

func TestSightingsInWords(t *testing.T) {
	for line, want := range map[string]string{
		"syn +0s 10.0.0.9 -> 10.96.0.7:80":                              "10.0.0.9 -> 10.96.0.7 port 80/TCP",
		"flow +0s fd00::9 -> [fd00::7]:53/UDP":                          "fd00::9 -> fd00::7 port 53/UDP",
		"syn +0s 10.0.0.9 pod web-0 -> 10.96.0.7:80 nat 10.0.0.7:8080":  "10.0.0.9 pod web-0 -> 10.96.0.7 port 80/TCP translated to 10.0.0.7:8080",
		"socket +0s 10.0.0.9 uid u1 -> 10.96.0.7:80 workload shop//pay": "10.0.0.9 UID u1 -> 10.96.0.7 port 80/TCP shop//pay",
		"dns +0s 10.0.0.9 -> www.example.com = 203.0.113.7":             "10.0.0.9 asked for www.example.com = 203.0.113.7",
		"dns +0s 10.0.0.9 -> www.example.com":                           "10.0.0.9 asked for www.example.com",
	} {
		if got := Describe(sightingOf(t, line)); got != want {
			t.Errorf("%s is described as %q, want %q", line, got, want)
		}
	}
	if got := Describe(traffic.Sighting{}); got != " -> " {
		t.Errorf("nothing is described as %q", got)
	}
}

func TestEachCountHasItsNewestExample(t *testing.T) {
	l := NewLedger()
	l.Refuse(Refusal{Sighting: sightingOf(t, "dns +0s 10.0.0.1 -> rare.example"), Reason: NoHolder})
	for range ExamplesPerReason + 1 {
		l.Refuse(Refusal{Sighting: sightingOf(t, "syn +0s 10.0.0.2 -> 10.0.0.3:80"), Reason: NoHolder})
	}
	for _, c := range l.Counts() {
		want := "10.0.0.2 -> 10.0.0.3 port 80/TCP"
		if c.Source == traffic.DNS {
			want = "10.0.0.1 asked for rare.example"
		}
		if got := Describe(c.Newest); got != want {
			t.Errorf("the newest example of %s is %q, want %q", c.Source, got, want)
		}
	}
}

// TestTheManualListsEveryReason holds the table of docs/resolution.md against the code.
func TestTheManualListsEveryReason(t *testing.T) {
	manual, err := os.ReadFile("../../docs/resolution.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range Reasons() {
		row := "| `" + string(r) + "` | " + r.Meaning() + " | |\n"
		if r.Waits() {
			row = "| `" + string(r) + "` | " + r.Meaning() + " | ⏱ |\n"
		}
		if !strings.Contains(string(manual), row) {
			t.Errorf("docs/resolution.md has no row %q", row)
		}
	}
}
