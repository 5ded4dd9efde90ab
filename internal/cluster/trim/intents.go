package trim

import (
	"maps"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-io/portolan/api/v2beta1"
)

// ClientIntents returns the part of a ClientIntents that decisions are taken from: names, generation, labels,
// annotations, spec, and of the status resolvedIPs alone. What Portolan itself writes to the rest of the status is left
// out on purpose: it must not be a reason to decide again. Whoever writes a status reads the old one from the API server.
func ClientIntents(c *v2beta1.ClientIntents) *v2beta1.ClientIntents {
	return &v2beta1.ClientIntents{
		ObjectMeta: objectMeta(&c.ObjectMeta),
		Spec:       c.Spec,
		Status:     v2beta1.ClientIntentsStatus{ResolvedIPs: c.Status.ResolvedIPs},
	}
}

// ProtectedService returns the part of a ProtectedService that decisions are taken from: everything but its status.
func ProtectedService(p *v2beta1.ProtectedService) *v2beta1.ProtectedService {
	return &v2beta1.ProtectedService{ObjectMeta: objectMeta(&p.ObjectMeta), Spec: p.Spec}
}

// KafkaServerConfig returns the part of a KafkaServerConfig that decisions are taken from: everything but its status.
func KafkaServerConfig(k *v2beta1.KafkaServerConfig) *v2beta1.KafkaServerConfig {
	return &v2beta1.KafkaServerConfig{ObjectMeta: objectMeta(&k.ObjectMeta), Spec: k.Spec}
}

// objectMeta keeps nothing that changes with every write, such as the resource version.
func objectMeta(m *metav1.ObjectMeta) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: m.Namespace, Name: m.Name, UID: m.UID, Generation: m.Generation,
		CreationTimestamp: m.CreationTimestamp, DeletionTimestamp: m.DeletionTimestamp,
		Labels: m.Labels, Annotations: withoutLastApplied(m.Annotations), Finalizers: m.Finalizers,
	}
}

// lastApplied is where kubectl keeps a second copy of the object.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

func withoutLastApplied(annotations map[string]string) map[string]string {
	if _, present := annotations[lastApplied]; !present {
		return annotations
	}
	if len(annotations) == 1 {
		return nil
	}
	kept := maps.Clone(annotations)
	delete(kept, lastApplied)
	return kept
}
