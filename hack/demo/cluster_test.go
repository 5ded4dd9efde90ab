package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-io/portolan/internal/testkit"
	"github.com/portolan-io/portolan/internal/testkit/stage"
)

// person has a cluster of his own, a real API server without controllers, and a context "mine" for it.
type person struct {
	t          *testing.T
	plane      *rest.Config
	kubeconfig string
	folder     string // stands for bin/demo of his checkout
	said       *strings.Builder
}

func newPerson(t *testing.T) *person {
	t.Helper()
	p := &person{
		t: t, plane: testkit.BareControlPlane(t), folder: filepath.Join(t.TempDir(), "demo"),
		kubeconfig: filepath.Join(t.TempDir(), "kubeconfig"), said: new(strings.Builder),
	}
	t.Setenv("PATH", filepath.Dir(testkit.Kubectl(t))+":"+os.Getenv("PATH"))
	t.Setenv("CLUSTER", "current")
	t.Setenv("KUBECONFIG", p.kubeconfig)
	p.point("mine", p.plane)
	finishNamespaces(t, p.plane)
	return p
}

// begin is the demo of a checkout that is known by the folder.
func (p *person) begin(folder string) *demo {
	p.t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		p.t.Fatal(err)
	}
	d := &demo{
		root: root, folder: folder, state: filepath.Join(folder, "no-record"), entry: filepath.Join(folder, "no-cluster"),
		system: "linux", out: p.said, owner: owner("here:" + folder),
	}
	if other := owner(os.Getenv("DEMO_OF")); other != "" && other != d.owner {
		d.owner, d.another = other, true
	}
	return d
}

// point lets a context of the kubeconfig lead to a cluster.
func (p *person) point(name string, to *rest.Config) {
	p.t.Helper()
	p.succeeds("writing the kubeconfig", clientcmd.WriteToFile(api.Config{
		Clusters:       map[string]*api.Cluster{"c": {Server: to.Host, CertificateAuthorityData: to.CAData}},
		AuthInfos:      map[string]*api.AuthInfo{"u": {ClientCertificateData: to.CertData, ClientKeyData: to.KeyData}},
		Contexts:       map[string]*api.Context{name: {Cluster: "c", AuthInfo: "u"}},
		CurrentContext: name,
	}, p.kubeconfig))
}

// reached is a demo of the person's checkout that has taken the cluster.
func (p *person) reached() *demo {
	p.t.Helper()
	d := p.begin(p.folder)
	d.reach("mine")
	return d
}

// stage is the person's own kubectl.
func (p *person) stage() stage.Stage { return p.reached().stage }

// has lets the person make objects.
func (p *person) has(objects string) {
	p.t.Helper()
	p.succeeds("making the person's objects", p.stage().ApplyText(p.t.Context(), objects))
}

// bringOnly brings those objects of Portolan whose "kind/name" begins so, as a demo does that is interrupted.
func (p *person) bringOnly(d *demo, beginning string) error {
	text, _, err := d.manifest(p.t.Context(), kustomization)
	if err != nil {
		return err
	}
	var list struct {
		APIVersion string           `json:"apiVersion"`
		Kind       string           `json:"kind"`
		Items      []map[string]any `json:"items"`
	}
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return err
	}
	list.Items = slices.DeleteFunc(list.Items, func(item map[string]any) bool {
		name, _ := item["metadata"].(map[string]any)["name"].(string)
		kind, _ := item["kind"].(string)
		return !strings.HasPrefix(strings.ToLower(kind)+"/"+name, beginning)
	})
	part, err := json.Marshal(list)
	if err != nil {
		return err
	}
	_, err = d.stage.Feed(p.t.Context(), string(part), "apply", "--server-side", "-f", "-")
	return err
}

// still fails unless every one of the objects, as kubectl names them, is there and stays.
func (p *person) still(objects ...string) {
	p.t.Helper()
	for _, o := range objects {
		if got, err := p.look(o); err != nil || got != " " {
			p.t.Errorf("%s is %q, %v; want it untouched", o, got, err)
		}
	}
}

// gone fails if one of the objects is there.
func (p *person) gone(objects ...string) {
	p.t.Helper()
	for _, o := range objects {
		if got, err := p.look(o); err != nil || got != "" {
			p.t.Errorf("%s is there still, deleted at %q (%v)", o, got, err)
		}
	}
}

// look returns nothing if the object is not there, else a blank and when it was deleted.
func (p *person) look(object string) (string, error) {
	return p.stage().Get(p.t.Context(), append(strings.Fields(object), "--ignore-not-found", "-o",
		"go-template={{if .items}}{{len .items}}{{else if .metadata.name}} {{with .metadata.deletionTimestamp}}{{.}}{{end}}{{end}}")...)
}

func (p *person) succeeds(what string, err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatalf("%s: %v\n%s", what, err, p.said)
	}
}

func (p *person) refuses(what string, err error, want string) {
	p.t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		p.t.Errorf("%s: %v, want an error with %q", what, err, want)
	}
}

// finishNamespaces does until the test ends what a cluster's controllers do for a namespace that is deleted, as far as these tests
// need it: it deletes the ClientIntents in it, and lets it go.
func finishNamespaces(t *testing.T, plane *rest.Config) {
	t.Helper()
	c, err := client.New(plane, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	t.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			if err := finishOnce(ctx, c); err != nil && ctx.Err() == nil {
				t.Errorf("finishing namespaces: %v", err)
			}
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
		}
	}()
}

func finishOnce(ctx context.Context, c client.Client) error {
	var all corev1.NamespaceList
	if err := c.List(ctx, &all); err != nil {
		return err
	}
	for i := range all.Items {
		n := &all.Items[i]
		if n.DeletionTimestamp.IsZero() {
			continue
		}
		intents := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "k8s.otterize.com/v2beta1", "kind": "ClientIntents"}}
		if err := c.DeleteAllOf(ctx, intents, client.InNamespace(n.Name)); err != nil && !meta.IsNoMatchError(err) && !apierrors.IsNotFound(err) {
			return err
		}
		n.Spec.Finalizers = nil
		if err := c.SubResource("finalize").Update(ctx, n); client.IgnoreNotFound(err) != nil && !apierrors.IsConflict(err) {
			return err
		}
	}
	return nil
}
