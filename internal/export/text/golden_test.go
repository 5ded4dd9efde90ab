package text

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/portolan-io/portolan/internal/testkit/golden"
)

// now is some minutes after the last edge of every story.
var now = time.Date(2026, 11, 20, 7, 0, 30, 0, time.UTC)

// TestGolden writes the maps of internal/export/testdata, which all renderers share, in every form of text.
func TestGolden(t *testing.T) {
	for name, edges := range golden.Maps(t) {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", name+".txtar")
			got := txtar.Format(&txtar.Archive{Files: []txtar.File{
				{Name: "list.txt", Data: render(t, func(b *bytes.Buffer) error { return List(b, edges) })},
				{Name: "table.txt", Data: render(t, func(b *bytes.Buffer) error { return Table(b, edges, TableOptions{Now: now}) })},
				{Name: "wide.txt", Data: render(t, func(b *bytes.Buffer) error { return Table(b, edges, TableOptions{Now: now, Wide: true}) })},
			}})
			golden.File(t, path, string(got))
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
