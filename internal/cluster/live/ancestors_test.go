package live_test

import (
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/live"
)

const customGroup = "owners.example.com"

// testOwners has pods of custom resources, of which the user may read some, on a real API server.
func (s *server) testOwners(t *testing.T) {
	s.serve(t, "PodSet", "podsets", apiextensionsv1.NamespaceScoped)
	s.serve(t, "Broker", "brokers", apiextensionsv1.NamespaceScoped)
	s.serve(t, "Tenant", "tenants", apiextensionsv1.ClusterScoped)
	s.create(t,
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "owners"}, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{customGroup}, Resources: []string{"podsets", "tenants"}, Verbs: []string{"get"}},
		}},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "owners"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "owners"},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: "portolan"}},
		})
	s.namespace(t, "owned")
	tenant := s.custom(t, "Tenant", "acme", "v1", nil)
	broker := s.custom(t, "Broker", "main.x", "v1", &tenant)
	set := s.custom(t, "PodSet", "set", "v1", &broker)
	free := s.custom(t, "PodSet", "free", "v1", &tenant)
	former := set
	former.UID = "of-an-object-of-that-name-that-is-gone"
	older := set
	older.APIVersion = customGroup + "/v1alpha1"
	unknown := metav1.OwnerReference{APIVersion: "nobody.example.com/v1", Kind: "Thing", Name: "thing", UID: "thing"}

	o := observe(t, s.as("portolan"), live.Options{})
	for name, tc := range map[string]struct {
		ip    string
		owner metav1.OwnerReference
		want  string
	}{
		"the walk leads through kinds that may be read":             {"10.9.7.1", free, "Tenant/acme"},
		"it ends at a reference to a kind that is forbidden":        {"10.9.7.2", set, "Broker/main_x"},
		"it ends at a reference to an object that is gone":          {"10.9.7.3", former, "PodSet/set"},
		"a version that is no longer served is read as another one": {"10.9.7.4", older, "Broker/main_x"},
		"it ends at a reference to a kind that nobody knows":        {"10.9.7.5", unknown, "Thing/thing"},
	} {
		s.pod(t, "owned", "pod-"+tc.ip, tc.ip, tc.owner)
		o.until(t, name, func(snap *cluster.Snapshot) bool {
			who := holder(snap, tc.ip)
			tenant, known := snap.Tenant(uidOf(snap, "pod-"+tc.ip))
			return who.Kind+"/"+who.Name == tc.want && known && !tenant.Unresolved()
		})
	}
	if got := o.Status().Owners; got.Unresolved != 0 || got.Error != "" {
		t.Errorf("owners = %+v, want none that waits", got)
	}
	fresh := observe(t, s.as("portolan"), live.Options{})
	if who := holder(fresh.Current(), "10.9.7.2"); who.Kind != "Broker" {
		t.Errorf("the first Snapshot names the pod %s, want its Broker", who)
	}
}

func uidOf(snap *cluster.Snapshot, pod string) string {
	space, _ := snap.Space("owned")
	if p, known := space.Pod(pod); known {
		return p.UID
	}
	return ""
}

// serve lets the API server serve a custom kind.
func (s *server) serve(t *testing.T, kind, plural string, scope apiextensionsv1.ResourceScope) {
	t.Helper()
	anything := true
	s.create(t, &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: plural + "." + customGroup},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: customGroup, Scope: scope,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Kind: kind, ListKind: kind + "List", Plural: plural},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1", Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
					Type: "object", XPreserveUnknownFields: &anything,
				}},
			}},
		},
	})
}

// custom creates a custom resource, as soon as its kind is served, and returns a reference to it.
func (s *server) custom(t *testing.T, kind, name, version string, owner *metav1.OwnerReference) metav1.OwnerReference {
	t.Helper()
	object := &unstructured.Unstructured{}
	object.SetAPIVersion(customGroup + "/" + version)
	object.SetKind(kind)
	object.SetName(name)
	if kind != "Tenant" {
		object.SetNamespace("owned")
	}
	if owner != nil {
		object.SetOwnerReferences([]metav1.OwnerReference{*owner})
	}
	deadline := time.After(patience)
	retry := time.NewTicker(50 * time.Millisecond)
	defer retry.Stop()
	for {
		err := s.client.Create(t.Context(), object.DeepCopy())
		if err == nil {
			break
		}
		select {
		case <-retry.C:
		case <-deadline:
			t.Fatalf("creating %s %s: %v", kind, name, err)
		}
	}
	if err := s.client.Get(t.Context(), client.ObjectKeyFromObject(object), object); err != nil {
		t.Fatal(err)
	}
	return metav1.OwnerReference{APIVersion: object.GetAPIVersion(), Kind: kind, Name: name, UID: object.GetUID()}
}

// testServiceRanges holds the ranges of ClusterIPs that the API server tells against a ClusterIP that it gives.
func (s *server) testServiceRanges(t *testing.T) {
	o := observe(t, s.as("portolan"), live.Options{})
	o.until(t, "the range of ClusterIPs", func(snap *cluster.Snapshot) bool {
		service, _, known := snap.APIServer()
		return known && snap.Knows(service.ClusterIPs[0].Next().Next())
	})
	blind := observe(t, s.as("confined"), live.Options{Namespaces: []string{"mine"}})
	for _, k := range blind.Status().Kinds {
		if k.Error != "" && k.Kind == "ServiceCIDR" {
			t.Errorf("status = %+v, want no error where ranges may not be read", k)
		}
	}
}
