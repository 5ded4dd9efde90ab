package stage

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseCalls(t *testing.T) {
	log := "[pod/a/shop] call http://b:80/ ok\n" +
		"[pod/a/shop] call tcp://c:1 refused: dial tcp 10.0.0.1:1: connect: connection refused\n" +
		"[pod/a/shop] call http://b:80/ failed: lookup b: no such host\n" +
		"[pod/a/shop] call http://b:80/ odd\n" +
		"[pod/a/shop] panic: something else\nnothing of ours\n"
	want := []Call{
		{"pod/a/shop", "http://b:80/", OK, ""},
		{"pod/a/shop", "tcp://c:1", Refused, "dial tcp 10.0.0.1:1: connect: connection refused"},
		{"pod/a/shop", "http://b:80/", Failed, "lookup b: no such host"},
		{"pod/a/shop", "http://b:80/", Failed, ""},
	}
	if diff := cmp.Diff(parseCalls(log), want); diff != "" {
		t.Errorf("calls (-got +want):\n%s", diff)
	}
}

func TestLatest(t *testing.T) {
	calls := []Call{{"p", "a", Refused, ""}, {"p", "b", OK, ""}, {"q", "a", Refused, ""}, {"p", "a", OK, ""}}
	if diff := cmp.Diff(latest(calls), calls[1:]); diff != "" {
		t.Errorf("latest (-got +want):\n%s", diff)
	}
}

func TestTally(t *testing.T) {
	calls := []Call{{Target: "a", Outcome: OK}, {Target: "b", Outcome: Refused}, {Target: "a", Outcome: OK}}
	if diff := cmp.Diff(tally(calls, OK), map[string]int{"a": 2, "b": 0}); diff != "" {
		t.Errorf("tally (-got +want):\n%s", diff)
	}
	for name, tc := range map[string]struct {
		targets, count int
		want           string
	}{
		"a target that was not called is missing": {3, 1, "calls to 2 of 3 targets seen"},
		"a target called too seldom is missing":   {2, 1, "0 of 1 calls to b seen"},
		"nothing is missing":                      {2, 0, ""},
	} {
		if got := tooFew(tally(calls, OK), tc.targets, tc.count); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func TestLapse(t *testing.T) {
	call := func(pod string, o Outcome) Call { return Call{Pod: pod, Target: "t", Outcome: o} }
	newPod := func(refusals int) []Call {
		var calls []Call
		for range refusals {
			calls = append(calls, call("a", Refused))
		}
		return append(calls, call("a", OK))
	}
	for name, tc := range map[string]struct {
		calls []Call
		want  bool
	}{
		"good calls are no lapse":                            {newPod(0), false},
		"a new pod may be refused for a while":               {newPod(settling), false},
		"but not for long":                                   {newPod(settling + 1), true},
		"a refusal after a good call is a lapse":             {[]Call{call("a", OK), call("a", Refused)}, true},
		"a good call excuses no other pod from settling":     {[]Call{call("a", OK), call("b", Refused), call("b", OK)}, false},
		"a call that failed is a lapse, however new the pod": {[]Call{call("a", Failed), call("a", OK)}, true},
	} {
		if _, got := lapse(tc.calls); got != tc.want {
			t.Errorf("%s: lapse = %t, want %t", name, got, tc.want)
		}
	}
}
