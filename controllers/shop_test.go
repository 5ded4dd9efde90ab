package controllers_test

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-io/portolan/api/v2beta1"
)

// deployment returns a Deployment whose pods carry app=<name>.
func deployment(namespace, name string) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "none"}}},
			},
		},
	}
}

// pod returns a bare pod.
func pod(namespace, name string, labels map[string]string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "none"}}},
	}
}

// calls returns ClientIntents of a Deployment for other Deployments.
func calls(namespace, client string, servers ...string) *v2beta1.ClientIntents {
	intents := &v2beta1.ClientIntents{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: client},
		Spec:       v2beta1.ClientIntentsSpec{Workload: v2beta1.WorkloadReference{Name: client, Kind: "Deployment"}},
	}
	intents.Spec.Targets = []v2beta1.Target{}
	for _, s := range servers {
		intents.Spec.Targets = append(intents.Spec.Targets, v2beta1.Target{
			Kubernetes: &v2beta1.KubernetesTarget{Name: s, Kind: "Deployment"},
		})
	}
	return intents
}

func keyOf(o client.Object) client.ObjectKey { return client.ObjectKeyFromObject(o) }
