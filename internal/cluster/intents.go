package cluster

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-io/portolan/api/v2beta1"
)

// declared is what people want in a namespace.
type declared struct {
	intents   []*v2beta1.ClientIntents
	byClient  map[string][]*v2beta1.ClientIntents
	naming    map[Ref][]*v2beta1.ClientIntents
	protected []*v2beta1.ProtectedService
	brokers   []*v2beta1.KafkaServerConfig
}

func newDeclared(
	intents []*v2beta1.ClientIntents, protected []*v2beta1.ProtectedService, brokers []*v2beta1.KafkaServerConfig,
) *declared {
	d := &declared{
		intents:   sortedByAge(intents),
		byClient:  make(map[string][]*v2beta1.ClientIntents, len(intents)),
		naming:    make(map[Ref][]*v2beta1.ClientIntents, len(intents)),
		protected: sortedByName(protected),
		brokers:   sortedByName(brokers),
	}
	for _, i := range d.intents {
		client := apiName(i.Spec.Workload.Name)
		d.byClient[client] = append(d.byClient[client], i)
		for ref := range targetRefs(i) {
			d.naming[ref] = append(d.naming[ref], i)
		}
	}
	return d
}

// ParseRef reads a target's name, "<name>" or "<name>.<namespace>"; own is the namespace of the ClientIntents. ok is
// false for a name that the API would refuse today and that an old object may still hold.
func ParseRef(name, own string) (ref Ref, ok bool) {
	server, namespace, qualified := strings.Cut(name, ".")
	if !qualified {
		namespace = own
	}
	if server == "" || namespace == "" || strings.Contains(namespace, ".") {
		return Ref{}, false
	}
	return Ref{Namespace: namespace, Name: server}, true
}

// targetRefs yields each server that a ClientIntents names once, in the form in which names are compared.
func targetRefs(intents *v2beta1.ClientIntents) iter.Seq[Ref] {
	seen := make(map[Ref]struct{}, len(intents.Spec.Targets))
	return func(yield func(Ref) bool) {
		for i := range intents.Spec.Targets {
			ref, ok := ParseRef(targetName(&intents.Spec.Targets[i]), intents.Namespace)
			ref.Name = apiName(ref.Name)
			if _, again := seen[ref]; !ok || again {
				continue
			}
			seen[ref] = struct{}{}
			if !yield(ref) {
				return
			}
		}
	}
}

func targetName(t *v2beta1.Target) string {
	switch {
	case t.Kubernetes != nil:
		return t.Kubernetes.Name
	case t.Service != nil:
		return t.Service.Name
	case t.Kafka != nil:
		return t.Kafka.Name
	default:
		return ""
	}
}

func sortedByAge(all []*v2beta1.ClientIntents) []*v2beta1.ClientIntents {
	return slices.SortedFunc(slices.Values(all), func(a, b *v2beta1.ClientIntents) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
}

func sortedByName[T metav1.Object](all []T) []T {
	return slices.SortedFunc(slices.Values(all), func(a, b T) int { return cmp.Compare(a.GetName(), b.GetName()) })
}
