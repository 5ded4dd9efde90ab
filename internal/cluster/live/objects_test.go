package live

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster/declared"
)

// stored returns an object as it arrives from the API server.
func stored(object any) any {
	switch o := object.(type) {
	case *v2beta1.ClientIntents:
		return &declared.ClientIntents{ClientIntents: *o}
	case *v2beta1.ProtectedService:
		return &declared.ProtectedService{ProtectedService: *o}
	case *v2beta1.KafkaServerConfig:
		return &declared.KafkaServerConfig{KafkaServerConfig: *o}
	default:
		return object
	}
}

// broken returns a ClientIntents of the same name that does not decode.
func broken(o client.Object) *declared.ClientIntents {
	bad := &declared.ClientIntents{Fault: "spec: want an object, found string"}
	bad.Namespace, bad.Name, bad.UID = o.GetNamespace(), o.GetName(), o.GetUID()
	return bad
}

func ownedBy(kind, name string, uid types.UID) []metav1.OwnerReference {
	controller := true
	return []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: kind, Name: name, UID: uid, Controller: &controller}}
}

func deploymentOf(namespace, name string) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID("deployment-" + name)},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: template(labels),
		},
	}
}

// replicaSetOf returns the first ReplicaSet of deploymentOf.
func replicaSetOf(namespace, name string) *appsv1.ReplicaSet {
	labels := map[string]string{"app": name, "pod-template-hash": "1"}
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name + "-1", UID: types.UID("replicaset-" + name),
			OwnerReferences: ownedBy("Deployment", name, types.UID("deployment-"+name)),
		},
		Spec: appsv1.ReplicaSetSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template(labels)},
	}
}

func template(labels map[string]string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "example.com/main:1"}}},
	}
}

// pod returns a running pod without owner.
func pod(namespace, name, ip string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, UID: types.UID("uid-" + name), Labels: map[string]string{"app": name},
		},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIPs: []corev1.PodIP{{IP: ip}}},
	}
}

func serviceCIDR(ranges ...string) *networkingv1.ServiceCIDR {
	return &networkingv1.ServiceCIDR{
		ObjectMeta: metav1.ObjectMeta{Name: "kubernetes"}, Spec: networkingv1.ServiceCIDRSpec{CIDRs: ranges},
	}
}
