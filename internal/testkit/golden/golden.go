// Package golden reads the cases of tests from files, holds what comes out against them, and writes it there when the test
// is run with -update.
//
// It is for tests only. It must not know what a case is about.
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write the golden files anew") //nolint:gochecknoglobals // flags are parsed before any test runs

// Case is one txtar file: its comment is the sentence that it proves, its parts are what goes in and what comes out.
type Case struct {
	*txtar.Archive

	Name string // of the file, without its folder and extension
	path string
}

// Part is a named text that came out.
type Part struct{ Name, Text string }

// Cases returns the cases whose paths match pattern, sorted by name. The test fails if there is none, or one cannot be read.
func Cases(t testing.TB, pattern string) []Case {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no cases in %s: %v", pattern, err)
	}
	var all []Case
	for _, path := range paths {
		all = append(all, read(t, path))
	}
	return all
}

// Each runs every case that matches pattern as a subtest of its name. It fails as Cases does.
func Each(t *testing.T, pattern string, run func(*testing.T, Case)) {
	t.Helper()
	for _, c := range Cases(t, pattern) {
		t.Run(c.Name, func(t *testing.T) { run(t, c) })
	}
}

func read(t testing.TB, path string) Case {
	t.Helper()
	absolute, err := filepath.Abs(path) // a test may change its folder
	if err != nil {
		t.Fatal(err)
	}
	archive, err := txtar.ParseFile(absolute)
	if err != nil {
		t.Fatal(err)
	}
	return Case{Archive: archive, Name: strings.TrimSuffix(filepath.Base(path), ".txtar"), path: absolute}
}

// Part returns the text of a part. A part that is not there is empty.
func (c Case) Part(name string) string {
	for _, f := range c.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

// Check holds what came out against the parts of the same names. With -update it writes them behind the other parts of the
// file instead, in the given order; a part that is empty is left out.
func (c Case) Check(t testing.TB, got ...Part) {
	t.Helper()
	if *update {
		c.rewrite(t, got)
		return
	}
	for _, part := range got {
		if diff := cmp.Diff(part.Text, c.Part(part.Name)); diff != "" {
			t.Errorf("%s %s (-got +want):\n%s", strings.TrimSpace(string(c.Comment)), part.Name, diff)
		}
	}
}

func (c Case) rewrite(t testing.TB, got []Part) {
	t.Helper()
	came := func(f txtar.File) bool {
		return slices.ContainsFunc(got, func(p Part) bool { return p.Name == f.Name })
	}
	files := slices.DeleteFunc(slices.Clone(c.Files), came)
	for _, part := range got {
		if part.Text != "" {
			files = append(files, txtar.File{Name: part.Name, Data: []byte(part.Text)})
		}
	}
	write(t, c.path, txtar.Format(&txtar.Archive{Comment: c.Comment, Files: files}))
}

// File holds got against a whole file. With -update it writes the file instead.
func File(t testing.TB, path, got string) {
	t.Helper()
	if *update {
		write(t, path, []byte(got))
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, string(want)); diff != "" {
		t.Errorf("%s (-got +want):\n%s", path, diff)
	}
}

func write(t testing.TB, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
}
