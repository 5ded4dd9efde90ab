// Package testkit holds what the tests of several rooms share: real servers to test against, builders of objects and
// fakes that work. Nothing that is shipped imports it, and it decides nothing that Portolan decides.
package testkit

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// controlPlaneTimeout is how long etcd and the API server may each take to start and to stop. They need three seconds
// on an idle machine; the rest is for machines that run every other test at the same time.
const controlPlaneTimeout = 2 * time.Minute

// ControlPlane starts a real etcd and kube-apiserver with the CRDs of config/crd and returns the configuration of a
// cluster administrator, without a client-side rate limit. Both end when t does.
//
// Every call starts servers of its own, which takes about four seconds: call it once in a test, and give each subtest a
// namespace of its own. There are no controllers, so nothing deletes what a deleted owner leaves behind, a namespace
// stays Terminating, and no pod ever runs. The admission plug-in ServiceAccount is off. Access is decided by RBAC:
// impersonate a user to test with fewer rights.
//
// The programs come from the directory in KUBEBUILDER_ASSETS, or else from bin/localcluster/envtest. Where they are
// missing the test fails and says how to build them; it is never skipped. A cluster in the caller's environment is never
// used, whatever USE_EXISTING_CLUSTER says.
func ControlPlane(t testing.TB) *rest.Config {
	t.Helper()
	return start(t, filepath.Join(moduleRoot(t), "config", "crd", "bases"))
}

// BareControlPlane is ControlPlane without the CRDs, as a cluster is before Portolan comes.
func BareControlPlane(t testing.TB) *rest.Config {
	t.Helper()
	return start(t)
}

func start(t testing.TB, crds ...string) *rest.Config {
	t.Helper()
	ownServers := false
	environment := &envtest.Environment{
		UseExistingCluster:       &ownServers,
		BinaryAssetsDirectory:    controlPlanePrograms(t, moduleRoot(t)),
		CRDDirectoryPaths:        crds,
		ErrorIfCRDPathMissing:    true,
		ControlPlaneStartTimeout: controlPlaneTimeout,
		ControlPlaneStopTimeout:  controlPlaneTimeout,
	}
	// Registered before the start, so that an etcd whose API server did not come up is ended as well.
	t.Cleanup(func() {
		if err := environment.Stop(); err != nil {
			t.Errorf("stopping the control plane: %v", err)
		}
	})
	config, err := environment.Start()
	if err != nil {
		t.Fatalf("starting the control plane: %v", err)
	}
	config.QPS = -1
	return config
}

// Kubectl returns the path of the kubectl that belongs to the control plane.
func Kubectl(t testing.TB) string {
	t.Helper()
	return filepath.Join(controlPlanePrograms(t, moduleRoot(t)), "kubectl")
}

// controlPlanePrograms returns the directory that holds etcd, kube-apiserver and kubectl.
func controlPlanePrograms(t testing.TB, root string) string {
	t.Helper()
	dir := os.Getenv("KUBEBUILDER_ASSETS")
	if dir == "" {
		dir = filepath.Join(root, "bin", "localcluster", "envtest")
	}
	for _, program := range []string{"etcd", "kube-apiserver", "kubectl"} {
		if _, err := os.Stat(filepath.Join(dir, program)); err != nil {
			t.Fatalf("the control plane for tests is not there (%v): run \"make localcluster\"", err)
		}
	}
	return dir
}

// moduleRoot returns the nearest directory, from the working directory upwards, that holds the go.mod of Portolan.
func moduleRoot(t testing.TB) string {
	t.Helper()
	start, err := os.Getwd()
	if err != nil {
		t.Fatalf("finding the root of the module: %v", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if declaresPortolan(filepath.Join(dir, "go.mod")) {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatalf("no go.mod of github.com/portolan-io/portolan in %s or above: run the test from its package's directory", start)
		}
	}
}

// declaresPortolan reports whether the go.mod at path begins with Portolan's module line.
func declaresPortolan(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	return lines.Scan() && strings.TrimSpace(lines.Text()) == "module github.com/portolan-io/portolan"
}
