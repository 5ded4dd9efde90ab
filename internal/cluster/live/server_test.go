package live_test

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/live"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/testkit"
)

// patience is how long a test waits for what takes milliseconds on an idle machine.
const patience = time.Minute

// TestOnAPIServer holds the World against a real API server, with exactly the rights that it needs.
func TestOnAPIServer(t *testing.T) {
	s := startServer(t)
	t.Run("objects come and go", s.testObjects)
	t.Run("a burst of pods", s.testBurst)
	t.Run("objects that do not decode", s.testUnreadable)
	t.Run("owners of any kind", s.testOwners)
	t.Run("a kind that is not served", s.testMissingKind)
	t.Run("an API server that goes away", s.testOutage)
	t.Run("rights in one namespace only", s.testOneNamespace)
	t.Run("the ranges of ClusterIPs", s.testServiceRanges)
	t.Run("Endpoints without slices", s.testEndpoints)
}

// server is a real API server and a client with all rights.
type server struct {
	config *rest.Config
	client client.Client
}

func startServer(t *testing.T) *server {
	t.Helper()
	config := testkit.ControlPlane(t)
	scheme := runtime.NewScheme()
	builder := runtime.NewSchemeBuilder(
		corev1.AddToScheme, appsv1.AddToScheme, discoveryv1.AddToScheme, rbacv1.AddToScheme,
		apiextensionsv1.AddToScheme, v2beta1.AddToScheme,
	)
	if err := builder.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	all, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{config: config, client: all}
	s.create(t,
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "picture"}, Rules: rights()},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "picture"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "picture"},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: "portolan"}},
		})
	return s
}

// rights are what a World needs, and no more.
func rights() []rbacv1.PolicyRule {
	read := []string{"list", "watch"}
	return []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"pods", "services", "endpoints", "namespaces", "nodes"}, Verbs: read},
		{APIGroups: []string{"discovery.k8s.io"}, Resources: []string{"endpointslices"}, Verbs: read},
		{APIGroups: []string{"apps"}, Resources: []string{"deployments", "replicasets", "statefulsets", "daemonsets"}, Verbs: read},
		{APIGroups: []string{"networking.k8s.io"}, Resources: []string{"servicecidrs"}, Verbs: read},
		{APIGroups: []string{"batch"}, Resources: []string{"jobs", "cronjobs"}, Verbs: read},
		{APIGroups: []string{v2beta1.Group}, Resources: []string{"clientintents", "protectedservices", "kafkaserverconfigs"}, Verbs: read},
	}
}

// as returns a configuration with the rights of another user.
func (s *server) as(user string) *rest.Config {
	config := rest.CopyConfig(s.config)
	config.Impersonate.UserName = user
	return config
}

func (s *server) create(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, o := range objects {
		if err := s.client.Create(t.Context(), o); err != nil {
			t.Fatalf("creating %T %s: %v", o, o.GetName(), err)
		}
	}
}

func (s *server) namespace(t *testing.T, name string) {
	t.Helper()
	s.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"team": "a"}}})
}

// pod creates a pod that runs at ip.
func (s *server) pod(t *testing.T, namespace, name, ip string, owners ...metav1.OwnerReference) *corev1.Pod {
	t.Helper()
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, OwnerReferences: owners, Labels: map[string]string{"app": "web"},
		},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "example.com/main:1"}}},
	}
	s.create(t, p)
	p.Status.Phase, p.Status.PodIP, p.Status.PodIPs = corev1.PodRunning, ip, []corev1.PodIP{{IP: ip}}
	if err := s.client.Status().Update(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	return p
}

// observed is a running World and word of its changes.
type observed struct {
	*live.World
	changed chan struct{} // one slot
}

// observe runs a World until the test ends, or until the returned context is cancelled.
func observe(t *testing.T, config *rest.Config, o live.Options) *observed {
	t.Helper()
	seen := &observed{changed: make(chan struct{}, 1)}
	o.Announce = func(live.Change) {
		select {
		case seen.changed <- struct{}{}:
		default:
		}
	}
	world, err := live.New(config, o)
	if err != nil {
		t.Fatal(err)
	}
	seen.World = world
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() { world.Run(ctx) })
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
	limited, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := world.WaitSynced(limited); err != nil {
		t.Fatalf("%v; status %+v", err, world.Status())
	}
	return seen
}

// until waits for a Snapshot of which holds is true.
func (o *observed) until(t *testing.T, what string, holds func(*cluster.Snapshot) bool) {
	t.Helper()
	deadline := time.After(patience)
	for !holds(o.Current()) {
		select {
		case <-o.changed:
		case <-deadline:
			t.Fatalf("%s: not seen within %s; status %+v", what, patience, o.Status())
		}
	}
}

func holder(s *cluster.Snapshot, ip string) identity.Workload {
	for _, l := range s.Leases(netip.MustParseAddr(ip)) {
		if l.To.IsZero() {
			return l.Workload()
		}
	}
	return identity.Workload{}
}

func (s *server) testObjects(t *testing.T) {
	o := observe(t, s.as("portolan"), live.Options{})
	s.namespace(t, "shop")
	controller := true
	owner := metav1.OwnerReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web", Controller: &controller}
	labels := map[string]string{"app": "web"}
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "example.com/main:1"}}},
			},
		},
	}
	s.create(t, deployment)
	owner.UID = deployment.UID
	p := s.pod(t, "shop", "web-1", "10.9.0.1", owner)
	web := identity.Workload{Namespace: "shop", Kind: "Deployment", Name: "web"}
	o.until(t, "the pod with the name of its Deployment", func(snap *cluster.Snapshot) bool {
		w, known := snap.Workload(web)
		return known && holder(snap, "10.9.0.1") == web && w.OwnLabels["app"] == "web"
	})

	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
		Spec:       corev1.ServiceSpec{Selector: labels, Ports: []corev1.ServicePort{{Port: 80}}},
	}
	s.create(t, service, &v2beta1.ClientIntents{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
		Spec: v2beta1.ClientIntentsSpec{
			Workload: v2beta1.WorkloadReference{Name: "web", Kind: "Deployment"},
			Targets:  []v2beta1.Target{{Kubernetes: &v2beta1.KubernetesTarget{Name: "db"}}},
		},
	})
	o.until(t, "the Service and the ClientIntents", func(snap *cluster.Snapshot) bool {
		space, _ := snap.Space("shop")
		found, known := snap.ServiceAt(netip.MustParseAddr(service.Spec.ClusterIP))
		return known && found.Name == "web" && len(space.Behind("web")) == 1 && len(space.IntentsOf("web")) == 1 &&
			space.Labels["team"] == "a" && space.Labels["kubernetes.io/metadata.name"] == "shop"
	})
	o.until(t, "the API server's own Service", func(snap *cluster.Snapshot) bool {
		_, endpoints, known := snap.APIServer()
		return known && len(endpoints) > 0
	})

	now := int64(0)
	if err := s.client.Delete(t.Context(), p, &client.DeleteOptions{GracePeriodSeconds: &now}); err != nil {
		t.Fatal(err)
	}
	o.until(t, "the end of the pod", func(snap *cluster.Snapshot) bool {
		return holder(snap, "10.9.0.1").IsZero() && len(snap.Leases(netip.MustParseAddr("10.9.0.1"))) == 1
	})
}

func (s *server) testBurst(t *testing.T) {
	const pods, writers = 1000, 8
	o := observe(t, s.as("portolan"), live.Options{})
	s.namespace(t, "burst")
	before := o.Status()
	began := time.Now()
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for i := w; i < pods; i += writers {
				p := &corev1.Pod{
					ObjectMeta: metav1.ObjectMeta{Namespace: "burst", Name: fmt.Sprintf("p-%d", i)},
					Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "example.com/main:1"}}},
				}
				if err := s.client.Create(t.Context(), p); err != nil {
					t.Errorf("creating pod %d: %v", i, err)
				}
			}
		})
	}
	writing.Wait()
	o.until(t, "all pods", func(snap *cluster.Snapshot) bool {
		space, known := snap.Space("burst")
		return known && len(space.Pods()) == pods
	})
	took := time.Since(began)
	snapshots := o.Status().Snapshots - before.Snapshots
	t.Logf("%d pods in %s: %d snapshots, the last one took %s", pods, took, snapshots, o.Status().Took)
	if most := uint64(took/(50*time.Millisecond)) + 2; snapshots > most {
		t.Errorf("%d snapshots in %s, want at most %d", snapshots, took, most)
	}
}

func (s *server) testOneNamespace(t *testing.T) {
	s.namespace(t, "mine")
	s.namespace(t, "theirs")
	s.create(t,
		&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: "mine", Name: "picture"}, Rules: rights()},
		&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: "mine", Name: "picture"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "picture"},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: "confined"}},
		})
	s.pod(t, "mine", "web", "10.9.2.1")
	s.pod(t, "theirs", "web", "10.9.2.2")
	o := observe(t, s.as("confined"), live.Options{Namespaces: []string{"mine"}})
	o.until(t, "the pod of the one namespace", func(snap *cluster.Snapshot) bool {
		return !holder(snap, "10.9.2.1").IsZero()
	})
	if got := o.Current().Namespaces(); len(got) != 1 || got[0] != "mine" {
		t.Errorf("namespaces = %v, want mine alone", got)
	}
}
