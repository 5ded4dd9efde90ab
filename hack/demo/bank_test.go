package main

import (
	"os/exec"
	"testing"
)

func TestStartOf(t *testing.T) {
	const rest = " 1 1 0 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 1 2 3"
	for name, tc := range map[string]struct{ stat, want string }{
		"an ordinary process":                {"7 (shop) S" + rest, "123456"},
		"a name with parentheses and spaces": {"7 (a) b (c)) R" + rest, "123456"},
		"a process that has ended":           {"7 (shop) Z" + rest, ""},
		"a text that is cut off":             {"7 (shop) S 1 1 0", ""},
		"no text":                            {"", ""},
	} {
		if got, err := startOf(tc.stat); got != tc.want || (err == nil) != (tc.want != "") {
			t.Errorf("%s: startOf = %q, %v, want %q", name, got, err, tc.want)
		}
	}
}

// FuzzStartOf checks that no text panics and that errors come with nothing else. It does not check the value itself.
func FuzzStartOf(f *testing.F) {
	f.Add("7 (shop) S 1 1 0 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 1 2 3")
	f.Add("7 (a) b (c)) R 1")
	f.Add(")")
	f.Fuzz(func(t *testing.T, stat string) {
		if start, err := startOf(stat); (err == nil) != (start != "") {
			t.Errorf("startOf(%q) = %q with %v", stat, start, err)
		}
	})
}

func TestEndEndsExactlyThatProcess(t *testing.T) {
	sleeper := exec.CommandContext(t.Context(), "sleep", "600")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = sleeper.Wait() // that it was ended is the point
		close(ended)
	}()
	p, err := identify(sleeper.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]process{
		"a later process of the same number": {p.PID, p.Start + "0", p.Boot},
		"a process of an earlier boot":       {p.PID, p.Start, "another"},
		"nothing":                            {},
	} {
		if err := other.end(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if now, err := identify(p.PID); err != nil || now != p {
			t.Fatalf("%s: the process is now %v, %v, want it untouched", name, now, err)
		}
	}
	if err := p.end(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-ended
	if err := p.end(t.Context()); err != nil {
		t.Errorf("a process that has ended: %v", err)
	}
}
