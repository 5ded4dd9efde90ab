package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/go/packages"
)

// clock lists what a pure room must not take, by the path of the package that has it.
var clock = map[string][]string{
	"time": {"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "Tick", "NewTicker", "NewTimer"},

	"k8s.io/apimachinery/pkg/apis/meta/v1": {"Now", "NowMicro"},
}

// pureFiles are the files that are pure wherever they stand.
var pureFiles = map[string]bool{
	"decode.go": true, "parse.go": true, "convert.go": true, "rows.go": true, "pair.go": true, "enqueue.go": true,
}

// forbiddenUses returns where a package reads the clock.
func forbiddenUses(pkg *packages.Package) []string {
	var uses []string
	for _, file := range pkg.Syntax {
		uses = append(uses, clockReads(pkg.Fset, file)...)
	}
	return uses
}

// clockReads returns where a file reads the clock, by whatever name it calls the package.
func clockReads(positions *token.FileSet, file *ast.File) []string {
	var reads []string
	clocks := clockNames(file)
	if dotted := clocks["."]; dotted != "" {
		reads = append(reads, "all of "+dotted+" in "+positions.Position(file.Pos()).String())
	}
	ast.Inspect(file, func(n ast.Node) bool {
		use, isSelector := n.(*ast.SelectorExpr)
		if !isSelector {
			return true
		}
		name, isName := ast.Unparen(use.X).(*ast.Ident)
		if isName && name.Obj == nil && slices.Contains(clock[clocks[name.Name]], use.Sel.Name) {
			reads = append(reads, clocks[name.Name]+"."+use.Sel.Name+" at "+positions.Position(use.Pos()).String())
		}
		return true
	})
	return reads
}

// clockNames returns the paths of the packages with a clock that a file imports, by their names in the file.
func clockNames(file *ast.File) map[string]string {
	names := make(map[string]string)
	for _, imported := range file.Imports {
		importPath, err := strconv.Unquote(imported.Path.Value)
		if err != nil || clock[importPath] == nil {
			continue
		}
		name := path.Base(importPath)
		if imported.Name != nil {
			name = imported.Name.Name
		}
		names[name] = importPath
	}
	return names
}

// TestPureFilesTouchNothing holds the same law for the pure files of rooms that touch the world.
func TestPureFilesTouchNothing(t *testing.T) {
	for _, pkg := range load(t) {
		for _, file := range pkg.Syntax {
			name := pkg.Fset.Position(file.Pos()).Filename
			if !pureFiles[filepath.Base(name)] {
				continue
			}
			for _, read := range clockReads(pkg.Fset, file) {
				t.Errorf("%s is pure and reads %s", name, read)
			}
			for _, imported := range file.Imports {
				if imports, err := strconv.Unquote(imported.Path.Value); err == nil && touches(imports) {
					t.Errorf("%s is pure and imports %s", name, imports)
				}
			}
		}
	}
}

// TestTheDoorsTestFails proves that the test would notice: a list that refuses nothing guards nothing.
func TestTheDoorsTestFails(t *testing.T) {
	policy, role := plan()["internal/policy"], plan()["internal/role"]
	for _, imports := range []string{
		"context", "log/slog", "net", "net/http", "net/http/httptest", "os/user", "math/rand/v2", "testing", "testing/fstest",
		"k8s.io/apimachinery/pkg/watch", "k8s.io/apimachinery/pkg/util/wait", "k8s.io/apimachinery/pkg/util/net",
		"k8s.io/apimachinery/pkg/util/rand", "k8s.io/apimachinery/pkg/util/uuid",
		"k8s.io/client-go/kubernetes", "sigs.k8s.io/controller-runtime/pkg/client",
		module + "/controllers", module + "/internal/policy/networkpolicy", module + "/internal/cluster/live",
	} {
		if policy.refuses(imports) == "" {
			t.Errorf("internal/policy may import %s, and must not", imports)
		}
	}
	for _, imports := range []string{"slices", "net/netip", "net/url", "k8s.io/api/networking/v1", "k8s.io/apimachinery/pkg/labels", module + "/internal/cluster"} {
		if why := policy.refuses(imports); why != "" {
			t.Errorf("internal/policy must be free to import %s: %s", imports, why)
		}
	}
	if role.refuses("testing/synctest") == "" || role.refuses("os/signal") != "" || plan()["internal/testkit"].refuses("testing") != "" {
		t.Error("a room that touches may import os/signal and not testing, and only a room for tests testing")
	}
}

// TestTheDoorsTestFailsOnClocks proves that a clock is found behind every name.
func TestTheDoorsTestFailsOnClocks(t *testing.T) {
	const meta = `"k8s.io/apimachinery/pkg/apis/meta/v1"`
	for source, want := range map[string]int{
		`import "time"; var now = time.Now()`:                                   1,
		`import "time"; var now = (time).Now`:                                   1,
		`import clk "time"; func age(t clk.Time) any { return clk.Since(t) }`:   1,
		`import . "time"; var now = Now()`:                                      1,
		`import metav1 ` + meta + `; var now = metav1.Now()`:                    1,
		`import ` + meta + `; var now, small = v1.Now(), v1.NowMicro()`:         2,
		`import "time"; import m ` + meta + `; var now = m.NewTime(time.Now())`: 1,

		`import "time"; var day = 24 * time.Hour`:                                 0,
		`import m ` + meta + `; func at(t m.Time) any { return t.Rfc3339Copy() }`: 0,
		`import time "example.org/watch"; var now = time.Now()`:                   0,
		`import "time"; func f(time interface{ Now() }) { time.Now() }`:           0,
	} {
		positions := token.NewFileSet()
		file, err := parser.ParseFile(positions, "pure.go", "package pure; "+source, 0)
		if err != nil {
			t.Fatal(err)
		}
		if reads := clockReads(positions, file); len(reads) != want {
			t.Errorf("%s\nreads the clock %d times, and these were found: %q", source, want, reads)
		}
	}
}

// TestTheDoorsTestFailsOnWhatHides proves that neither a tag nor a cycle hides imports, and which files count for the cache.
func TestTheDoorsTestFailsOnWhatHides(t *testing.T) {
	dir := t.TempDir()
	tree := fstest.MapFS{}
	for name, content := range map[string]string{
		"go.mod":           "module example.org/house\n\ngo 1.26\n",
		"a/a.go":           "package a\n\nimport _ \"example.org/house/b\"\n",
		"b/b.go":           "package b\n\nimport _ \"example.org/house/a\"\n",
		"c/shipped.go":     "//go:build !e2e\n\npackage c\n\nimport _ \"embed\"\n",
		"c/tested.go":      "//go:build e2e\n\npackage c\n\nimport _ \"context\"\n",
		"bin/tool.go":      "package bin\n",
		"hack/own/go.mod":  "module example.org/own\n\ngo 1.26\n",
		"hack/own/main.go": "package own\n",
	} {
		tree[name] = &fstest.MapFile{Data: []byte(content), Mode: 0o600}
	}
	if err := os.CopyFS(dir, tree); err != nil {
		t.Fatal(err)
	}

	found, err := loadFrom(dir)
	if err == nil || !strings.Contains(err.Error(), "import cycle") {
		t.Errorf("a and b import each other, and loading them says: %v", err)
	}
	imports := make(map[string]bool)
	for _, pkg := range found {
		for imported := range pkg.Imports {
			imports[imported] = true
		}
	}
	if !imports["embed"] || !imports["context"] {
		t.Errorf("c imports embed without the tag e2e and context with it, and these were seen: %v", imports)
	}

	read, err := sources(dir)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, name := range []string{"a/a.go", "b/b.go", "c/shipped.go", "c/tested.go"} {
		want = append(want, filepath.Join(dir, name))
	}
	if !slices.Equal(read, want) {
		t.Errorf("the files of the module are %v, and these were read: %v", want, read)
	}
}
