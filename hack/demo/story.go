package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/portolan-io/portolan/internal/testkit/stage"
)

// The manifests that the demo brings: Portolan with the image that was built here, and the shop.
const (
	kustomization = "config/overlays/local"
	shop          = "config/samples/shop/shop.yaml"
)

func (d *demo) install(ctx context.Context) error {
	if err := d.remember(ctx); err != nil {
		return err
	}
	d.left = append(d.left, "Portolan with its namespaces portolan-system and portolan-agent and its custom resources")
	if err := d.bring(ctx, kustomization); err != nil {
		return err
	}
	if err := d.stage.Started(ctx); err != nil {
		return err
	}
	out, err := d.stage.Run(ctx, "status")
	d.print(out)
	return degraded(err)
}

// degraded passes on every error but the exit status by which status says that something is not perfect yet.
func degraded(err error) error {
	if failed, ended := errors.AsType[*stage.FailedError](err); ended && failed.Code == 2 {
		return nil
	}
	return err
}

// forget takes back what an earlier demo left: its intruder, its intents, and the map that knows the intruder.
func (d *demo) forget(ctx context.Context) error {
	if err := d.stage.Delete(ctx, "config/samples/shop/intruder.yaml"); err != nil {
		return err
	}
	if _, err := d.stage.Do(ctx, "delete", "clientintents", "--all", "-n", "shop"); err != nil {
		return err
	}
	if _, err := d.stage.Do(ctx, "rollout", "restart", "-n", "portolan-system", "deployment/portolan-operator"); err != nil {
		return err
	}
	if err := d.stage.Ready(ctx, "portolan-system", "deployment/portolan-operator"); err != nil {
		return err
	}
	return d.stage.Leading(ctx)
}

func (d *demo) openShop(ctx context.Context) error {
	if err := d.refuseStrangers(ctx); err != nil { // once more: installing took a while, and somebody else may have opened one
		return err
	}
	left, err := d.stage.Get(ctx, "namespace", "shop", "--ignore-not-found", "-o", "name")
	if err == nil && strings.TrimSpace(left) != "" {
		d.sayf("A shop is there from before: its intruder, intents and map are forgotten.")
		err = d.forget(ctx)
	}
	if err != nil {
		return err
	}
	d.left = append(d.left, "the namespace shop")
	if err := d.bring(ctx, shop); err != nil {
		return err
	}
	for _, w := range stage.ShopWorkloads() {
		if err := d.stage.Ready(ctx, "shop", w); err != nil {
			return err
		}
		d.sayf("%s is open", w)
	}
	return nil
}

// awaitMap shows how the map fills. Its last edge is that of a CronJob, which runs once a minute.
func (d *demo) awaitMap(ctx context.Context) error {
	edges, err := d.stage.ShopEdges()
	if err != nil {
		return err
	}
	want, seen := d.expected(edges), -1
	return stage.Until(ctx, func(ctx context.Context) (string, error) {
		got, err := d.stage.MappedEdges(ctx)
		if err != nil {
			return "", err
		}
		missing, _ := stage.Compare(got, want)
		if found := len(want) - len(missing); found != seen {
			seen = found
			d.sayf("%s %d of %d edges seen", bar(found, len(want)), found, len(want))
		}
		return stage.Lines(missing), nil
	})
}

// expected leaves out the edge to the outside on a cluster whose DNS does not know the sample's bank.
func (d *demo) expected(edges []stage.Edge) []stage.Edge {
	if d.local {
		return edges
	}
	return slices.DeleteFunc(edges, stage.Edge.Leaves)
}

func bar(done, all int) string {
	return strings.Repeat("█", done) + strings.Repeat("░", max(all-done, 0))
}

func (d *demo) showMap(ctx context.Context) error {
	out, err := d.stage.Run(ctx, "list", "--namespace=shop", "--with-internet")
	if err != nil {
		return err
	}
	d.print(out)
	picture := filepath.Join(d.folder, "map.svg")
	if _, err := d.stage.Run(ctx, "visualize", "--namespace=shop", "--with-internet", "--output-path="+picture); err != nil {
		return err
	}
	d.sayf("The same as a picture: %s", d.short(picture))
	return nil
}

func (d *demo) exportIntents(ctx context.Context) error {
	file := d.intents()
	if _, err := d.stage.Run(ctx, "export", "--namespace=shop", "--output="+file); err != nil {
		return err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(text), "\n---\n")
	d.print(first)
	d.sayf("… and %d more in %s. This is what a team commits.", strings.Count(string(text), "\n---\n"), d.short(file))
	return nil
}

func (d *demo) intents() string { return filepath.Join(d.folder, "intents.yaml") }

func (d *demo) enforce(ctx context.Context) error {
	applied := time.Now()
	if err := d.stage.ApplyFile(ctx, d.intents()); err != nil {
		return err
	}
	if err := d.stage.IntentsReady(ctx, d.intents()); err != nil {
		return err
	}
	for _, kind := range []string{"clientintents", "networkpolicies"} {
		out, err := d.stage.Get(ctx, kind, "-n", "shop")
		if err != nil {
			return err
		}
		d.print(out)
	}
	if _, err := d.stage.ShopSettles(ctx, applied); err != nil {
		return err
	}
	if err := d.stage.ShopGoesOn(ctx, time.Now(), 5); err != nil {
		return err
	}
	d.sayf("The shop goes on: every declared call passes, over new connections.")
	return nil
}

func (d *demo) intrude(ctx context.Context) error {
	if err := d.stage.Apply(ctx, "config/samples/shop/intruder.yaml"); err != nil {
		return err
	}
	if err := d.stage.Runs(ctx, "shop", "app=intruder"); err != nil {
		return err
	}
	d.sayf("A pod that nobody declared calls payment and the cart's store:")
	if err := d.stage.IntruderRefused(ctx, 3); err != nil {
		return err
	}
	out, err := d.stage.Do(ctx, "logs", "-n", "shop", "intruder", "--tail=4")
	if err != nil {
		return err
	}
	d.print(out)
	if err := d.stage.ShopGoesOn(ctx, time.Now(), 3); err != nil {
		return err
	}
	d.sayf("The intruder is refused, and the shop goes on.")
	return nil
}

func (d *demo) leave(context.Context) error {
	kubectl, flags := "kubectl", ""
	if d.local {
		kubectl, flags = "KUBECONFIG="+d.short(d.stage.Kubeconfig)+" "+d.short(d.stage.Kubectl), " --kubeconfig="+d.short(d.stage.Kubeconfig)
	}
	d.sayf("Look at:   %s get clientintents -n shop", kubectl)
	d.sayf("           %s describe networkpolicy -n shop portolan-payment-deployment", kubectl)
	d.sayf("           bin/portolan list --format=table%s", flags)
	d.sayf("           bin/portolan status%s", flags)
	d.sayf("Pictures:  %s", d.short(filepath.Join(d.folder, "map.svg")))
	d.sayf("Remove:    make demo-down")
	return nil
}

func (d *demo) print(text string) {
	for line := range strings.Lines(text) {
		fmt.Fprint(d.out, "    ", line)
	}
	fmt.Fprintln(d.out)
}

func (d *demo) short(path string) string {
	if short, err := filepath.Rel(d.root, path); err == nil {
		return short
	}
	return path
}
