package arch

import (
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// TestDoors holds the tree against the plan: every room is listed, and imports nothing that its entry does not allow.
func TestDoors(t *testing.T) {
	seen := make(map[string]bool)
	for _, pkg := range load(t) {
		room := strings.TrimPrefix(strings.TrimPrefix(pkg.PkgPath, module), "/")
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

// TestPureRoomsTouchNothing holds the third law: pure rooms have no context, clock, environment or random source.
func TestPureRoomsTouchNothing(t *testing.T) {
	for _, pkg := range load(t) {
		room := strings.TrimPrefix(strings.TrimPrefix(pkg.PkgPath, module), "/")
		if !plan()[room].pure {
			continue
		}
		for _, use := range forbiddenUses(pkg) {
			t.Errorf("%s is pure and uses %s: take the value as an argument", room, use)
		}
	}
}

// TestNothingShippedImportsTests keeps testkit, arch and e2e out of the binary.
func TestNothingShippedImportsTests(t *testing.T) {
	for _, pkg := range load(t) {
		room := strings.TrimPrefix(strings.TrimPrefix(pkg.PkgPath, module), "/")
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

// load reads every package of the module without its tests, with types.
func load(t *testing.T) []*packages.Package {
	t.Helper()
	found, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedImports | packages.NeedFiles | packages.NeedSyntax | packages.NeedCompiledGoFiles,
		Dir:  "../..",
	}, "./...")
	if err != nil {
		t.Fatalf("loading the module: %v", err)
	}
	if len(found) < 10 {
		t.Fatalf("only %d packages were found; is the test run from the module?", len(found))
	}
	return found
}
