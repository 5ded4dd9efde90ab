package controllers_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/controllers"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
)

// An operator with exactly the rights of config/rbac does everything that it has to do, and asks for nothing else.
func TestExactlyTheRightsThatWeShip(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.namespace("portolan-system")
	f.namespace("portolan-agent")
	f.install(filepath.Join("..", "config", "rbac", "role.yaml"))
	f.install(filepath.Join("..", "config", "rbac", "operator.yaml"))
	seen := graph.New(graph.Limits{})
	o := f.start(discovering(seen, controllers.WriteApply), func(s *setup) {
		s.manager.LeaderElection, s.manager.LeaderElectionID, s.manager.LeaderElectionNamespace = true, "portolan-operator", "portolan-system"
		s.manager.LeaderElectionReleaseOnCancel = true
		s.config = func(config *rest.Config) {
			config.Impersonate = rest.ImpersonationConfig{
				UserName: "system:serviceaccount:portolan-system:portolan-operator",
				Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:portolan-system", "system:authenticated"},
			}
		}
	})

	f.shop("shop") // policies, status
	f.create(pod("shop", "lonely", nil), &v2beta1.ProtectedService{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "lonely"},
		Spec:       v2beta1.ProtectedServiceSpec{WorkloadReference: v2beta1.WorkloadReference{Name: "lonely", Kind: "Pod"}},
	})
	f.labelIs("lonely", identity.Workload{Namespace: "shop", Kind: "Pod", Name: "lonely"}.Key())
	f.condition("shop", "checkout", v2beta1.ConditionReady, metav1.ConditionTrue, v2beta1.ReasonApplied)
	f.event("shop", "ClientIntents", "checkout", "CreatedNetworkPolicies")
	f.protection("lonely", metav1.ConditionTrue, v2beta1.ReasonApplied)
	see(seen, "shop", "payments", "checkout")
	f.intents("shop", "payments", "checkout") // discovery
	f.create(calls("shop", "mine"))           // nothing to do with it
	theirs := calls("shop", "payments", "checkout")
	theirs.Name = "theirs"
	f.create(theirs)
	f.eventually("waiting for discovery to give way", func() error {
		return f.absent(client.ObjectKey{Namespace: "shop", Name: "payments"}, new(v2beta1.ClientIntents))
	})
	f.remove(calls("shop", "checkout"))
	f.noPolicy("shop", paymentsPolicy)
	f.quiet(o)
	o.stop()
	if denied := o.requests.forbidden(); len(denied) > 0 {
		t.Errorf("the rights in config/rbac do not allow: %v", denied)
	}
}

// install creates every object of a manifest.
func (f *fixture) install(path string) {
	f.Helper()
	text, err := os.ReadFile(path)
	f.must(err)
	documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		o := new(unstructured.Unstructured)
		err := documents.Decode(o)
		if errors.Is(err, io.EOF) {
			return
		}
		f.must(err)
		f.create(o)
	}
}
