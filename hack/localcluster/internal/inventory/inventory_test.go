package inventory_test

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/hack/localcluster/internal/inventory"
	"github.com/portolan-io/portolan/hack/localcluster/internal/plan"
)

func TestClustersAreFoundUntilTheyAreRemoved(t *testing.T) {
	i := inventory.Inventory{Root: filepath.Join(t.TempDir(), "clusters")}
	release := lock(t, i)
	defer release()
	a, b := aPlan("a"), aPlan("b")
	for _, p := range []plan.Plan{b, a} {
		if err := i.Add(p); err != nil {
			t.Fatal(err)
		}
	}
	all, err := i.All()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(all, []plan.Plan{a, b}, cmp.Comparer(func(x, y plan.Plan) bool { return x == y })); diff != "" {
		t.Errorf("All (-got +want):\n%s", diff)
	}
	if got, err := i.Find("a"); err != nil || got != a {
		t.Errorf("Find = %+v, %v, want %+v", got, err, a)
	}
	if err := i.Remove("a"); err != nil {
		t.Fatal(err)
	}
	if _, err := i.Find("a"); !errors.Is(err, inventory.ErrUnknown) {
		t.Errorf("Find after Remove: %v, want ErrUnknown", err)
	}
	if err := i.Remove("a"); err != nil {
		t.Errorf("a second Remove: %v", err)
	}
}

func TestTheLastClusterTakesTheFoldersAlong(t *testing.T) {
	host := t.TempDir()
	i := inventory.Inventory{Root: filepath.Join(host, "clusters")}
	release := lock(t, i)
	defer release()
	used := filepath.Join(host, "used")
	if err := os.Mkdir(used, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		if err := i.Add(aPlan(name)); err != nil {
			t.Fatal(err)
		}
		for _, folder := range []string{filepath.Join(host, "new", "deep"), used} {
			if err := i.MakeFolder(folder); err != nil {
				t.Fatal(err)
			}
		}
	}
	exists := func(name string) bool { _, err := os.Stat(filepath.Join(host, name)); return err == nil }
	if err := i.Remove("a"); err != nil || !exists("new/deep") {
		t.Errorf("Remove of one of two: %v, the folder is there: %t", err, exists("new/deep"))
	}
	if err := i.Remove("b"); err != nil {
		t.Fatal(err)
	}
	if exists("new") || exists("clusters") || !exists("used") {
		t.Errorf("after the last Remove: new %t, clusters %t, used %t, want only used", exists("new"), exists("clusters"), exists("used"))
	}
}

func TestABrokenEntrySaysWhatToDo(t *testing.T) {
	i := inventory.Inventory{Root: t.TempDir()}
	if err := os.WriteFile(filepath.Join(i.Root, "a.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := i.Find("a"); err == nil || errors.Is(err, inventory.ErrUnknown) {
		t.Errorf("Find = %v", err)
	}
	if _, err := i.All(); err == nil {
		t.Error("All of a broken entry succeeds")
	}
}

func TestOneCommandAtATime(t *testing.T) {
	i := inventory.Inventory{Root: filepath.Join(t.TempDir(), "clusters")}
	release := lock(t, i)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	told := 0
	if _, err := i.Lock(ctx, func() { told++ }); !errors.Is(err, context.DeadlineExceeded) || told != 1 {
		t.Errorf("Lock of a locked inventory: %v, told %d times, want the end of the context, told once", err, told)
	}
	release()
	lock(t, i)()
}

func lock(t *testing.T, i inventory.Inventory) func() {
	t.Helper()
	release, err := i.Lock(t.Context(), func() { t.Error("the lock is not free") })
	if err != nil {
		t.Fatal(err)
	}
	return release
}

func aPlan(name string) plan.Plan {
	return plan.Plan{Name: name, Dir: "/state/" + name, Range: netip.MustParsePrefix("10.85.0.0/16")}
}
