package trim_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/trim"
)

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

func TestServiceKeepsEveryAddressAndPort(t *testing.T) {
	got, err := trim.Service(&corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeLoadBalancer, ClusterIPs: []string{"10.96.0.1", "fd00::1"}, ExternalIPs: []string{"198.51.100.1"},
			Selector: map[string]string{"app": "web"},
			Ports: []corev1.ServicePort{
				{Name: "http", Port: 80, TargetPort: intstr.FromString("http"), NodePort: 30080},
				{Name: "dns", Port: 53, Protocol: corev1.ProtocolUDP},
				{Name: "admin", Port: 81, TargetPort: intstr.FromInt32(8081)},
			},
		},
		Status: corev1.ServiceStatus{LoadBalancer: corev1.LoadBalancerStatus{Ingress: []corev1.LoadBalancerIngress{
			{IP: "203.0.113.9"}, {Hostname: "LB.example.com."}, {IP: "203.0.113.9", Hostname: "known.example.com"}, {Hostname: "no name"},
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := &cluster.Service{
		Namespace: "shop", Name: "web", Type: cluster.LoadBalancer, Selector: map[string]string{"app": "web"},
		ClusterIPs: []netip.Addr{addr("10.96.0.1"), addr("fd00::1")}, ExternalIPs: []netip.Addr{addr("198.51.100.1"), addr("203.0.113.9"), addr("203.0.113.9")},
		Balancers: []string{"lb.example.com"},
		Ports: []cluster.ServicePort{
			{Name: "http", Port: 80, TargetName: "http", NodePort: 30080, Protocol: "TCP"},
			{Name: "dns", Port: 53, TargetPort: 53, Protocol: "UDP"},
			{Name: "admin", Port: 81, TargetPort: 8081, Protocol: "TCP"},
		},
	}
	if diff := cmp.Diff(got, want, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("Service (-got +want):\n%s", diff)
	}
}

func TestAHeadlessServiceHasNoAddress(t *testing.T) {
	for _, spec := range []corev1.ServiceSpec{
		{ClusterIP: "None"}, {ClusterIP: "None", ClusterIPs: []string{"None"}}, {Type: corev1.ServiceTypeExternalName, ExternalName: "db.example.com"},
	} {
		got, err := trim.Service(&corev1.Service{Spec: spec})
		if err != nil || len(got.ClusterIPs) != 0 {
			t.Errorf("%+v: addresses %v, %v, want none", spec, got.ClusterIPs, err)
		}
	}
}

func TestEndpointSliceKeepsWhoIsBehind(t *testing.T) {
	no, port, name := false, int32(8080), "http"
	got, err := trim.EndpointSlice(&discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: "shop", Name: "web-x", Labels: map[string]string{"kubernetes.io/service-name": "web"}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints: []discoveryv1.Endpoint{
			{Addresses: []string{"10.0.0.1"}, TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: "web-1"}},
			{Addresses: []string{"10.0.0.2"}, Conditions: discoveryv1.EndpointConditions{Ready: &no}, TargetRef: &corev1.ObjectReference{Kind: "Node", Name: "n1"}},
			{Addresses: []string{"10.0.0.3"}, TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: "shop", Name: "web-2"}},
			{Addresses: []string{"10.0.0.4"}, TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: "store", Name: "web-2"}}, // of another namespace
		},
		Ports: []discoveryv1.EndpointPort{{Name: &name, Port: &port}, {}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := &cluster.EndpointSlice{
		Namespace: "shop", Name: "web-x", Service: "web",
		Endpoints: []cluster.Endpoint{
			{Addresses: []netip.Addr{addr("10.0.0.1")}, Pod: "web-1", Ready: true},
			{Addresses: []netip.Addr{addr("10.0.0.2")}},
			{Addresses: []netip.Addr{addr("10.0.0.3")}, Pod: "web-2", Ready: true},
			{Addresses: []netip.Addr{addr("10.0.0.4")}, Ready: true},
		},
		Ports: []cluster.ServicePort{{Name: "http", Port: 8080, Protocol: "TCP"}, {Protocol: "TCP"}},
	}
	if diff := cmp.Diff(got, want, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("EndpointSlice (-got +want):\n%s", diff)
	}
	names, err := trim.EndpointSlice(&discoveryv1.EndpointSlice{
		AddressType: discoveryv1.AddressTypeFQDN, Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"db.example.com"}}},
	})
	if err != nil || len(names.Endpoints) != 0 {
		t.Errorf("a slice of names = %+v, %v, want no endpoints", names, err)
	}
}

func TestAnEndpointsObjectSaysWhatASliceSays(t *testing.T) {
	objects, err := trim.Decode([]byte(`
apiVersion: v1
kind: Endpoints
metadata: {name: web, namespace: shop}
subsets:
- addresses: [{ip: 10.0.0.1, targetRef: {kind: Pod, name: web-1, namespace: shop}}, {ip: "fd00::1"}]
  notReadyAddresses: [{ip: 10.0.0.2, targetRef: {kind: Pod, name: web-2, namespace: shop}}]
  ports: [{name: http, port: 8080}, {name: dns, port: 53, protocol: UDP}]
- addresses: [{ip: 10.0.0.3}, {ip: nowhere}]
  ports: [{name: http, port: 8080}]
`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := trim.Endpoints(objects[0])
	const wrong = "Endpoints shop/web: \"nowhere\" is not an IP address"
	if err == nil || err.Error() != wrong {
		t.Errorf("error %v, want %s", err, wrong)
	}
	want := &cluster.EndpointSlice{
		Namespace: "shop", Name: "web", Service: "web",
		Endpoints: []cluster.Endpoint{
			{Addresses: []netip.Addr{addr("10.0.0.1")}, Pod: "web-1", Ready: true},
			{Addresses: []netip.Addr{addr("fd00::1")}, Ready: true},
			{Addresses: []netip.Addr{addr("10.0.0.2")}, Pod: "web-2"},
			{Addresses: []netip.Addr{addr("10.0.0.3")}, Ready: true},
			{Ready: true},
		},
		Ports: []cluster.ServicePort{{Name: "http", Port: 8080, Protocol: "TCP"}, {Name: "dns", Port: 53, Protocol: "UDP"}},
	}
	if diff := cmp.Diff(got, want, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("Endpoints (-got +want):\n%s", diff)
	}
	if other, err := trim.Endpoints(&corev1.Pod{}); other != nil || err != nil {
		t.Errorf("a pod says %+v, %v as Endpoints", other, err)
	}
}

func TestAnAddressThatIsNoneIsLeftOutAndReported(t *testing.T) {
	service, err := trim.Service(&corev1.Service{Spec: corev1.ServiceSpec{ClusterIPs: []string{"10.96.0.256", "fd00::1"}, ExternalIPs: []string{"x"}}})
	if err == nil || len(service.ClusterIPs) != 1 || len(service.ExternalIPs) != 0 {
		t.Errorf("Service = %+v, %v, want the good address and an error", service, err)
	}
	slice, err := trim.EndpointSlice(&discoveryv1.EndpointSlice{Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"", "10.0.0.1"}}}})
	if err == nil || len(slice.Endpoints[0].Addresses) != 1 {
		t.Errorf("EndpointSlice = %+v, %v, want the good address and an error", slice, err)
	}
	joined := time.Date(2026, 11, 20, 7, 0, 0, 0, time.UTC)
	node, err := trim.Node(&corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "n1", CreationTimestamp: metav1.NewTime(joined)},

		Spec:   corev1.NodeSpec{PodCIDRs: []string{"10.0.0.0/33", "10.1.2.3/24"}},
		Status: corev1.NodeStatus{Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "?"}, {Type: corev1.NodeHostName, Address: "n1"}}},
	})
	if err == nil || len(node.Addresses) != 0 || len(node.PodCIDRs) != 1 || node.PodCIDRs[0].String() != "10.1.2.0/24" || node.Created != joined {
		t.Errorf("Node = %+v, %v, want the good range, masked, when it was created, and an error", node, err)
	}
}

func TestASelectorThatIsMoreThanLabelsIsNoSelector(t *testing.T) {
	job := trim.Job(&batchv1.Job{Spec: batchv1.JobSpec{Selector: &metav1.LabelSelector{
		MatchLabels:      map[string]string{"a": "b"},
		MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "c", Operator: metav1.LabelSelectorOpExists}},
	}}}, trim.Options{})
	if job.MatchLabels != nil {
		t.Errorf("match labels = %v, want none", job.MatchLabels)
	}
}

func TestImagesNameAJobWhereThatIsAskedFor(t *testing.T) {
	for name, tc := range map[string]struct {
		images map[string]string
		want   string
	}{
		"registry and tag go":           {map[string]string{"main": "gcr.io/proj/foo:1"}, "proj-foo"},
		"a digest goes":                 {map[string]string{"main": "example.com/foo@sha256:abc"}, "foo"},
		"an image without registry":     {map[string]string{"main": "busybox"}, "busybox"},
		"sidecars do not count":         {map[string]string{"main": "a/b", "istio-proxy": "istio/proxyv2", "log-sidecar": "x/y"}, "b"},
		"nothing is left of no images":  {nil, ""},
		"a registry with a port is cut": {map[string]string{"main": "localhost:5000/team/foo:2"}, "team-foo"},
	} {
		t.Run(name, func(t *testing.T) {
			var spec corev1.PodSpec
			for container, image := range tc.images {
				spec.Containers = append(spec.Containers, corev1.Container{Name: container, Image: image})
			}
			job := &batchv1.Job{Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: spec}}}
			if got := trim.Job(job, trim.Options{ImageNamesForJobs: true}).ImageName; got != tc.want {
				t.Errorf("image name = %q, want %q", got, tc.want)
			}
			if got := trim.Job(job, trim.Options{}).ImageName; got != "" {
				t.Errorf("image name = %q without the option, want none", got)
			}
		})
	}
}

func TestIntentsKeepOnlyTheInputsOfDecisions(t *testing.T) {
	object := &v2beta1.ClientIntents{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: "web", Generation: 3, ResourceVersion: "77", ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "x"}},
			Annotations: map[string]string{"portolan.dev/mode": "shadow", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
		},
		Status: v2beta1.ClientIntentsStatus{TargetsSummary: "1/1", ResolvedIPs: []v2beta1.ResolvedIPs{{DNS: "example.com"}}},
	}
	want := &v2beta1.ClientIntents{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: "web", Generation: 3, Annotations: map[string]string{"portolan.dev/mode": "shadow"},
		},
		Status: v2beta1.ClientIntentsStatus{ResolvedIPs: []v2beta1.ResolvedIPs{{DNS: "example.com"}}},
	}
	if diff := cmp.Diff(trim.ClientIntents(object), want); diff != "" {
		t.Errorf("ClientIntents (-got +want):\n%s", diff)
	}
	if _, kept := object.Annotations["kubectl.kubernetes.io/last-applied-configuration"]; !kept {
		t.Error("the object itself was changed")
	}
}
