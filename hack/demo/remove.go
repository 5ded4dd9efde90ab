package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/portolan-io/portolan/internal/testkit/stage"
)

// recall finds the demo that is to be removed, wherever it ended: on the local cluster, on the person's own that the marker names, or
// on that of the current context, which says by its marks whose demo is there.
func (d *demo) recall(ctx context.Context) error {
	there, isLocal, err := d.recorded()
	if err != nil {
		return err
	}
	if isLocal && there.Of == d.owner {
		return d.useLocal()
	}
	before, known, err := d.marked()
	switch {
	case err != nil:
		return err
	case known && !d.another: // the marker is this checkout's
		return d.returnTo(ctx, before)
	}
	found, err := d.search(ctx)
	switch {
	case found || err != nil:
		return err
	case isLocal:
		return foreign(there.String(), there.Of)
	case d.unrecorded():
		return d.refuseUnrecorded()
	}
	d.nothing = true
	return nil
}

// returnTo takes the cluster of the marker, and refuses every other one.
func (d *demo) returnTo(ctx context.Context, before marker) error {
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

// search looks for the marks of the demo in the cluster of the current context. The demo of somebody else there is an error. A
// cluster that does not let us look is passed over, and said.
func (d *demo) search(ctx context.Context) (found bool, err error) {
	name, reachable := currentCluster(ctx)
	if !reachable {
		return false, nil
	}
	d.reach(name)
	all, err := d.across(ctx)
	if err != nil {
		d.sayf("Whether a demo is in the cluster of context %q is not known: %v", name, err)
		return false, nil
	}
	if len(d.mine(all)) > 0 {
		d.take(name)
		return true, nil
	}
	if i := slices.IndexFunc(all, func(o object) bool { return o.demo != "" }); i >= 0 {
		return false, foreign(fmt.Sprintf("context %q", name), all[i].of)
	}
	return false, nil
}

// remove takes the demo away: with its cluster, or piece by piece from the person's own.
func (d *demo) remove(ctx context.Context) error {
	var err error
	switch {
	case d.nothing:
		d.sayf("There is nothing to remove: no demo of %s is on this host or in the cluster of the current context.", d.owner)
	case d.local:
		err = d.removeLocal(ctx)
	default:
		err = d.takeBack(ctx)
	}
	if err != nil || d.another {
		return err
	}
	return os.RemoveAll(d.folder)
}

func (d *demo) removeLocal(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return errors.New("the local cluster needs root: run make demo-down as root")
	}
	if err := d.closeBank(ctx); err != nil {
		return err
	}
	if d.unrecorded() { // the cluster is there
		if err := d.endCluster(ctx); err != nil {
			return err
		}
	}
	if err := os.Remove(d.recordFile()); err != nil {
		return err
	}
	if err := os.Remove(d.state); err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.sayf("%s stays: it holds what is not the demo's.", d.state)
	}
	return nil
}

func (d *demo) endCluster(ctx context.Context) error {
	if _, err := os.Stat(d.localcluster()); errors.Is(err, fs.ErrNotExist) {
		d.sayf("Building the program that removes the local cluster: bin/ was cleaned.")
		if err := d.show(ctx, "make", "--no-print-directory", d.short(d.localcluster())); err != nil {
			return err
		}
	}
	return d.show(ctx, d.localcluster(), "down", "--name", localName)
}

// takeBack removes what carries the demo's marks, and what its Portolan wrote, from whatever state the demo ended in: no step asks that
// another one succeeded, and every step passes where there is nothing for it. The namespace of the operator, which tells
// that there may be something that Portolan wrote, goes after all of that has gone.
func (d *demo) takeBack(ctx context.Context) error {
	all, err := d.across(ctx)
	if err != nil {
		return err
	}
	mine := d.mine(all)
	if len(mine) == 0 {
		d.sayf("Nothing in the cluster carries the marks of the demo.")
		return nil
	}
	if err := d.drop(ctx, "clusterrolebindings"); err != nil { // from here on the operator can write nothing
		return err
	}
	if slices.ContainsFunc(mine, object.isOperators) {
		if err := d.retract(ctx, mine); err != nil {
			return err
		}
	}
	if err := d.drop(ctx, "namespaces"); err != nil {
		return err
	}
	for _, o := range mine {
		if o.kind == "CustomResourceDefinition" {
			if err := d.dropKind(ctx, o.name); err != nil {
				return err
			}
		}
	}
	if err := d.drop(ctx, "clusterroles,validatingadmissionpolicies,validatingadmissionpolicybindings"); err != nil {
		return err
	}
	return d.isGone(ctx)
}

// drop deletes the objects of some kinds that carry the mark and waits until they are gone.
func (d *demo) drop(ctx context.Context, kinds string) error {
	_, err := d.stage.Do(ctx, "delete", kinds, "-l", markLabel+"="+d.owner.id(), "--ignore-not-found", "--wait")
	return err
}

// retract ends the operator and removes what it wrote in all namespaces: policies, pod labels and proposals.
func (d *demo) retract(ctx context.Context, mine []object) error {
	if _, err := d.stage.Do(ctx, "delete", "deployments", "--all", "-n", "portolan-system", "--ignore-not-found", "--wait"); err != nil {
		return err
	}
	if _, err := d.stage.Do(ctx, "delete", "pods", "--all", "-n", "portolan-system", "--ignore-not-found", "--wait"); err != nil {
		return err
	}
	if err := d.eraseWritten(ctx); err != nil {
		return err
	}
	if slices.ContainsFunc(mine, func(o object) bool { return o.name == intentsKind }) {
		return d.dropProposals(ctx)
	}
	return nil
}

// eraseWritten removes Portolan's policies and pod labels. Pods come and go meanwhile, so it looks until there are none.
func (d *demo) eraseWritten(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return stage.Until(ctx, func(ctx context.Context) (string, error) {
		left, err := d.stage.Written(ctx)
		if err != nil || len(left) == 0 {
			return "", err
		}
		_, errPolicies := d.stage.Do(ctx, "delete", "networkpolicies", "-A", "-l", "app.kubernetes.io/managed-by=portolan", "--ignore-not-found")
		_, errPods := d.stage.Do(ctx, "label", "pods", "-A", "-l", "portolan.dev/workload", "portolan.dev/workload-")
		if err := errors.Join(errPolicies, errPods); err != nil {
			return fmt.Sprintf("not taken back yet: %s: %v", strings.Join(left, " "), err), nil
		}
		return "not taken back yet: " + strings.Join(left, " "), nil
	})
}

const intentsKind = "clientintents.k8s.otterize.com"

// byPortolan reports whether the operator writes ClientIntents under that name: their proposals, and the status.
func byPortolan(manager string) bool {
	return manager == "portolan-discovery" || manager == "portolan-status"
}

// dropProposals deletes the ClientIntents that discovery wrote and that are proposals still. One that somebody has accepted, by
// taking its mode away, or touched otherwise is a person's.
func (d *demo) dropProposals(ctx context.Context) error {
	out, err := d.stage.Get(ctx, intentsKind, "-A", "-l", "app.kubernetes.io/managed-by=portolan,portolan.dev/discovered=true", "-o",
		`jsonpath={range .items[*]}{.metadata.annotations.portolan\.dev/mode} {.metadata.namespace} {.metadata.name}{range .metadata.managedFields[*]} {.manager}{end}{"\n"}{end}`)
	if err != nil {
		return err
	}
	for line := range strings.Lines(out) {
		words := strings.Fields(line)
		if len(words) < 3 || words[0] != "shadow" || slices.ContainsFunc(words[3:], func(manager string) bool { return !byPortolan(manager) }) {
			continue
		}
		if _, err := d.stage.Do(ctx, "delete", intentsKind, "-n", words[1], words[2], "--ignore-not-found"); err != nil {
			return err
		}
	}
	return nil
}

// dropKind deletes a CRD of the demo. Where a person has objects of that kind it stays, without the marks: it is the person's then.
func (d *demo) dropKind(ctx context.Context, crd string) error {
	out, err := d.stage.Get(ctx, crd, "-A", "-o", `jsonpath={range .items[*]}{.metadata.namespace}/{.metadata.name}{"\n"}{end}`)
	if err != nil {
		return err
	}
	users := strings.Fields(out)
	if len(users) == 0 {
		_, err := d.stage.Do(ctx, "delete", "customresourcedefinition", crd, "--ignore-not-found", "--wait")
		return err
	}
	if _, err := d.stage.Do(ctx, "annotate", "customresourcedefinition", crd, markAnnotation+"-"); err != nil {
		return err
	}
	if _, err := d.stage.Do(ctx, "label", "customresourcedefinition", crd, markLabel+"-"); err != nil {
		return err
	}
	d.sayf("Left: the kind %s, because the demo did not make its objects %s. Kind and objects are yours, and nothing enforces them now.",
		crd, some(users))
	return nil
}

// some names so many that a person knows what is meant.
func some(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// isGone fails if something carries the marks still.
func (d *demo) isGone(ctx context.Context) error {
	all, err := d.across(ctx)
	if err != nil {
		return err
	}
	var left []string
	for _, o := range d.mine(all) {
		left = append(left, o.String())
	}
	if len(left) > 0 {
		return fmt.Errorf("still there: %s", strings.Join(left, ", "))
	}
	return nil
}
