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

// marker says which cluster the demo uses, so that demo-down takes its things away there and nowhere else.
type marker struct {
	Local   bool   `json:"local,omitempty"`
	Context string `json:"context,omitempty"` // of the person's own cluster
	Cluster string `json:"cluster,omitempty"` // UID of its namespace kube-system
}

func (d *demo) markerFile() string { return filepath.Join(d.folder, "cluster.json") }

// marked returns the marker of an earlier demo; known is false when there is none.
func (d *demo) marked() (m marker, known bool, err error) {
	text, err := os.ReadFile(d.markerFile())
	if errors.Is(err, fs.ErrNotExist) {
		return marker{}, false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		return marker{}, false, fmt.Errorf("reading %s: %w", d.short(d.markerFile()), err)
	}
	return m, true, nil
}

// chosen returns the marker of the cluster that was picked.
func (d *demo) chosen(ctx context.Context) (marker, error) {
	if d.local {
		return marker{Local: true}, nil
	}
	uid, err := d.stage.Get(ctx, "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}")
	return marker{Context: d.stage.Context, Cluster: strings.TrimSpace(uid)}, err
}

// settle remembers the cluster that was picked. One demo at a time: a demo on another cluster is to be removed first.
func (d *demo) settle(ctx context.Context) error {
	now, err := d.chosen(ctx)
	if err != nil {
		return err
	}
	before, known, err := d.marked()
	switch {
	case err != nil:
		return err
	case known && before != now:
		return fmt.Errorf("a demo is still on another cluster (%s): remove it first with make demo-down, or delete %s if that cluster is gone for good",
			before, d.short(d.markerFile()))
	case !known && !d.local:
		if err := d.refuseStrangers(ctx); err != nil {
			return err
		}
	}
	text, err := json.Marshal(now)
	if err != nil {
		return err
	}
	return os.WriteFile(d.markerFile(), text, 0o600)
}

// String names the cluster for people.
func (m marker) String() string {
	if m.Local {
		return "the local cluster"
	}
	return fmt.Sprintf("context %q, cluster %s", m.Context, m.Cluster)
}

// recall finds the cluster of the demo again, and refuses every other one.
func (d *demo) recall(ctx context.Context) error {
	before, known, err := d.marked()
	switch {
	case err != nil:
		return err
	case !known || before.Local:
		return d.useLocal()
	}
	if err := answers(ctx, before.Context); err != nil {
		return fmt.Errorf("no cluster answers in context %q, where the demo is: check \"kubectl --context=%s version\", or delete %s if it is gone for good (%w)",
			before.Context, before.Context, d.short(d.markerFile()), err)
	}
	d.take(before.Context)
	now, err := d.chosen(ctx)
	if err == nil && now != before {
		err = fmt.Errorf("context %q leads to another cluster, %s, than the demo used, %s: nothing was removed; choose the kubeconfig of that cluster, or delete %s if it is gone for good",
			before.Context, now.Cluster, before.Cluster, d.short(d.markerFile()))
	}
	return err
}

// refuseStrangers keeps the demo away from what it did not make, since demo-down removes it: namespaces of its names, and
// the kinds of Portolan or of the system that it succeeds.
func (d *demo) refuseStrangers(ctx context.Context) error {
	found, err := d.stage.Get(ctx, "namespaces", "shop", "portolan-system", "portolan-agent", "--ignore-not-found", "-o", "name")
	if err != nil {
		return err
	}
	crds, err := d.stage.Get(ctx, "customresourcedefinitions", "-o", "name")
	if err != nil {
		return err
	}
	strangers := strings.Fields(found)
	for crd := range strings.FieldsSeq(crds) {
		if strings.HasSuffix(crd, ".k8s.otterize.com") {
			strangers = append(strangers, crd)
		}
	}
	if len(strangers) > 0 {
		return fmt.Errorf("context %q already has %s, which the demo did not make: choose another cluster, or run CLUSTER=local make demo",
			d.stage.Context, strings.Join(strangers, ", "))
	}
	return nil
}
