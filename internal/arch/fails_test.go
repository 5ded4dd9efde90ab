package arch

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/go/packages"
)

// TestTheDoorsTestFails proves that the test would notice: a list that refuses nothing guards nothing.
func TestTheDoorsTestFails(t *testing.T) {
	policy, role := plan()["internal/policy"], plan()["internal/role"]
	for _, imports := range []string{
		"context", "log/slog", "net", "net/http", "net/http/httptest", "os/user", "math/rand/v2", "testing", "testing/fstest",
		"k8s.io/apimachinery/pkg/watch", "k8s.io/apimachinery/pkg/util/wait", "k8s.io/apimachinery/pkg/util/net",
		"k8s.io/apimachinery/pkg/util/rand", "k8s.io/apimachinery/pkg/util/uuid", "k8s.io/apimachinery/pkg/util/runtime",
		"k8s.io/apimachinery/pkg/util/cache", "k8s.io/klog/v2", "github.com/go-logr/logr",
		"crypto/tls", "crypto/rand", "net/textproto", "net/mail", "text/template", "html/template", "path/filepath", "io/fs", "io/ioutil",
		"hash/maphash", "sync", "sync/atomic", "unsafe", "C", "runtime/debug", "os", "syscall", "expvar", "plugin",
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
	if why := plan()["internal/graph"].refuses("hash/maphash"); why != "" {
		t.Errorf("internal/graph is granted seeds: %s", why)
	}
	if role.refuses("testing/synctest") == "" || role.refuses("os/signal") != "" || plan()["internal/testkit"].refuses("testing") != "" {
		t.Error("a room that touches may import os/signal and not testing, and only a room for tests testing")
	}
}

// TestTheDoorsTestFailsOnBreaches proves that what reaches beyond the values of a room is found behind every name. Each row
// is a package, and how many breaches it has.
func TestTheDoorsTestFailsOnBreaches(t *testing.T) {
	const (
		metav1   = `"k8s.io/apimachinery/pkg/apis/meta/v1"`
		metaapi  = `"k8s.io/apimachinery/pkg/api/meta"`
		linkname = "//go:linkname"
	)
	rows := []struct {
		source string
		want   int
	}{
		// the clock
		{`import "time"; func f() any { return time.Now() }`, 1},
		{`import "time"; func f() any { return (time.Now) }`, 1},
		{`import clk "time"; func f(t clk.Time) any { return clk.Since(t) }`, 1},
		{`import . "time"; func f() any { return Now() }`, 1},
		{`import metav1 ` + metav1 + `; func f() any { return metav1.Now() }`, 1},
		{`import ` + metav1 + `; func f() (any, any) { return v1.Now(), v1.NowMicro() }`, 2},
		{`import "time"; import m ` + metav1 + `; func f() any { return m.NewTime(time.Now()) }`, 1},
		{`import "time"; import m ` + metav1 + `; func f(t *m.Time) { t.Time = time.Now() }`, 1},
		{`import ` + metaapi + `; func f() any { return meta.SetStatusCondition }`, 1},

		// what time and the terminal take from the machine
		{`import "time"; func f() (any, error) { return time.LoadLocation("Europe/Lisbon") }`, 1},
		{`import "time"; func f(t time.Time) (any, any) { return t.Local(), time.Local }`, 2},
		{`import "fmt"; func f() { fmt.Println("here") }`, 1},
		{`import "fmt"; func f() { write := fmt.Printf; write("here") }`, 1},
		{`import "fmt"; func f(answer *string) (int, error) { return fmt.Scan(answer) }`, 1},
		{`func f() { println("here"); print("there") }`, 2},

		// by way of the linker
		{`import _ "unsafe"; ` + "\n" + linkname + " now time.now\n" + `func now() (int64, int32, int64)`, 2},
		{`func now() int64`, 1},

		// memory that outlives a call
		{`var calls int`, 1},
		{`var calls = map[string]int{}; func f() { calls["f"]++ }`, 2},
		{`var ( a, b []string; _ = a )`, 2},
		{`import "errors"; var last = errors.New("none"); func f(err error) { last = err }`, 1},
		{`import "regexp"; var form = regexp.MustCompile("a"); func f() any { return &form }`, 1},
		{`import "time"; func f(z *time.Location) { *time.UTC = *z }`, 1},
		{`func init() {}`, 1},

		// goroutines
		{`func f() { go f() }`, 1},
		{`import "sync"; func f(g *sync.WaitGroup) { g.Go(func() {}) }`, 1},
		{`import "iter"; func f(s iter.Seq[int]) { iter.Pull(s) }`, 1},

		// none of them
		{`import "time"; const day = 24 * time.Hour; func f(s int64) time.Time { return time.Unix(s, 0).UTC() }`, 0},
		{`import m ` + metav1 + `; func f(t m.Time) any { return t.Rfc3339Copy() }`, 0},
		{`import ` + metaapi + `; func f() bool { return meta.IsStatusConditionTrue(nil, "Ready") }`, 0},
		{`type watch struct{}; func (watch) Now() {}; func f(time watch) { time.Now() }`, 0},
		{`import "fmt"; func f() string { return fmt.Sprintln("here") }; func println() {}; func g() { println() }`, 0},
		{`import "errors"; import "regexp"; var errNone, form = errors.New("none"), regexp.MustCompile("a")`, 0},
		{`type seen struct{ at []int }; func f(s *seen) *int { s.at[0]++; local := 1; local = 2; return &local }`, 0},
	}
	rooms := make(map[string]string)
	for i, row := range rows {
		rooms[fmt.Sprintf("row%02d", i)] = row.source
	}
	found := breachesOf(t, rooms)
	for i, row := range rows {
		if got := found[fmt.Sprintf("row%02d", i)]; len(got) != row.want {
			t.Errorf("%s\nhas %d breaches, and these were found: %q", row.source, row.want, got)
		}
	}
}

// breachesOf returns the breaches of packages that exist for this test only, by their names.
func breachesOf(t *testing.T, sources map[string]string) map[string][]string {
	t.Helper()
	dir, err := filepath.Abs("breach")
	if err != nil {
		t.Fatal(err)
	}
	overlay := make(map[string][]byte)
	for name, source := range sources {
		overlay[filepath.Join(dir, name, "room.go")] = []byte("package pure; " + source + "\n")
	}
	loaded, err := packages.Load(&packages.Config{Mode: checked, Overlay: overlay}, "./breach/...")
	if err != nil {
		t.Fatal(err)
	}
	if len(loaded) != len(sources) {
		t.Fatalf("%d packages were loaded, want %d", len(loaded), len(sources))
	}
	found := make(map[string][]string)
	for _, pkg := range loaded {
		for _, problem := range pkg.TypeErrors {
			t.Errorf("%s: %v", overlay[pkg.GoFiles[0]], problem)
		}
		name := path.Base(pkg.PkgPath)
		for _, file := range pkg.Syntax {
			found[name] = append(found[name], breaches(pkg, file)...)
		}
	}
	return found
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
