//go:build linux

package process

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const rest = " 1 1 0 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 1 2 3"
	for name, tc := range map[string]struct {
		stat  string
		start uint64
		alive bool
		fails bool
	}{
		"an ordinary process":                {"7 (sh) S" + rest, 123456, true, false},
		"a name with parentheses and spaces": {"7 (a) b (c)) R" + rest, 123456, true, false},
		"a zombie":                           {"7 (sh) Z" + rest, 123456, false, false},
		"a dead one":                         {"7 (sh) X" + rest, 123456, false, false},
		"an empty text":                      {"", 0, false, true},
		"a text that is cut off":             {"7 (sh) S 1 1 0", 0, false, true},
		"a start time that is not a number":  {"7 (sh) S 1 1 0 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 soon 1 2 3", 0, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			start, alive, err := parseStat([]byte(tc.stat))
			if start != tc.start || alive != tc.alive || (err != nil) != tc.fails {
				t.Errorf("parseStat = %d, %t, %v, want %d, %t, error %t", start, alive, err, tc.start, tc.alive, tc.fails)
			}
		})
	}
}

// FuzzParseStat checks that no text panics and that errors come with zero values. It does not check the values themselves.
func FuzzParseStat(f *testing.F) {
	f.Add([]byte("7 (sh) S 1 1 0 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 1 2 3"))
	f.Add([]byte("7 (a) b (c)) R 1"))
	f.Add([]byte(")"))
	f.Fuzz(func(t *testing.T, stat []byte) {
		if start, alive, err := parseStat(stat); err != nil && (start != 0 || alive) {
			t.Errorf("parseStat(%q) = %d, %t with %v", stat, start, alive, err)
		}
	})
}

func TestStartRemembersAndKillEndsExactlyThatProcess(t *testing.T) {
	s := sleeper(t)
	running, err := Start(s)
	if err != nil {
		t.Fatal(err)
	}
	record := Load(s.Record)
	if record != running.Record || !record.Alive() {
		t.Fatalf("the record = %+v, alive %t, want %+v, alive", record, record.Alive(), running.Record)
	}
	reused := record
	reused.Start++
	if reused.Alive() {
		t.Error("a process with the same number and another start is taken for the one that was remembered")
	}
	if err := Kill(t.Context(), []int{record.PID}, func(int) bool { return false }); err != nil || !record.Alive() {
		t.Fatalf("Kill of a process that is not mine: %v, alive %t", err, record.Alive())
	}
	if err := Kill(t.Context(), []int{record.PID}, func(int) bool { return true }); err != nil {
		t.Fatal(err)
	}
	<-running.Ended
	if record.Alive() {
		t.Error("the process is alive after Kill")
	}
	if err := Kill(t.Context(), []int{record.PID}, func(int) bool { return true }); err != nil {
		t.Errorf("Kill of a process that is gone: %v", err)
	}
	if err := Await(t.Context(), record); err != nil {
		t.Errorf("Await of a process that is gone: %v", err)
	}
}

func TestAwaitEndsWithTheContext(t *testing.T) {
	running, err := Start(sleeper(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := Await(ctx, running.Record); err != nil || !running.Record.Alive() {
		t.Errorf("Await = %v, alive %t, want nil and alive", err, running.Record.Alive())
	}
	if err := Kill(t.Context(), []int{running.Record.PID}, func(int) bool { return true }); err != nil {
		t.Error(err)
	}
}

func TestLoadOfNoRecordIsNotAlive(t *testing.T) {
	folder := t.TempDir()
	broken := filepath.Join(folder, "broken.json")
	if err := os.WriteFile(broken, []byte(`{"pid": 1`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(folder, "missing.json"), broken} {
		if r := Load(path); r != (Record{}) || r.Alive() {
			t.Errorf("Load(%s) = %+v, alive %t", path, r, r.Alive())
		}
	}
}

// sleeper is a process that waits longer than any test.
func sleeper(t *testing.T) Spec {
	t.Helper()
	folder := t.TempDir()
	return Spec{
		Name: "sleeper", Path: "/bin/sleep", Args: []string{"600"},
		Log: filepath.Join(folder, "log"), Record: filepath.Join(folder, "record.json"),
	}
}
