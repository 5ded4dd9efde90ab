package intents

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden runs every story in testdata: edges.txt and options.txt in, intents.yaml, files.txt and left.txt out.
func TestGolden(t *testing.T) {
	stories, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(stories) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, path := range stories {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, section(archive, "edges.txt"), section(archive, "options.txt"))
			if *update {
				rewrite(t, path, archive, got)
				return
			}
			for _, part := range got {
				if diff := cmp.Diff(string(part.Data), section(archive, part.Name)); diff != "" {
					t.Errorf("%s (-got +want):\n%s", part.Name, diff)
				}
			}
		})
	}
}

func play(t *testing.T, edges, options string) []txtar.File {
	t.Helper()
	seen := parseEdges(t, edges)
	words := strings.Fields(options)
	o := Options{AsServices: slices.Contains(words, "services"), WithInternet: slices.Contains(words, "internet"), DNS: DNSServers(seen)}
	var header *Header
	if slices.Contains(words, "header") {
		header = sampleHeader()
	}
	objects, left := Declare(seen, o)
	var text bytes.Buffer
	if err := Marshal(&text, objects, header); err != nil {
		t.Fatal(err)
	}
	var files, rest strings.Builder
	for _, name := range FileNames(objects) {
		fmt.Fprintln(&files, name)
	}
	for _, l := range left {
		fmt.Fprintf(&rest, "%s -> %s: %s\n", l.Client, l.Server, l.Why)
	}
	parts := []txtar.File{{Name: "intents.yaml", Data: text.Bytes()}, {Name: "files.txt", Data: []byte(files.String())}}
	if rest.Len() > 0 {
		parts = append(parts, txtar.File{Name: "left.txt", Data: []byte(rest.String())})
	}
	return parts
}

func section(archive *txtar.Archive, name string) string {
	for _, file := range archive.Files {
		if file.Name == name {
			return string(file.Data)
		}
	}
	return ""
}

func rewrite(t *testing.T, path string, archive *txtar.Archive, got []txtar.File) {
	t.Helper()
	archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name != "edges.txt" && f.Name != "options.txt" })
	archive.Files = append(archive.Files, got...)
	if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
		t.Fatal(err)
	}
}
