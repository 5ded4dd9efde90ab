package arch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/tools/go/packages"
)

// TestDoors holds the tree against the plan: every room is listed, and imports nothing that its entry does not allow.
func TestDoors(t *testing.T) {
	seen := make(map[string]bool)
	for _, pkg := range load(t) {
		room := roomOf(pkg)
		seen[room] = true
		entry, listed := plan()[room]
		if !listed {
			t.Errorf("room %q is not in internal/arch/rooms.go: find the room it belongs to, or list it there with its doors", room)
			continue
		}
		for path := range pkg.Imports {
			if why := entry.refuses(path); why != "" {
				t.Errorf("%s imports %s: %s", room, path, why)
			}
		}
	}
	for room := range plan() {
		if !seen[room] {
			t.Errorf("room %q is listed in internal/arch/rooms.go and does not exist", room)
		}
	}
}

// TestNothingShippedImportsTests keeps testkit, arch and e2e out of the binary.
func TestNothingShippedImportsTests(t *testing.T) {
	for _, pkg := range load(t) {
		room := roomOf(pkg)
		if plan()[room].testOnly {
			continue
		}
		for path := range pkg.Imports {
			if other, ours := strings.CutPrefix(path, module+"/"); ours && plan()[other].testOnly {
				t.Errorf("%s imports %s, which is for tests only", room, other)
			}
		}
	}
}

// load returns every package of the module, without its tests.
func load(t *testing.T) []*packages.Package {
	t.Helper()
	found, err := house()
	if err != nil {
		t.Fatalf("loading the module: %v", err)
	}
	if len(found) < 10 {
		t.Fatalf("only %d packages were found; is the test run from the module?", len(found))
	}
	return found
}

// house is loaded once for all tests.
var house = sync.OnceValues(func() ([]*packages.Package, error) {
	if _, err := sources("../.."); err != nil {
		return nil, err
	}
	return loadFrom("../..")
})

// checked asks for the syntax of packages and for what every name in it means.
const checked = packages.NeedName | packages.NeedImports | packages.NeedFiles | packages.NeedCompiledGoFiles |
	packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo

// loadFrom parses and checks the packages of the module in dir. A package whose files depend on the tag e2e is there in both forms.
func loadFrom(dir string) ([]*packages.Package, error) {
	var found []*packages.Package
	var problems []error
	known := make(map[string]bool)
	for _, tags := range []string{"", "e2e"} {
		tagged, err := packages.Load(&packages.Config{
			Mode:       checked,
			Dir:        dir,
			BuildFlags: []string{"-tags=" + tags},
		}, "./...")
		if err != nil {
			return nil, err
		}
		for _, pkg := range tagged {
			for _, problem := range pkg.Errors {
				problems = append(problems, problem)
			}
			if form := pkg.PkgPath + " " + strings.Join(pkg.CompiledGoFiles, " "); !known[form] {
				known[form] = true
				found = append(found, pkg)
			}
		}
	}
	return found, errors.Join(problems...)
}

// sources reads every Go file of the module in dir and returns their names. The packages are read by "go list", in a
// process that "go test" does not watch: without these reads it would repeat an old verdict from its cache.
func sources(dir string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != dir && elsewhere(dir, name):
			return filepath.SkipDir
		case entry.IsDir() || filepath.Ext(name) != ".go":
			return nil
		}
		names = append(names, name)
		_, err = os.ReadFile(name)
		return err
	})
	return names, err
}

// elsewhere reports whether a directory below dir is no part of its module: tools, git's own, or a module in itself.
func elsewhere(dir, name string) bool {
	_, err := os.Stat(filepath.Join(name, "go.mod"))
	return err == nil || name == filepath.Join(dir, "bin") || strings.HasPrefix(filepath.Base(name), ".")
}
