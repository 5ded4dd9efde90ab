package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// localState is where the demo on the local cluster is recorded: outside of the checkout, which may be cleaned while the cluster
// runs, and in one place, since there is one such cluster on a host.
const localState = "/var/lib/portolan-demo"

// localEntry is there as long as the local cluster of the demo is.
const localEntry = "/var/lib/portolan-localcluster/" + localName + ".json"

// record is a demo on the local cluster.
type record struct {
	Of   owner   `json:"of"`
	Bank process `json:"bank,omitzero"`
}

// String names the demo for people.
func (r record) String() string { return fmt.Sprintf("the local cluster %q", localName) }

// marker says which cluster of the person's the demo uses, so that demo-down finds it again whatever the current context is then.
// What there is the demo's is told by its marks alone.
type marker struct {
	Context string `json:"context"`
	Cluster string `json:"cluster"` // UID of its namespace kube-system
}

// String names the cluster for people.
func (m marker) String() string { return fmt.Sprintf("context %q, cluster %s", m.Context, m.Cluster) }

func (d *demo) recordFile() string { return filepath.Join(d.state, "demo.json") }
func (d *demo) markerFile() string { return filepath.Join(d.folder, "cluster.json") }

// recorded returns the record of a demo on the local cluster, whoever made it; known is false when there is none.
func (d *demo) recorded() (r record, known bool, err error) {
	known, err = load(d.recordFile(), &r)
	return r, known, err
}

// marked returns the marker of an earlier demo of this checkout; known is false when there is none.
func (d *demo) marked() (m marker, known bool, err error) {
	known, err = load(d.markerFile(), &m)
	return m, known, err
}

func load(path string, into any) (known bool, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return false, fmt.Errorf("reading %s: %w", path, err)
	}
	return true, nil
}

// save writes a file that others may read, so that a crash leaves either the old one or the new one.
func save(path string, value any) error {
	text, err := json.Marshal(value)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = os.WriteFile(path+".new", text, 0o644)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("remembering the demo: %w", err)
	}
	return nil
}

// recordLocal remembers the demo on the local cluster, before that is started.
func (d *demo) recordLocal() error {
	there, _, err := d.recorded()
	if err != nil {
		return err
	}
	d.left = append(d.left, fmt.Sprintf("the local cluster %q and all that runs on it", localName))
	return save(d.recordFile(), record{Of: d.owner, Bank: there.Bank})
}

// remember remembers the person's cluster, before anything is made there.
func (d *demo) remember(ctx context.Context) error {
	if d.local {
		return nil
	}
	now, err := d.chosen(ctx)
	if err != nil {
		return err
	}
	if err := d.refuseStrangers(ctx); err != nil { // they may have come since the first look
		return err
	}
	return save(d.markerFile(), now)
}

// chosen returns the marker of the person's cluster that was picked.
func (d *demo) chosen(ctx context.Context) (marker, error) {
	uid, err := d.stage.Get(ctx, "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}")
	return marker{Context: d.stage.Context, Cluster: strings.TrimSpace(uid)}, err
}

// settle refuses a cluster on which the demo would meet what it did not make. One demo at a time: a demo of this checkout on another
// cluster is to be removed first. It writes nothing: a demo that ends before it has made anything leaves nothing to remove.
func (d *demo) settle(ctx context.Context) error {
	local, isLocal, err := d.recorded()
	if err != nil {
		return err
	}
	before, known, err := d.marked()
	if err != nil {
		return err
	}
	if d.local {
		return d.settleLocal(local, isLocal, before, known)
	}
	now, err := d.chosen(ctx)
	switch {
	case err != nil:
		return err
	case isLocal && local.Of == d.owner:
		return fmt.Errorf("a demo is still on another cluster (%s): remove it first with make demo-down", local)
	case known && before != now:
		return d.elsewhere(before)
	}
	return d.refuseStrangers(ctx)
}

func (d *demo) settleLocal(there record, isLocal bool, before marker, known bool) error {
	switch {
	case known:
		return d.elsewhere(before)
	case isLocal && there.Of != d.owner:
		return foreign(there.String(), there.Of)
	case !isLocal && d.unrecorded():
		return d.refuseUnrecorded()
	}
	return nil
}

func (d *demo) elsewhere(before marker) error {
	return fmt.Errorf("a demo is still on another cluster (%s): remove it first with make demo-down, or delete %s if that cluster is gone for good",
		before, d.short(d.markerFile()))
}

// foreign refuses what is the demo of another checkout.
func foreign(where string, of owner) error {
	return fmt.Errorf("%s is used by the demo of %s: remove that one there with make demo-down, or from here with DEMO_OF=%s make demo-down", where, of, of)
}

// unrecorded reports whether the local cluster is there. It is then nobody's demo where there is no record.
func (d *demo) unrecorded() bool {
	_, err := os.Stat(d.entry)
	return err == nil
}

func (d *demo) refuseUnrecorded() error {
	return fmt.Errorf("there is a local cluster %q that no demo made: remove it with %s down --name %s", localName, d.short(d.localcluster()), localName)
}
