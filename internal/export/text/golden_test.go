package text

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/portolan-io/portolan/internal/export/document"
	"github.com/portolan-io/portolan/internal/graph"
)

var update = flag.Bool("update", false, "write the golden files anew")

// now is some minutes after the last edge of every story.
var now = time.Date(2026, 11, 20, 7, 0, 30, 0, time.UTC)

// TestGolden writes the maps of internal/export/testdata, which all renderers share, in every form of text.
func TestGolden(t *testing.T) {
	for name, edges := range stories(t) {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", name+".txtar")
			got := txtar.Format(&txtar.Archive{Files: []txtar.File{
				{Name: "list.txt", Data: render(t, func(b *bytes.Buffer) error { return List(b, edges) })},
				{Name: "table.txt", Data: render(t, func(b *bytes.Buffer) error { return Table(b, edges, TableOptions{Now: now}) })},
				{Name: "wide.txt", Data: render(t, func(b *bytes.Buffer) error { return Table(b, edges, TableOptions{Now: now, Wide: true}) })},
			}})
			if *update {
				if err := os.WriteFile(path, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(got), string(want)); diff != "" {
				t.Errorf("%s (-got +want):\n%s", path, diff)
			}
		})
	}
}

func render(t *testing.T, write func(*bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// stories reads the edges of every shared map, by name.
func stories(t testing.TB) map[string][]graph.Edge {
	t.Helper()
	paths, err := filepath.Glob("../testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	all := make(map[string][]graph.Edge)
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil || len(archive.Files) != 1 {
			t.Fatalf("%s: want one file graph.json: %v", path, err)
		}
		m, err := document.Read(bytes.NewReader(archive.Files[0].Data))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all[strings.TrimSuffix(filepath.Base(path), ".txtar")] = m.Edges
	}
	return all
}
