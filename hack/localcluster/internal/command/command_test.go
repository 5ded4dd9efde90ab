package command_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/hack/localcluster/internal/command"
)

func TestMistakesSayWhatIsWrong(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"an unknown command":            {[]string{"start"}, `unknown command "start"`},
		"an unknown flag":               {[]string{"up", "--nodes", "2"}, "unknown flag: --nodes"},
		"a cluster that does not exist": {[]string{"kubeconfig", "--name", "no-such-cluster"}, "localcluster up --name no-such-cluster"},
		"exec without a command":        {[]string{"exec"}, "requires at least 1 arg"},
		"load without an archive":       {[]string{"load"}, "accepts 1 arg"},
		"image without a program":       {[]string{"image", "--tag", "a"}, "--binary"},
		"image with a broken file":      {[]string{"image", "--tag", "a", "--output", "x", "--binary", "command_test.go", "--file", "here"}, "want TARGET=SOURCE"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, progress bytes.Buffer
			if code := command.Run(t.Context(), tc.args, &out, &progress); code != 1 {
				t.Errorf("exit code = %d, want 1", code)
			}
			if got := progress.String(); !strings.Contains(got, tc.want) || !strings.HasPrefix(got, "localcluster: ") {
				t.Errorf("message = %q, want %q in it", got, tc.want)
			}
		})
	}
}

func TestImageIsReproducible(t *testing.T) {
	folder := t.TempDir()
	var archives [2][]byte
	for i := range archives {
		output := filepath.Join(folder, "image.tar")
		var out, progress bytes.Buffer
		code := command.Run(t.Context(), []string{
			"image", "--binary", "command_test.go", "--entrypoint", "/app", "--tag", "localhost/app:1", "--user", "65532",
			"--label", "a=b", "--file", "/etc/passwd=command.go", "--output", output,
		}, &out, &progress)
		if code != 0 {
			t.Fatalf("exit code %d: %s", code, progress.String())
		}
		text, err := os.ReadFile(output)
		if err != nil {
			t.Fatal(err)
		}
		archives[i] = text
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Error("two archives of the same input differ")
	}
}
