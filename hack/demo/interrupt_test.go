package main

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain lets a test run the demo as a process of its own: signals and exit codes are those of a process.
func TestMain(m *testing.M) {
	if os.Getenv("DEMO_AS_A_PROCESS") != "" {
		main()
	}
	m.Run()
}

// waitsForEver is a kubectl whose cluster never answers. It tells on its file 3, which it inherits, that it was asked.
const waitsForEver = "#!/bin/sh\n[ \"$1\" = config ] && { echo far-away; exit; }\necho asked >&3\nexec sleep 600\n"

func TestCtrlCSaysWhatIsLeftAndHowToRemoveIt(t *testing.T) {
	for name, tc := range map[string]struct {
		marker string // of an earlier demo
		want   []string
	}{
		"before anything is made": {"", []string{`interrupted at step 1 of 11, "Choosing a cluster"`, "Nothing was made yet."}},
		"on top of what an earlier demo made": {
			`{"context": "far-away", "cluster": "uid"}`,
			[]string{`interrupted at step 1 of 11, "Choosing a cluster"`, `stays (context "far-away", cluster uid)`, `"make demo-down"`, `"make demo"`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			write(t, filepath.Join(folder, "kubectl"), waitsForEver)
			if tc.marker != "" {
				write(t, filepath.Join(folder, "bin/demo/cluster.json"), tc.marker)
			}
			asked, answer, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			var said strings.Builder
			program := exec.CommandContext(t.Context(), "/proc/self/exe")
			program.Dir, program.Stderr, program.ExtraFiles = folder, &said, []*os.File{answer}
			program.Env = append(os.Environ(), "DEMO_AS_A_PROCESS=yes", "CLUSTER=current", "PATH="+folder+":"+os.Getenv("PATH"))
			if err := program.Start(); err != nil {
				t.Fatal(err)
			}
			answer.Close()
			if _, err := bufio.NewReader(asked).ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			if err := program.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			err = program.Wait()
			if exit, ended := errors.AsType[*exec.ExitError](err); !ended || exit.ExitCode() != 130 {
				t.Errorf("it ended with %v, want exit status 130", err)
			}
			for _, want := range tc.want {
				if !strings.Contains(said.String(), want) {
					t.Errorf("it says %q, want %q in it", said.String(), want)
				}
			}
		})
	}
}

func TestRemainsNamesWhatWasMade(t *testing.T) {
	d := &demo{folder: t.TempDir(), state: t.TempDir(), owner: "here:/a", left: []string{"a cluster", "a process"}}
	write(t, d.recordFile(), `{"of": "here:/a"}`)
	if got, want := d.remains(), "What was made until here stays (the local cluster \"portolan-demo\"): a cluster, a process.\n"; !strings.HasPrefix(got, want) {
		t.Errorf("remains() = %q, want %q first", got, want)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}
