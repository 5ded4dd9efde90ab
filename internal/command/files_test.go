package command

import (
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	return string(text)
}

func TestWriteFilesWritesAllOrNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "a", "old")
	err := writeFiles(t.Context(), map[string][]byte{"a": []byte("new"), "b": []byte("new"), "missing/c": []byte("new")})
	if err == nil || err.Error() != "writing missing/c: no such file or directory" {
		t.Errorf("error %v", err)
	}
	if there := folder(t, "."); there != "a\n" || read(t, "a") != "old" {
		t.Errorf("after a failure there is %q, and a holds %q", there, read(t, "a"))
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := writeFiles(stopped, map[string][]byte{"a": []byte("new")}); err == nil || read(t, "a") != "old" || folder(t, ".") != "a\n" {
		t.Errorf("after an interrupt: error %v, a holds %q, there is %q", err, read(t, "a"), folder(t, "."))
	}
	must(t, writeFiles(t.Context(), map[string][]byte{"a": []byte("new"), "b": []byte("b")}))
	if read(t, "a") != "new" || read(t, "b") != "b" || folder(t, ".") != "a\nb\n" {
		t.Errorf("a holds %q, b holds %q, there is %q", read(t, "a"), read(t, "b"), folder(t, "."))
	}
}

func TestWriteFilesKeepsModesAndLinks(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "target", "old")
	must(t, os.Chmod("target", 0o646))
	must(t, os.Symlink("target", "link"))
	must(t, writeFiles(t.Context(), map[string][]byte{"link": []byte("new"), "fresh": []byte("new")}))
	there, err := os.Lstat("link")
	must(t, err)
	if there.Mode()&fs.ModeSymlink == 0 || read(t, "target") != "new" {
		t.Errorf("the link has mode %s, and its target holds %q", there.Mode(), read(t, "target"))
	}
	for path, want := range map[string]fs.FileMode{"target": 0o646, "fresh": 0o644} {
		there, err := os.Stat(path)
		must(t, err)
		if got := there.Mode().Perm(); got != want && path == "target" || got&0o400 == 0 {
			t.Errorf("%s has mode %s, want %s", path, got, want)
		}
	}
}

func TestWriteFilesWritesIntoAPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(path, 0o600))
	got := make(chan string)
	go func() {
		pipe, err := os.Open(path)
		if err != nil {
			got <- err.Error()
			return
		}
		defer pipe.Close()
		text, _ := io.ReadAll(pipe)
		got <- string(text)
	}()
	must(t, writeFiles(t.Context(), map[string][]byte{path: []byte("through")}))
	if text := <-got; text != "through" {
		t.Errorf("the pipe held %q", text)
	}
}

func TestALinkThatLeadsNowhereIsNotWritten(t *testing.T) {
	t.Chdir(t.TempDir())
	must(t, os.Symlink("loop", "loop"))
	if err := writeFiles(t.Context(), map[string][]byte{"loop": nil}); err == nil || !strings.HasPrefix(err.Error(), "writing loop: ") {
		t.Errorf("error %v", err)
	}
}
