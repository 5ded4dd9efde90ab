package main

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/internal/testkit"
)

// TestTheDemoKeepsToItsCluster holds the demo's marker against two real API servers that one context leads to in turn, as when a
// person makes a cluster anew under its old name, or changes KUBECONFIG.
func TestTheDemoKeepsToItsCluster(t *testing.T) {
	p := newPerson(t)
	second := testkit.BareControlPlane(t)
	if err := p.begin(p.folder).remember(t.Context()); err == nil {
		t.Fatal("a demo without a cluster was remembered")
	}
	first := p.begin(p.folder)
	p.succeeds("choosing a cluster", first.chooseCluster(t.Context()))
	p.succeeds("remembering it", first.remember(t.Context()))

	p.point("mine", second)
	p.has("{apiVersion: v1, kind: Namespace, metadata: {name: shop}}")
	p.refuses("down on another cluster", p.begin(p.folder).down(t.Context()), `context "mine" leads to another cluster`)
	p.refuses("up on another cluster", p.begin(p.folder).chooseCluster(t.Context()), "remove it first with make demo-down")
	p.still("namespace/shop")
	if _, known, err := p.begin(p.folder).marked(); !known || err != nil {
		t.Errorf("the marker is gone (%v): nobody could remove the demo any more", err)
	}

	p.point("mine", p.plane)
	again := p.begin(p.folder)
	if err := again.recall(t.Context()); err != nil || again.stage.Context != "mine" {
		t.Errorf("recall on the demo's own cluster = %v, context %q", err, again.stage.Context)
	}

	write(t, again.recordFile(), `{"of": "`+string(again.owner)+`"}`)
	p.refuses("up while a demo of this checkout is on the local cluster", p.reached().settle(t.Context()), "remove it first with make demo-down")
	write(t, again.recordFile(), `{"of": "here:/b"}`)
	p.succeeds("up while a demo of another checkout is on the local cluster", p.reached().settle(t.Context()))
}

// What a person has in the cluster, before the demo or after it.
const (
	itsShop = "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: mine, namespace: shop}}"
	itsProd = "{apiVersion: v1, kind: Namespace, metadata: {name: prod}}"
	intents = "{apiVersion: k8s.otterize.com/v2beta1, kind: ClientIntents, metadata: {name: NAME, namespace: NAMESPACE}, spec: {workload: {name: a}, targets: [{kubernetes: {name: b}}]}}"
)

func clientIntents(namespace, name string) string {
	return strings.NewReplacer("NAMESPACE", namespace, "NAME", name).Replace(intents)
}

func TestADemoThatMadeNothingTouchesNothing(t *testing.T) {
	p := newPerson(t)
	p.succeeds("choosing a cluster", p.begin(p.folder).chooseCluster(t.Context())) // and there it ends: no image could be loaded
	p.has(itsShop)
	p.has(itsProd)
	p.succeeds("applying the CRDs", p.stage().Apply(t.Context(), "config/crd"))
	p.has(clientIntents("shop", "mine"))
	p.has(clientIntents("prod", "mine"))

	for _, end := range []string{"after nothing", "after a marker that a demo left"} {
		p.refuses("up, "+end, p.begin(p.folder).chooseCluster(t.Context()), "namespace/shop, customresourcedefinition/clientintents.k8s.otterize.com")
		p.refuses("installing, "+end, p.reached().remember(t.Context()), "this demo did not make")
		p.succeeds("down, "+end, p.begin(p.folder).down(t.Context()))
		p.still("namespace/shop", "configmap/mine -n shop", "clientintents/mine -n shop", "clientintents/mine -n prod", "crd/clientintents.k8s.otterize.com")
		d := p.reached()
		now, err := d.chosen(t.Context())
		p.succeeds("reading the cluster", errors.Join(err, save(d.markerFile(), now)))
	}
}

func TestDownAfterEveryEnd(t *testing.T) {
	p := newPerson(t)
	for name, tc := range map[string]struct {
		cleaned bool // bin/ is deleted before down
		end     func(d *demo) error
	}{
		"before anything was made":             {false, func(*demo) error { return nil }},
		"after a namespace":                    {true, func(d *demo) error { return p.bringOnly(d, "namespace/portolan-agent") }},
		"after the kinds, without an operator": {false, func(d *demo) error { return p.bringOnly(d, "customresourcedefinition/") }},
		"after an operator that never ran":     {true, func(d *demo) error { return d.bring(t.Context(), kustomization) }},
		"after the shop": {false, func(d *demo) error {
			return errors.Join(d.bring(t.Context(), kustomization), d.bring(t.Context(), shop))
		}},
		"after a down that was interrupted": {false, func(d *demo) error {
			return errors.Join(d.bring(t.Context(), kustomization), d.drop(t.Context(), "clusterrolebindings,namespaces"))
		}},
	} {
		d := p.begin(p.folder)
		p.succeeds(name+": choosing a cluster", d.chooseCluster(t.Context()))
		p.succeeds(name+": remembering it", d.remember(t.Context()))
		p.succeeds(name, tc.end(d))
		if tc.cleaned {
			p.succeeds(name+": cleaning bin/", os.RemoveAll(d.folder))
		}
		p.succeeds(name+": down", p.begin(p.folder).down(t.Context()))
		all, err := d.across(t.Context())
		if mine := d.mine(all); len(mine) > 0 || err != nil {
			t.Errorf("%s: left are %v, %v", name, mine, err)
		}
		if _, err := os.Stat(d.folder); err == nil {
			t.Errorf("%s: %s is left", name, d.folder)
		}
	}
}

func TestDownLeavesWhatAPersonMadeAfterTheDemo(t *testing.T) {
	p := newPerson(t)
	d := p.begin(p.folder)
	p.succeeds("choosing a cluster", d.chooseCluster(t.Context()))
	p.succeeds("installing", errors.Join(d.remember(t.Context()), d.bring(t.Context(), kustomization), d.bring(t.Context(), shop)))
	p.has(itsProd)
	p.has(clientIntents("prod", "mine"))
	p.has(clientIntents("shop", "the-demos"))
	p.has("{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: mine, namespace: prod}, spec: {podSelector: {}}}")
	p.has("{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: portolans, namespace: prod, labels: {app.kubernetes.io/managed-by: portolan}}, spec: {podSelector: {}}}")
	p.has("{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: prod, labels: {portolan.dev/workload: b}}, spec: {containers: [{name: b, image: b}]}}")
	for _, name := range []string{"proposal", "accepted"} {
		_, err := p.stage().Feed(t.Context(), strings.Replace(clientIntents("prod", name), "metadata: {",
			"metadata: {labels: {app.kubernetes.io/managed-by: portolan, portolan.dev/discovered: 'true'}, annotations: {portolan.dev/mode: shadow}, ", 1),
			"apply", "--server-side", "--field-manager=portolan-discovery", "-f", "-")
		p.succeeds("proposing", err)
	}
	_, err := p.stage().Do(t.Context(), "annotate", "clientintents", "accepted", "-n", "prod", "portolan.dev/mode-")
	p.succeeds("accepting", err)

	stranger := p.begin(t.TempDir()) // a second clone
	p.refuses("down from a second clone", stranger.down(t.Context()), "is used by the demo of "+string(d.owner))
	p.refuses("up from a second clone", p.begin(t.TempDir()).chooseCluster(t.Context()), "(of the demo of "+string(d.owner)+")")
	p.still("namespace/shop", "clientintents/the-demos -n shop")

	t.Setenv("DEMO_OF", string(d.owner))
	p.succeeds("down from a second clone that names the demo", p.begin(t.TempDir()).down(t.Context()))
	p.still("clientintents/mine -n prod", "clientintents/accepted -n prod", "networkpolicy/mine -n prod", "pod/b -n prod", "crd/clientintents.k8s.otterize.com")
	p.gone("namespace/shop", "namespace/portolan-system", "clientintents/proposal -n prod", "networkpolicy/portolans -n prod",
		"crd/protectedservices.k8s.otterize.com", "clusterrole/portolan-operator", "pods -n prod -l portolan.dev/workload")
	if want := "Left: the kind clientintents.k8s.otterize.com, because the demo did not make its objects prod/accepted, prod/mine."; !strings.Contains(p.said.String(), want) {
		t.Errorf("it says %q, want %q in it", p.said, want)
	}
	p.refuses("up while the person uses the kinds", p.begin(p.folder).chooseCluster(t.Context()), "clientintents.k8s.otterize.com")
}
