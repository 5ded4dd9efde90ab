package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/portolan-io/portolan/internal/testkit"
)

// TestTheDemoKeepsToItsCluster holds the demo's marker against two real API servers that one context leads to in turn, as when a
// person makes a cluster anew under its old name, or changes KUBECONFIG.
func TestTheDemoKeepsToItsCluster(t *testing.T) {
	t.Setenv("PATH", filepath.Dir(testkit.Kubectl(t))+":"+os.Getenv("PATH"))
	t.Setenv("CLUSTER", "current")
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	t.Setenv("KUBECONFIG", kubeconfig)
	first, second := testkit.BareControlPlane(t), testkit.BareControlPlane(t)
	said := new(strings.Builder)
	folder := t.TempDir()
	begin := func() *demo { return &demo{root: folder, folder: folder, out: said} }
	refuses := func(what string, err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", what, err, want)
		}
	}

	point(t, kubeconfig, first)
	if err := begin().chooseCluster(t.Context()); err != nil {
		t.Fatal(err)
	}
	point(t, kubeconfig, second)
	stranger := begin()
	stranger.take("mine")
	if err := stranger.stage.ApplyText(t.Context(), "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}"); err != nil {
		t.Fatal(err)
	}
	refuses("down on another cluster", begin().down(t.Context()), `context "mine" leads to another cluster`)
	refuses("up on another cluster", begin().chooseCluster(t.Context()), "remove it first with make demo-down")
	if got, err := stranger.stage.Get(t.Context(), "namespace", "shop", "-o", "jsonpath={.status.phase}"); err != nil || got != "Active" {
		t.Errorf("the other cluster's namespace shop is %q, %v; want it untouched", got, err)
	}
	if _, known, err := begin().marked(); !known || err != nil {
		t.Errorf("the marker is gone (%v): nobody could remove the demo any more", err)
	}

	point(t, kubeconfig, first)
	again := begin()
	if err := again.recall(t.Context()); err != nil || again.stage.Context != "mine" {
		t.Errorf("recall on the demo's own cluster = %v, context %q", err, again.stage.Context)
	}
}

// point lets the context "mine" of a kubeconfig lead to a cluster.
func point(t *testing.T, path string, to *rest.Config) {
	t.Helper()
	err := clientcmd.WriteToFile(api.Config{
		Clusters:       map[string]*api.Cluster{"c": {Server: to.Host, CertificateAuthorityData: to.CAData}},
		AuthInfos:      map[string]*api.AuthInfo{"u": {ClientCertificateData: to.CertData, ClientKeyData: to.KeyData}},
		Contexts:       map[string]*api.Context{"mine": {Cluster: "c", AuthInfo: "u"}},
		CurrentContext: "mine",
	}, path)
	if err != nil {
		t.Fatal(err)
	}
}
