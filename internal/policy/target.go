package policy

import (
	"strings"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
)

// meaning is what one target names, before anything is looked up.
type meaning struct {
	Type      v2beta1.TargetType
	Server    cluster.Ref // of kubernetes, service and kafka
	Kind      string      // of the server; KindService for a Service; empty for a workload of any kind
	APIServer bool
}

// mean reads a target of a ClientIntents in namespace own. It is false for a target that the API refuses today and that
// an old object may still hold.
func mean(t *v2beta1.Target, own string) (meaning, bool) {
	kind, ok := t.Type()
	if !ok {
		return meaning{}, false
	}
	switch kind {
	case v2beta1.TargetTypeKubernetes:
		return meanServer(meaning{Type: kind, Kind: t.Kubernetes.Kind}, t.Kubernetes.Name, own)
	case v2beta1.TargetTypeService:
		return meanServer(meaning{Type: kind, Kind: identity.KindService}, t.Service.Name, own)
	case v2beta1.TargetTypeKafka:
		return meanServer(meaning{Type: kind}, t.Kafka.Name, own)
	default:
		return meaning{Type: kind}, true
	}
}

func meanServer(m meaning, name, own string) (meaning, bool) {
	ref, ok := cluster.ParseRef(name, own)
	if !ok {
		return meaning{}, false
	}
	m.Server = ref
	m.APIServer = m.Type != v2beta1.TargetTypeKafka && isAPIServer(ref) && (m.Kind == "" || m.Kind == identity.KindService)
	return m, true
}

func isAPIServer(ref cluster.Ref) bool {
	api := identity.APIServer()
	return ref.Namespace == api.Namespace && ref.Name == api.Name
}

// inCluster reports whether the target is served by pods.
func (m meaning) inCluster() bool { return m.Server != (cluster.Ref{}) && !m.APIServer }

// isService reports whether the target is a Service, in either spelling.
func (m meaning) isService() bool { return m.inCluster() && m.Kind == identity.KindService }

// names reports whether the target means that workload or Service.
func (m meaning) names(who identity.Workload) bool {
	switch {
	case !m.inCluster() || m.Server.Namespace != who.Namespace:
		return false
	case m.Kind == identity.KindService || who.Kind == identity.KindService:
		return m.Kind == who.Kind && m.Server.Name == who.Name
	default:
		return (m.Kind == "" || m.Kind == who.Kind) && sameName(m.Server.Name, who.Name)
	}
}

// servers returns the subjects that the target means, sorted: the workloads that exist, or the Service whether it exists
// or not; none for a target that pods do not serve.
func (m meaning) servers(snap *cluster.Snapshot) []identity.Workload {
	switch {
	case !m.inCluster():
		return nil
	case m.isService():
		return []identity.Workload{{Namespace: m.Server.Namespace, Kind: identity.KindService, Name: m.Server.Name}}
	}
	space, known := snap.Space(m.Server.Namespace)
	if !known {
		return nil
	}
	return space.Named(m.Server.Name, m.Kind)
}

// sameName compares names as the API does: '_' also stands for '.'.
func sameName(a, b string) bool {
	return a == b || strings.ReplaceAll(a, ".", "_") == strings.ReplaceAll(b, ".", "_")
}
