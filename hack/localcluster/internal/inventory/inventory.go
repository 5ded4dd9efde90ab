// Package inventory remembers which local clusters this host has, so that they do not get in each other's way and later
// commands find them by name.
//
// It must not know what a cluster is made of. Everything is in one folder, which exists only while there is a cluster.
package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/portolan-io/portolan/hack/localcluster/internal/plan"
)

// ErrUnknown says that no cluster of that name exists on this host.
var ErrUnknown = errors.New("no such cluster")

const (
	suffix      = ".json"           // of the file of each cluster
	foldersFile = "folders.created" // lists the folders of the host that clusters needed, one a line
)

// Inventory is the folder with the list of clusters.
type Inventory struct {
	Root string // absolute path
}

// Find returns the plan of the cluster with that name, or ErrUnknown.
func (i Inventory) Find(name string) (plan.Plan, error) {
	text, err := os.ReadFile(i.entry(name))
	if errors.Is(err, fs.ErrNotExist) {
		return plan.Plan{}, fmt.Errorf("cluster %q: %w", name, ErrUnknown)
	}
	if err != nil {
		return plan.Plan{}, fmt.Errorf("reading the entry of cluster %q: %w", name, err)
	}
	var p plan.Plan
	if err := json.Unmarshal(text, &p); err != nil {
		return plan.Plan{}, fmt.Errorf("reading %s: %w; remove that file and the cluster's folder", i.entry(name), err)
	}
	return p, nil
}

// All returns the plans of all clusters, sorted by name.
func (i Inventory) All() ([]plan.Plan, error) {
	paths, err := filepath.Glob(filepath.Join(i.Root, "*"+suffix))
	if err != nil {
		return nil, fmt.Errorf("listing the clusters: %w", err)
	}
	var all []plan.Plan
	for _, path := range paths {
		p, err := i.Find(strings.TrimSuffix(filepath.Base(path), suffix))
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// Add writes the entry of a cluster. The caller holds the lock.
func (i Inventory) Add(p plan.Plan) error {
	text, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encoding the entry of cluster %q: %w", p.Name, err)
	}
	draft := i.draft(p.Name)
	if err := os.WriteFile(draft, text, 0o644); err != nil {
		return fmt.Errorf("writing the entry of cluster %q: %w", p.Name, err)
	}
	if err := os.Rename(draft, i.entry(p.Name)); err != nil {
		return fmt.Errorf("writing the entry of cluster %q: %w", p.Name, err)
	}
	return nil
}

// Remove deletes the entry of a cluster, and with the last one the host's folders that were made for clusters and the inventory itself.
// The caller holds the lock.
func (i Inventory) Remove(name string) error {
	for _, path := range []string{i.draft(name), i.entry(name)} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing the entry of cluster %q: %w", name, err)
		}
	}
	left, err := i.All()
	if err != nil || len(left) > 0 {
		return err
	}
	for _, folder := range slices.Backward(i.folders()) {
		_ = os.Remove(folder) // fails if somebody uses it now, rightly
	}
	if err := os.Remove(filepath.Join(i.Root, foldersFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the list of folders: %w", err)
	}
	_ = os.Remove(i.Root) // fails if a user keeps something in it
	return nil
}

// MakeFolder creates a folder of the host that clusters need, with its parents, and remembers the new ones for Remove. The
// caller holds the lock.
func (i Inventory) MakeFolder(path string) error {
	var missing []string
	for p := path; ; p = filepath.Dir(p) {
		if _, err := os.Stat(p); err == nil {
			break
		}
		missing = append([]string{p}, missing...)
	}
	if len(missing) == 0 {
		return nil
	}
	lines := strings.Join(append(i.folders(), missing...), "\n") + "\n"
	if err := os.WriteFile(filepath.Join(i.Root, foldersFile), []byte(lines), 0o644); err != nil {
		return fmt.Errorf("remembering a folder: %w", err)
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return fmt.Errorf("creating a folder: %w", err)
	}
	return nil
}

// folders returns the folders that MakeFolder created, parents first.
func (i Inventory) folders() []string {
	text, err := os.ReadFile(filepath.Join(i.Root, foldersFile))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text))
}

// entry is the path of a cluster's file.
func (i Inventory) entry(name string) string { return filepath.Join(i.Root, name+suffix) }

// draft is where the entry of a cluster is written before it has its name; a command that is killed may leave it.
func (i Inventory) draft(name string) string { return i.entry(name) + ".new" }

// Lock waits until no other command changes clusters on this host, and returns the function that lets the next one go. It
// calls waiting once if it has to wait. The lock ends with the process, however that ends.
func (i Inventory) Lock(ctx context.Context, waiting func()) (release func(), err error) {
	const step = 100 * time.Millisecond
	tick := time.NewTicker(step)
	defer tick.Stop()
	for told := false; ; {
		folder, err := i.tryLock()
		if err != nil {
			return nil, err
		}
		if folder != nil {
			return func() { _ = folder.Close() }, nil
		}
		if !told {
			told = true
			waiting()
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for another localcluster command: %w", context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// tryLock returns the locked folder, or nil if somebody else has it or has just removed it.
func (i Inventory) tryLock() (*os.File, error) {
	if err := os.MkdirAll(i.Root, 0o755); err != nil {
		return nil, fmt.Errorf("creating the folder of the clusters: %w", err)
	}
	folder, err := os.Open(i.Root)
	if err != nil {
		return nil, fmt.Errorf("opening the folder of the clusters: %w", err)
	}
	if syscall.Flock(int(folder.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return nil, folder.Close()
	}
	locked, err := folder.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reading the folder of the clusters: %w", err), folder.Close())
	}
	if present, err := os.Stat(i.Root); err != nil || !os.SameFile(locked, present) {
		return nil, folder.Close()
	}
	return folder, nil
}
