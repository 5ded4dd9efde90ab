package image_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/portolan-io/portolan/hack/localcluster/internal/image"
)

func TestArchiveHoldsTheImage(t *testing.T) {
	archive := filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(archive, write(t, aSpec()), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := tarball.ImageFromPath(archive, nil)
	if err != nil {
		t.Fatal(err)
	}
	file, err := loaded.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(file.OS, file.Architecture, file.Config.Entrypoint, file.Config.User, file.Config.Labels, file.Config.Env)
	if want := fmt.Sprint("linux", "amd64", []string{"/app", "-v"}, "65532", map[string]string{"a": "b"}, []string{"X=y"}); got != want {
		t.Errorf("configuration = %s, want %s", got, want)
	}
	layers, err := loaded.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers, %v, want 1", len(layers), err)
	}
	content, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"etc/ 755", "etc/ssl/ 755", "tmp/ 1777", "app 755 program", "etc/passwd 644 users", "etc/ssl/ca.pem 600 roots"}
	if diff := cmp.Diff(list(t, content), want); diff != "" {
		t.Errorf("layer (-got +want):\n%s", diff)
	}
}

func TestEqualInputGivesAnEqualImage(t *testing.T) {
	reordered := aSpec()
	reordered.Files[0], reordered.Files[2] = reordered.Files[2], reordered.Files[0]
	if !bytes.Equal(write(t, aSpec()), write(t, reordered)) {
		t.Error("the same files in another order give another archive")
	}
	changed := aSpec()
	changed.Files[0].Content = []byte("other")
	if bytes.Equal(write(t, aSpec()), write(t, changed)) {
		t.Error("another program gives the same archive")
	}
}

func TestBuildRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*image.Spec)
		want   string
	}{
		"a tag with a space":          {func(s *image.Spec) { s.Tag = "my image" }, "tag"},
		"no entrypoint":               {func(s *image.Spec) { s.Entrypoint = nil }, "entrypoint"},
		"no architecture":             {func(s *image.Spec) { s.Architecture = "" }, "architecture"},
		"a relative path":             {func(s *image.Spec) { s.Files[0].Path = "app" }, "absolute path"},
		"a path that leads elsewhere": {func(s *image.Spec) { s.Files[0].Path = "/../app" }, "absolute path"},
		"a path that is named twice":  {func(s *image.Spec) { s.Files[0].Path = s.Files[1].Path }, "named twice"},
	} {
		t.Run(name, func(t *testing.T) {
			s := aSpec()
			tc.change(&s)
			if _, err := image.Build(s); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Build = %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func aSpec() image.Spec {
	return image.Spec{
		Tag: "localhost/app:1", Architecture: "amd64", Entrypoint: []string{"/app", "-v"}, User: "65532",
		Labels: map[string]string{"a": "b"}, Environment: []string{"X=y"},
		Files: []image.File{
			{Path: "/app", Content: []byte("program"), Mode: 0o755},
			{Path: "/etc/ssl/ca.pem", Content: []byte("roots"), Mode: 0o600},
			{Path: "/etc/passwd", Content: []byte("users")},
		},
	}
}

func write(t *testing.T, s image.Spec) []byte {
	t.Helper()
	built, err := image.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	if err := image.Write(&archive, s.Tag, built); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}

// list returns a line for each entry of a tar archive.
func list(t *testing.T, content io.Reader) []string {
	t.Helper()
	var entries []string
	for r := tar.NewReader(content); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return entries
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, strings.TrimSpace(fmt.Sprintf("%s %o %s", header.Name, header.Mode, text)))
	}
}
