package arch

import (
	"go/ast"
	"go/token"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/tools/go/packages"
)

// clock lists what a pure room must not call from package time.
var clock = map[string]bool{
	"Now": true, "Since": true, "Until": true, "After": true, "AfterFunc": true, "Sleep": true, "Tick": true,
	"NewTicker": true, "NewTimer": true,
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

func clockReads(positions *token.FileSet, file *ast.File) []string {
	var reads []string
	ast.Inspect(file, func(n ast.Node) bool {
		call, isSelector := n.(*ast.SelectorExpr)
		if !isSelector {
			return true
		}
		if name, isName := call.X.(*ast.Ident); isName && name.Name == "time" && name.Obj == nil && clock[call.Sel.Name] {
			reads = append(reads, "time."+call.Sel.Name+" at "+positions.Position(call.Pos()).String())
		}
		return true
	})
	return reads
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
				if path, err := strconv.Unquote(imported.Path.Value); err == nil && touches(path) {
					t.Errorf("%s is pure and imports %s", name, path)
				}
			}
		}
	}
}

// TestTheDoorsTestFails proves that the test would notice: a list that refuses nothing guards nothing.
func TestTheDoorsTestFails(t *testing.T) {
	policy := plan()["internal/policy"]
	for _, path := range []string{
		"context", "log/slog", "net/http", "k8s.io/client-go/kubernetes", "sigs.k8s.io/controller-runtime/pkg/client",
		module + "/controllers", module + "/internal/policy/networkpolicy", module + "/internal/cluster/live",
	} {
		if policy.refuses(path) == "" {
			t.Errorf("internal/policy may import %s, and must not", path)
		}
	}
	for _, path := range []string{"slices", "net/netip", "k8s.io/api/networking/v1", module + "/internal/cluster"} {
		if why := policy.refuses(path); why != "" {
			t.Errorf("internal/policy must be free to import %s: %s", path, why)
		}
	}
}
