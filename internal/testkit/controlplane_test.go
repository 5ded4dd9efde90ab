package testkit

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"k8s.io/client-go/discovery"
)

func TestControlPlaneServesTheAPI(t *testing.T) {
	t.Setenv("USE_EXISTING_CLUSTER", "true")
	client, err := discovery.NewDiscoveryClientForConfig(ControlPlane(t))
	if err != nil {
		t.Fatal(err)
	}
	resources, err := client.ServerResourcesForGroupVersion("k8s.otterize.com/v2beta1")
	if err != nil {
		t.Fatal(err)
	}
	served := map[string]bool{}
	for _, resource := range resources.APIResources {
		served[resource.Name] = true
	}
	for _, name := range []string{"clientintents", "protectedservices/status", "kafkaserverconfigs"} {
		if !served[name] {
			t.Errorf("%s is not served, only %v", name, served)
		}
	}
}

func TestControlPlaneSaysHowToBuildWhatIsMissing(t *testing.T) {
	t.Setenv("KUBEBUILDER_ASSETS", t.TempDir())
	failure := failureOf(t, func(t testing.TB) { ControlPlane(t) })
	for _, want := range []string{"etcd", `run "make localcluster"`} {
		if !strings.Contains(failure, want) {
			t.Errorf("the failure is %q, want it to say %q", failure, want)
		}
	}
}

func TestControlPlaneSaysWhereItLooksForTheModule(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	failure := failureOf(t, func(t testing.TB) { ControlPlane(t) })
	if !strings.Contains(failure, dir) {
		t.Errorf("the failure is %q, want it to name %s", failure, dir)
	}
}

// failureOf returns what body says when it fails. A body that does not fail fails t.
func failureOf(t *testing.T, body func(testing.TB)) string {
	t.Helper()
	said := &failing{TB: t}
	done := make(chan struct{})
	go func() { // Fatalf ends its goroutine
		defer close(done)
		body(said)
	}()
	<-done
	if said.failure == "" {
		t.Fatal("it did not fail")
	}
	return said.failure
}

// failing is a test that keeps what it fails with to itself.
type failing struct {
	testing.TB
	failure string
}

func (f *failing) Helper() {}

func (f *failing) Fatalf(format string, args ...any) {
	f.failure = fmt.Sprintf(format, args...)
	runtime.Goexit()
}
