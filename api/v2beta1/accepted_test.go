package v2beta1_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-io/portolan/api/v2alpha1"
	"github.com/portolan-io/portolan/api/v2beta1"
)

// testAcceptedManifests applies manifests in the form that Otterize's users have them, checks that the API server keeps
// every field of them, and reads each of them in both versions.
func (s server) testAcceptedManifests(t *testing.T) {
	s.namespace(t, "accepted")
	for _, want := range documents(t, filepath.Join("testdata", "accepted")) {
		t.Run(strings.ToLower(want.GetKind())+" "+want.GetName(), func(t *testing.T) {
			applied := client.ApplyConfigurationFromUnstructured(want.DeepCopy())
			if err := s.client.Apply(t.Context(), applied, client.FieldOwner("somebody")); err != nil {
				t.Fatalf("applying the manifest: %v", err)
			}
			for _, version := range []string{v2alpha1.Version, v2beta1.Version} {
				got := &unstructured.Unstructured{}
				got.SetGroupVersionKind(want.GroupVersionKind())
				got.SetAPIVersion(v2beta1.Group + "/" + version)
				if err := s.client.Get(t.Context(), client.ObjectKeyFromObject(want), got); err != nil {
					t.Fatalf("reading it as %s: %v", version, err)
				}
				withDefaults := want.DeepCopy()
				addSecretKeys(withDefaults)
				if diff := cmp.Diff(got.Object["spec"], withDefaults.Object["spec"]); diff != "" {
					t.Errorf("spec read as %s (-got +want):\n%s", version, diff)
				}
			}
		})
	}
}

// addSecretKeys writes into a KafkaServerConfig with SASL what the API server adds to it.
func addSecretKeys(object *unstructured.Unstructured) {
	secret, found, _ := unstructured.NestedMap(object.Object, "spec", "sasl", "secretRef")
	if found {
		secret["usernameKey"], secret["passwordKey"] = "username", "password"
		_ = unstructured.SetNestedMap(object.Object, secret, "spec", "sasl", "secretRef")
	}
}

// documents returns every object in the YAML files of dir.
func documents(t testing.TB, dir string) []*unstructured.Unstructured {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests in %s (%v)", dir, err)
	}
	var objects []*unstructured.Unstructured
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for document := range strings.SplitSeq(string(content), "\n---\n") {
			objects = append(objects, decode(t, document))
		}
	}
	return objects
}

func (s server) testAccepted(t *testing.T) {
	longest := strings.Repeat("a", 253)
	for name, tc := range map[string]struct{ kind, spec string }{
		"a workload with a '_'":             {v2beta1.KindClientIntents, `{workload: {name: my_app}, targets: []}`},
		"an empty kind":                     {v2beta1.KindClientIntents, `{workload: {name: a, kind: ""}, targets: [{kubernetes: {name: b, kind: ""}}]}`},
		"the longest names":                 {v2beta1.KindClientIntents, `{workload: {name: ` + longest + `, kind: D` + text(62) + `}, targets: [{kubernetes: {name: ` + longest + `.` + text(63) + `}}, {sql: {name: ` + longest + `}}]}`},
		"a database with dots":              {v2beta1.KindClientIntents, targets(1, `{sql: {name: a.b.c}}`)},
		"empty lists":                       {v2beta1.KindClientIntents, targets(1, `{kubernetes: {name: b, http: []}}, {kafka: {name: k, topics: []}}, {sql: {name: d, privileges: []}}`)},
		"http without methods":              {v2beta1.KindClientIntents, targets(1, `{service: {name: b, http: [{path: /}, {path: "*/x", methods: []}, {path: "/x*", methods: [HEAD]}]}}`)},
		"a topic without operations listed": {v2beta1.KindClientIntents, targets(1, `{kafka: {name: k, topics: [{name: t, operations: []}]}}`)},
		"the longest topic":                 {v2beta1.KindClientIntents, targets(1, `{kafka: {name: k, topics: [{name: `+text(248)+`*, operations: [consume]}]}}`)},
		"roles and empty actions":           {v2beta1.KindClientIntents, targets(1, `{azure: {scope: /x, roles: [Reader], actions: [], dataActions: []}}`)},
		"roles and a vault":                 {v2beta1.KindClientIntents, targets(1, `{azure: {scope: /x, roles: [Reader], keyVaultPolicy: {}}}`)},
		"both kinds of actions":             {v2beta1.KindClientIntents, targets(1, `{azure: {scope: /x, actions: [a], dataActions: [b]}}`)},
		"addresses of every form":           {v2beta1.KindClientIntents, targets(1, `{internet: {ips: ["0.0.0.0/0", "::/0", 10.1.2.3/8, "2001:db8::1", "2001:db8::/32", "2001:0db8:0000:0000:0000:0000:0000:0001/128", "64:ff9b::192.0.2.33"]}}`)},
		"domains of every form":             {v2beta1.KindClientIntents, targets(1, `{internet: {domains: [localhost, example.com., API.Example.COM, "*.example.com", _sip._tcp.example.com, bücher.example, 例え.テスト, xn--bcher-kva.example, `+text(63)+`.com, `+strings.Repeat("a.", 127)+`]}}`)},
		"the ends of the ports":             {v2beta1.KindClientIntents, targets(1, `{internet: {ips: [10.0.0.1], ports: [1, 65535]}}`)},
		"the most of everything internet":   {v2beta1.KindClientIntents, targets(1, `{internet: {domains: [`+list(100, "example.com")+`], ips: [`+list(250, "10.0.0.1")+`], ports: [`+list(200, "443")+`]}}`)},
		"all methods of HTTP":               {v2beta1.KindClientIntents, targets(1, `{service: {name: b, http: [{path: /`+text(1023)+`, methods: [GET, HEAD, POST, PUT, DELETE, OPTIONS, TRACE, PATCH, CONNECT]}]}}`)},
		"all permissions of a vault":        {v2beta1.KindClientIntents, targets(1, everyVaultPermission)},
		"the longest protected name":        {v2beta1.KindProtectedService, `{name: ` + longest + `, kind: Service}`},
		"a broker without an address":       {v2beta1.KindKafkaServerConfig, `{workload: {name: kafka}}`},
		"an empty address":                  {v2beta1.KindKafkaServerConfig, `{workload: {name: kafka}, addr: ""}`},
		"an IPv6 address":                   {v2beta1.KindKafkaServerConfig, `{workload: {name: kafka}, addr: "[2001:db8::1]:9092"}`},
		"several addresses":                 {v2beta1.KindKafkaServerConfig, `{workload: {name: kafka}, addr: "a:1,b.c:65535,10.0.0.1:9092"}`},
		"tls with plaintext false":          {v2beta1.KindKafkaServerConfig, `{workload: {name: kafka}, plaintext: false, tls: {certFile: "", keyFile: "", rootCAFile: /ca}}`},
		"a template":                        {v2beta1.KindKafkaServerConfig, `{workload: {name: kafka}, principalTemplate: "CN=$ServiceName.$Namespace,OU=$Kind"}`},
	} {
		t.Run(name, func(t *testing.T) {
			if err := s.tryCreate(t.Context(), object(t, tc.kind, tc.spec)); err != nil {
				t.Error(err)
			}
		})
	}
}

const everyVaultPermission = `{azure: {scope: /x, keyVaultPolicy: {
  certificatePermissions: [all, backup, create, delete, deleteissuers, get, getissuers, import, list, listissuers, managecontacts, manageissuers, purge, recover, restore, setissuers, update],
  keyPermissions: [all, backup, create, decrypt, delete, encrypt, get, getrotationpolicy, import, list, purge, recover, release, restore, rotate, setrotationpolicy, sign, unwrapkey, update, verify, wrapkey],
  secretPermissions: [all, backup, delete, get, list, purge, recover, restore, set],
  storagePermissions: [all, backup, delete, deletesas, get, getsas, list, listsas, purge, recover, regeneratekey, restore, set, setsas, update]}}}`

// testLargestObject shows that the rules fit into what the API server spends on one object: 1000 targets with names of
// the greatest length, and as many addresses as a request can hold.
func (s server) testLargestObject(t *testing.T) {
	for name, target := range map[string]string{
		"workloads": `{kubernetes: {name: ` + text(253) + `.` + text(63) + `, kind: D` + text(62) + `}}`,
		"addresses": `{internet: {ips: [` + list(50, `"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"`) + `]}}`,
		"domains":   `{internet: {domains: [` + list(100, text(20)+`.com`) + `]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			if err := s.tryCreate(t.Context(), object(t, v2beta1.KindClientIntents, targets(1000, target))); err != nil {
				t.Errorf("1000 targets: %.300s", err)
			}
		})
	}
}

// testVersions writes one object in each version and reads it in the other, as Go types.
func (s server) testVersions(t *testing.T) {
	namespace := s.namespace(t, "versions")
	kinds := []v2beta1.Target{{Kubernetes: &v2beta1.KubernetesTarget{Name: "payments.pay"}}}
	spec := v2beta1.ClientIntentsSpec{Workload: v2beta1.WorkloadReference{Name: "checkout", Kind: "Deployment"}, Targets: kinds}

	older := &v2alpha1.ClientIntents{Spec: spec}
	older.Namespace, older.Name = namespace, "older"
	newer := &v2beta1.ClientIntents{Spec: spec}
	newer.Namespace, newer.Name = namespace, "newer"
	for _, object := range []client.Object{older, newer} {
		if err := s.client.Create(t.Context(), object); err != nil {
			t.Fatalf("creating %s: %v", object.GetName(), err)
		}
	}

	olderAsNewer, newerAsOlder := &v2beta1.ClientIntents{}, &v2alpha1.ClientIntents{}
	if err := s.client.Get(t.Context(), client.ObjectKeyFromObject(older), olderAsNewer); err != nil {
		t.Fatal(err)
	}
	if err := s.client.Get(t.Context(), client.ObjectKeyFromObject(newer), newerAsOlder); err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]v2beta1.ClientIntentsSpec{
		"v2alpha1 read as v2beta1": olderAsNewer.Spec,
		"v2beta1 read as v2alpha1": newerAsOlder.Spec,
	} {
		if diff := cmp.Diff(got, spec); diff != "" {
			t.Errorf("%s (-got +want):\n%s", name, diff)
		}
	}
}

// testDefaults shows the only two values that the API server fills in.
func (s server) testDefaults(t *testing.T) {
	config := object(t, v2beta1.KindKafkaServerConfig, fmt.Sprintf(`{workload: {name: k}, sasl: {mechanism: %s, secretRef: {name: s}}}`, v2beta1.KafkaSASLPlain))
	if err := s.tryCreate(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	got, _, _ := unstructured.NestedMap(config.Object, "spec", "sasl", "secretRef")
	want := map[string]any{"name": "s", "usernameKey": "username", "passwordKey": "password"}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("secretRef (-got +want):\n%s", diff)
	}
}
