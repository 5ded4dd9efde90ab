package stage

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestJudge(t *testing.T) {
	truth, err := ParseTruth("# a comment\n\na -> b 80/TCP dns syn\na -> c 53/UDP flow\na -> d 80/TCP socket\na -> site.example 443/TCP dns\n")
	if err != nil {
		t.Fatal(err)
	}
	got := Judge([]Mapped{
		{Edge{"a", "b", "80/TCP"}, []string{"syn", "dns"}},
		{Edge{"a", "d", "80/TCP"}, []string{"syn"}},
		{Edge{"a", "site.example", ""}, []string{"dns"}}, // its connection is not known yet
		{Edge{"a", "e", "80/TCP"}, []string{"syn"}},
	}, truth)
	const want = `precision 0.750 (3 of 4), recall 0.500 (2 of 4)
recall of dns 0.500 (1 of 2)
recall of flow 0.000 (0 of 1)
recall of socket 0.000 (0 of 1)
recall of syn 1.000 (1 of 1)
missing: a -> c 53/UDP
missing: a -> site.example 443/TCP
not true: a -> e 80/TCP
not seen: a -> c 53/UDP by flow
not seen: a -> d 80/TCP by socket
not seen: a -> site.example 443/TCP by dns
`
	if diff := cmp.Diff(got.String(), want); diff != "" || got.Perfect() {
		t.Errorf("score (-got +want):\n%s", diff)
	}
	for _, wrong := range []string{"a -> b", "a b 80/TCP dns", "a -> b 80 dns"} {
		if _, err := ParseTruth(wrong); err == nil {
			t.Errorf("line %q is taken for an edge", wrong)
		}
	}
}

func TestTheTruthOfTheConversationsReads(t *testing.T) {
	text, err := os.ReadFile("../../e2e/testdata/talk/truth.txt")
	if err != nil {
		t.Fatal(err)
	}
	truth, err := ParseTruth(string(text))
	if err != nil || len(truth) < 30 {
		t.Fatalf("%d edges, %v", len(truth), err)
	}
	for _, known := range truth {
		if len(known.Sources) == 0 {
			t.Errorf("%s: no source is named", known)
		}
	}
	if s := Judge(nil, truth); s.Perfect() || len(s.Missing) != len(truth) {
		t.Errorf("an empty map is judged\n%s", s)
	}
}
