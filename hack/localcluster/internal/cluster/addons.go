//go:build linux

package cluster

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/portolan-io/portolan/hack/localcluster/internal/plan"
)

// Images of the cluster itself, made by `make localcluster`.
const (
	pauseImage   = "localhost/localcluster/pause:1"
	corednsImage = "localhost/localcluster/coredns:1"
)

// addon is an object that the cluster needs besides those that Kubernetes makes itself.
type addon struct {
	path   string // of the object in the API
	object any
}

const (
	rbacPath   = "/apis/rbac.authorization.k8s.io/v1/"
	systemPath = "/api/v1/namespaces/kube-system/"
)

// addons returns the objects in the order in which they are applied.
func addons(p plan.Plan) []addon {
	kubeletClient := rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: kubeletClientUser}
	netpolClient := rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: netpolUser}
	coredns := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Name: "coredns", Namespace: "kube-system"}
	return append([]addon{
		binding(kubeletClientUser, "system:kubelet-api-admin", kubeletClient),
		role(netpolUser,
			rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods", "namespaces", "nodes"}, Verbs: []string{"get", "list", "watch"}},
			rbacv1.PolicyRule{APIGroups: []string{"networking.k8s.io"}, Resources: []string{"networkpolicies"}, Verbs: []string{"get", "list", "watch"}}),
		binding(netpolUser, netpolUser, netpolClient),
		role("system:coredns",
			rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"services", "pods", "namespaces"}, Verbs: []string{"list", "watch"}},
			rbacv1.PolicyRule{APIGroups: []string{"discovery.k8s.io"}, Resources: []string{"endpointslices"}, Verbs: []string{"list", "watch"}}),
		binding("system:coredns", "system:coredns", coredns),
	}, nameServer(p)...)
}

// role and binding return cluster-wide rights and who has them.
func role(name string, rules ...rbacv1.PolicyRule) addon {
	return addon{rbacPath + "clusterroles/" + name, rbacv1.ClusterRole{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRole"},
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Rules:      rules,
	}}
}

func binding(name, role string, who rbacv1.Subject) addon {
	return addon{rbacPath + "clusterrolebindings/" + name, rbacv1.ClusterRoleBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRoleBinding"},
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Subjects:   []rbacv1.Subject{who},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
	}}
}

// nameServer returns CoreDNS as other clusters have it: Deployment coredns behind Service kube-dns.
func nameServer(p plan.Plan) []addon {
	core := func(kind string) metav1.TypeMeta { return metav1.TypeMeta{APIVersion: "v1", Kind: kind} }
	meta := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: name, Namespace: "kube-system", Labels: dnsLabels()}
	}
	return []addon{
		{systemPath + "serviceaccounts/coredns", corev1.ServiceAccount{TypeMeta: core("ServiceAccount"), ObjectMeta: meta("coredns")}},
		{systemPath + "configmaps/coredns", corev1.ConfigMap{TypeMeta: core("ConfigMap"), ObjectMeta: meta("coredns"), Data: map[string]string{"Corefile": corefile(p)}}},
		{systemPath + "services/kube-dns", corev1.Service{TypeMeta: core("Service"), ObjectMeta: meta("kube-dns"), Spec: corev1.ServiceSpec{
			ClusterIP: p.DNS().String(),
			Selector:  dnsLabels(),
			Ports: []corev1.ServicePort{
				{Name: "dns", Port: 53, Protocol: corev1.ProtocolUDP, TargetPort: intstr.FromInt32(53)},
				{Name: "dns-tcp", Port: 53, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(53)},
				{Name: "metrics", Port: 9153, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(9153)},
			},
		}}},
		{"/apis/apps/v1/namespaces/kube-system/deployments/coredns", appsv1.Deployment{
			TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
			ObjectMeta: meta("coredns"),
			Spec: appsv1.DeploymentSpec{
				Replicas: new(int32(1)),
				Selector: &metav1.LabelSelector{MatchLabels: dnsLabels()},
				Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: dnsLabels()}, Spec: nameServerPod()},
			},
		}},
	}
}

func dnsLabels() map[string]string { return map[string]string{"k8s-app": "kube-dns"} }

// corefile answers for the cluster's own names. Of all others, those below the names that RFC 2606 reserves for examples
// lead to the host's end of the link, so that a test may play the world outside; the rest do not exist.
func corefile(p plan.Plan) string {
	return fmt.Sprintf(`cluster.local:53 in-addr.arpa:53 ip6.arpa:53 {
    errors
    health {
        lameduck 1s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
        ttl 5
    }
    prometheus :9153
    cache 5
    loadbalance
    reload 2s
}
example:53 example.com:53 example.net:53 example.org:53 test:53 {
    errors
    template IN A {
        answer "{{ .Name }} 30 IN A %s"
    }
    template IN ANY {
        rcode NOERROR
    }
}
.:53 {
    errors
    template ANY ANY {
        rcode NXDOMAIN
    }
}
`, p.Outside())
}

// nameServerPod returns the pod of CoreDNS, with no right but to listen on port 53.
func nameServerPod() corev1.PodSpec {
	probe := func(path string, port int32) *corev1.Probe {
		return &corev1.Probe{
			ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromInt32(port)}},
			PeriodSeconds: 1, FailureThreshold: 60, TimeoutSeconds: 5,
		}
	}
	return corev1.PodSpec{
		ServiceAccountName: "coredns",
		PriorityClassName:  "system-cluster-critical",
		DNSPolicy:          corev1.DNSDefault,
		Containers: []corev1.Container{{
			Name:            "coredns",
			Image:           corednsImage,
			ImagePullPolicy: corev1.PullNever,
			Args:            []string{"-conf", "/etc/coredns/Corefile"},
			Ports: []corev1.ContainerPort{
				{Name: "dns", ContainerPort: 53, Protocol: corev1.ProtocolUDP},
				{Name: "dns-tcp", ContainerPort: 53, Protocol: corev1.ProtocolTCP},
			},
			Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
				corev1.ResourceCPU: resource.MustParse("50m"), corev1.ResourceMemory: resource.MustParse("32Mi"),
			}},
			LivenessProbe:  probe("/health", 8080),
			ReadinessProbe: probe("/ready", 8181),
			SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: new(false),
				ReadOnlyRootFilesystem:   new(true),
				Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}, Add: []corev1.Capability{"NET_BIND_SERVICE"}},
				SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			VolumeMounts: []corev1.VolumeMount{{Name: "config", MountPath: "/etc/coredns", ReadOnly: true}},
		}},
		Volumes: []corev1.Volume{{Name: "config", VolumeSource: corev1.VolumeSource{
			ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "coredns"}},
		}}},
	}
}
