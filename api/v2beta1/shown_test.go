package v2beta1_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-io/portolan/api/v2alpha1"
	"github.com/portolan-io/portolan/api/v2beta1"
)

// testColumns reads what kubectl get prints, in both versions.
func (s server) testColumns(t *testing.T) {
	s.namespace(t, "columns")
	sample, err := os.ReadFile("testdata/sample.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s.applyWithStatus(t, decode(t, string(sample)))
	s.applyWithStatus(t, decode(t, `
apiVersion: k8s.otterize.com/v2beta1
kind: ProtectedService
metadata: {name: ledger, namespace: columns}
spec: {name: ledger}
status:
  observedGeneration: 1
  conditions: [{type: Ready, status: "False", reason: WorkloadNotFound, message: no workload ledger, lastTransitionTime: "2030-01-01T00:00:00Z"}]
`))
	s.applyWithStatus(t, decode(t, `
apiVersion: k8s.otterize.com/v2beta1
kind: KafkaServerConfig
metadata: {name: kafka, namespace: columns}
spec: {workload: {name: kafka}, addr: "kafka.mq:9092"}
status:
  observedGeneration: 1
  conditions: [{type: Ready, status: "True", reason: Applied, message: "", lastTransitionTime: "2030-01-01T00:00:00Z"}]
  managedPrincipals: ["User:CN=checkout.shop"]
  appliedTopics: [{topic: orders, pattern: literal}, {topic: orders, pattern: prefix}]
`))
	for plural, want := range map[string][2]string{
		"clientintents":      {"Name|Client|Kind|Targets|Mode|Ready|Would-Block|Age", "checkout|checkout|Deployment|1/3|enforce|True|0"},
		"protectedservices":  {"Name|Workload|Kind|Ready|Age", "ledger|ledger||False"},
		"kafkaserverconfigs": {"Name|Broker|Address|Ready|Age", "kafka|kafka|kafka.mq:9092|True"},
	} {
		for _, version := range []string{v2alpha1.Version, v2beta1.Version} {
			columns, cells := s.table(t, version, plural)
			if diff := cmp.Diff([2]string{columns, cells}, want); diff != "" {
				t.Errorf("%s of %s (-got +want):\n%s", plural, version, diff)
			}
		}
	}
}

// applyWithStatus applies the object and then its status, as a person and a controller would.
func (s server) applyWithStatus(t *testing.T, object *unstructured.Unstructured) {
	t.Helper()
	if err := s.client.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object.DeepCopy()), client.FieldOwner("somebody")); err != nil {
		t.Fatalf("applying %s: %v", object.GetName(), err)
	}
	s.applyStatus(t, object, "portolan")
}

func (s server) applyStatus(t *testing.T, object *unstructured.Unstructured, manager string) {
	t.Helper()
	object = object.DeepCopy()
	delete(object.Object, "spec")
	applied := client.ApplyConfigurationFromUnstructured(object)
	if err := s.client.Status().Apply(t.Context(), applied, client.FieldOwner(manager)); err != nil {
		t.Fatalf("applying the status of %s: %v", object.GetName(), err)
	}
}

// table returns the columns and the first row of what kubectl would print, without the age.
func (s server) table(t *testing.T, version, plural string) (columns, cells string) {
	t.Helper()
	config := rest.CopyConfig(s.config)
	groupVersion := v2beta1.GroupVersion()
	groupVersion.Version = version
	config.APIPath, config.GroupVersion, config.NegotiatedSerializer = "/apis", &groupVersion, scheme.Codecs
	http, err := rest.RESTClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	table := &metav1.Table{}
	err = http.Get().Namespace("columns").Resource(plural).
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").Do(t.Context()).Into(table)
	if err != nil {
		t.Fatalf("reading %s as a table: %v", plural, err)
	}
	if len(table.Rows) != 1 {
		t.Fatalf("%s: %d rows, want one", plural, len(table.Rows))
	}
	var names, values []string
	for i, column := range table.ColumnDefinitions {
		names = append(names, column.Name)
		if column.Name != "Age" {
			values = append(values, printed(table.Rows[0].Cells[i]))
		}
	}
	return strings.Join(names, "|"), strings.Join(values, "|")
}

// printed returns a cell as kubectl prints it.
func printed(cell any) string {
	if cell == nil {
		return ""
	}
	return fmt.Sprint(cell)
}

// testStatusHasTwoWriters shows that discovery and the policy controller keep out of each other's way.
func (s server) testStatusHasTwoWriters(t *testing.T) {
	namespace := s.namespace(t, "status")
	intents := &v2beta1.ClientIntents{Spec: v2beta1.ClientIntentsSpec{
		Workload: v2beta1.WorkloadReference{Name: "checkout"}, Targets: []v2beta1.Target{},
	}}
	intents.Namespace, intents.Name = namespace, "checkout"
	if err := s.client.Create(t.Context(), intents); err != nil {
		t.Fatal(err)
	}
	status := func(fields string) *unstructured.Unstructured {
		return decode(t, `{apiVersion: k8s.otterize.com/v2beta1, kind: ClientIntents, metadata: {name: checkout, namespace: status}, status: `+fields+`}`)
	}
	s.applyStatus(t, status(`{resolvedIPs: [{dns: a.example.com, ips: [192.0.2.1]}, {dns: b.example.com, ips: ["2001:db8::1"]}]}`), "discovery")
	s.applyStatus(t, status(`{mode: shadow, targets: [{index: 0, state: Failed, reason: InvalidTarget}, {index: 1, state: Shadow}]}`), "policies")
	s.applyStatus(t, status(`{mode: enforce, targets: [{index: 1, state: Enforced}]}`), "policies")
	s.applyStatus(t, status(`{resolvedIPs: [{dns: b.example.com, ips: ["2001:db8::2"]}]}`), "discovery")

	if err := s.client.Get(t.Context(), client.ObjectKeyFromObject(intents), intents); err != nil {
		t.Fatal(err)
	}
	want := v2beta1.ClientIntentsStatus{
		Mode:        v2beta1.ModeEnforce,
		Targets:     []v2beta1.TargetStatus{{Index: 1, State: v2beta1.TargetStateEnforced}},
		ResolvedIPs: []v2beta1.ResolvedIPs{{DNS: "b.example.com", IPs: []string{"2001:db8::2"}}},
	}
	if diff := cmp.Diff(intents.Status, want); diff != "" {
		t.Errorf("status (-got +want):\n%s", diff)
	}
}

// testObjectsFromBeforeTheRules shows that an object which was stored before a rule existed can still be changed, as long
// as what breaks the rule stays as it is.
func (s server) testObjectsFromBeforeTheRules(t *testing.T) {
	namespace := s.namespace(t, "before")
	key := client.ObjectKey{Name: "clientintents." + v2beta1.Group}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := s.client.Get(t.Context(), key, crd); err != nil {
		t.Fatal(err)
	}
	withRules := crd.DeepCopy()
	for i := range crd.Spec.Versions {
		spec := crd.Spec.Versions[i].Schema.OpenAPIV3Schema.Properties["spec"]
		targets := spec.Properties["targets"]
		targets.Items.Schema.XValidations = nil
		spec.Properties["targets"] = targets
	}
	if err := s.client.Update(t.Context(), crd); err != nil {
		t.Fatal(err)
	}
	stored := decode(t, `{apiVersion: k8s.otterize.com/v2beta1, kind: ClientIntents, metadata: {name: it, namespace: `+namespace+`}, spec: {workload: {name: a}, targets: [{}]}}`)
	eventually(t, "an empty target to be accepted", func(ctx context.Context) bool {
		return s.client.Create(ctx, stored) == nil
	})
	withRules.ResourceVersion = crd.ResourceVersion
	if err := s.client.Update(t.Context(), withRules); err != nil {
		t.Fatal(err)
	}
	eventually(t, "an empty target to be refused", func(ctx context.Context) bool {
		return apierrors.IsInvalid(s.tryCreate(ctx, object(t, v2beta1.KindClientIntents, targets(1, `{}`))))
	})

	stored.SetLabels(map[string]string{"team": "shop"})
	if err := s.client.Update(t.Context(), stored); err != nil {
		t.Errorf("changing a label: %v", err)
	}
	both := []any{map[string]any{}, map[string]any{}}
	if err := unstructured.SetNestedSlice(stored.Object, both, "spec", "targets"); err != nil {
		t.Fatal(err)
	}
	checkRefused(t, s.client.Update(t.Context(), stored), refusal{"spec.targets[1]", messageV3})
}

// eventually waits until the API server, which takes up a changed CRD after a moment, does what the test wants.
func eventually(t *testing.T, what string, done func(context.Context) bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, time.Minute, true,
		func(ctx context.Context) (bool, error) { return done(ctx), nil })
	if err != nil {
		t.Fatalf("waiting for %s: %v", what, err)
	}
}

// testExplanations shows that kubectl explain has something to say about each field, in either version.
func (s server) testExplanations(t *testing.T) {
	for _, plural := range []string{"clientintents", "protectedservices", "kafkaserverconfigs"} {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := s.client.Get(t.Context(), client.ObjectKey{Name: plural + "." + v2beta1.Group}, crd); err != nil {
			t.Fatal(err)
		}
		for _, version := range crd.Spec.Versions {
			for _, part := range []string{"spec", "status"} {
				checkExplained(t, crd.Spec.Names.Kind+" "+version.Name+" "+part, version.Schema.OpenAPIV3Schema.Properties[part])
			}
		}
	}
}

func checkExplained(t *testing.T, path string, schema apiextensionsv1.JSONSchemaProps) {
	t.Helper()
	if schema.Description == "" {
		t.Errorf("%s has no description", path)
	}
	for name, field := range schema.Properties {
		checkExplained(t, path+"."+name, field)
	}
	if schema.Items != nil && schema.Items.Schema != nil && schema.Items.Schema.Type == "object" {
		for name, field := range schema.Items.Schema.Properties {
			checkExplained(t, path+"[]."+name, field)
		}
	}
}
