package trim

import (
	"maps"
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-io/portolan/api/v2beta1"
)

// ClientIntents returns a ClientIntents without what changes with every write or repeats the rest: managed fields,
// resource version, kubectl's copy.
//
// Of the status only resolvedIPs is an input of decisions. The rest, which Portolan writes itself, is a starting point
// for whoever writes it next: a change of it is no reason to decide again, so a snapshot may hold an older one. See
// SameClientIntents.
func ClientIntents(c *v2beta1.ClientIntents) *v2beta1.ClientIntents {
	return &v2beta1.ClientIntents{ObjectMeta: objectMeta(&c.ObjectMeta), Spec: c.Spec, Status: c.Status}
}

// ProtectedService does for a ProtectedService what ClientIntents does; nothing in its status is an input.
func ProtectedService(p *v2beta1.ProtectedService) *v2beta1.ProtectedService {
	return &v2beta1.ProtectedService{ObjectMeta: objectMeta(&p.ObjectMeta), Spec: p.Spec, Status: p.Status}
}

// KafkaServerConfig does for a KafkaServerConfig what ClientIntents does; nothing in its status is an input.
func KafkaServerConfig(k *v2beta1.KafkaServerConfig) *v2beta1.KafkaServerConfig {
	return &v2beta1.KafkaServerConfig{ObjectMeta: objectMeta(&k.ObjectMeta), Spec: k.Spec, Status: k.Status}
}

// SameClientIntents reports whether two trimmed ClientIntents lead to the same decisions.
func SameClientIntents(a, b *v2beta1.ClientIntents) bool {
	return reflect.DeepEqual(a.ObjectMeta, b.ObjectMeta) && reflect.DeepEqual(a.Spec, b.Spec) &&
		reflect.DeepEqual(a.Status.ResolvedIPs, b.Status.ResolvedIPs)
}

// SameProtectedService reports whether two trimmed ProtectedServices lead to the same decisions.
func SameProtectedService(a, b *v2beta1.ProtectedService) bool {
	return reflect.DeepEqual(a.ObjectMeta, b.ObjectMeta) && a.Spec == b.Spec
}

// SameKafkaServerConfig reports whether two trimmed KafkaServerConfigs lead to the same decisions.
func SameKafkaServerConfig(a, b *v2beta1.KafkaServerConfig) bool {
	return reflect.DeepEqual(a.ObjectMeta, b.ObjectMeta) && reflect.DeepEqual(a.Spec, b.Spec)
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
