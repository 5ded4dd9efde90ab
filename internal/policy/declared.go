package policy

import (
	"cmp"
	"iter"
	"slices"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
)

// kindClientIntents is what Because and ObjectRef call a ClientIntents.
const kindClientIntents = "ClientIntents"

// isProposal reports whether a ClientIntents is evaluated and shown but has no effect.
func isProposal(intents *v2beta1.ClientIntents) bool {
	return intents.Annotations[v2beta1.AnnotationMode] == string(v2beta1.ModeShadow)
}

// asksToEnforce reports whether a ClientIntents is in force whatever the default mode is.
func asksToEnforce(intents *v2beta1.ClientIntents) bool {
	return intents.Annotations[v2beta1.AnnotationMode] == string(v2beta1.ModeEnforce)
}

// declares reports whether a ClientIntents could be in use: no proposal, and its client can be a workload.
func declares(intents *v2beta1.ClientIntents) bool {
	client := intents.Spec.Workload
	return !isProposal(intents) && client.Name != "" && client.Kind != identity.KindService
}

// used returns the ClientIntents that is used for the client of intents: the oldest one with the same name and kind; nil
// if there is none.
func used(space *cluster.Space, intents *v2beta1.ClientIntents) *v2beta1.ClientIntents {
	for _, other := range space.IntentsOf(intents.Spec.Workload.Name) {
		if other.Spec.Workload.Kind == intents.Spec.Workload.Kind && declares(other) {
			return other
		}
	}
	return nil
}

// inUse reports whether the targets of intents are declarations.
func inUse(space *cluster.Space, intents *v2beta1.ClientIntents) bool {
	if !declares(intents) {
		return false
	}
	chosen := used(space, intents)
	return chosen != nil && chosen.Name == intents.Name
}

// clientsOf returns the workloads that a ClientIntents declares for, sorted; none while they do not exist.
func clientsOf(snap *cluster.Snapshot, intents *v2beta1.ClientIntents) []identity.Workload {
	space, known := snap.Space(intents.Namespace)
	if !known || intents.Spec.Workload.Kind == identity.KindService {
		return nil
	}
	return space.Named(intents.Spec.Workload.Name, intents.Spec.Workload.Kind)
}

// intentsFor returns the ClientIntents in use for a client, the oldest first.
func intentsFor(snap *cluster.Snapshot, client identity.Workload) []*v2beta1.ClientIntents {
	space, known := snap.Space(client.Namespace)
	if !known || client.Kind == identity.KindService {
		return nil
	}
	var found []*v2beta1.ClientIntents
	for _, intents := range space.IntentsOf(client.Name) {
		if kind := intents.Spec.Workload.Kind; (kind == "" || kind == client.Kind) && inUse(space, intents) {
			found = append(found, intents)
		}
	}
	return found
}

// declarations yields every target of a ClientIntents in use that names server, by namespace of the client.
func declarations(snap *cluster.Snapshot, server identity.Workload) iter.Seq2[*v2beta1.ClientIntents, int] {
	return func(yield func(*v2beta1.ClientIntents, int) bool) {
		for _, namespace := range snap.Namespaces() {
			space, _ := snap.Space(namespace)
			for _, intents := range space.IntentsNaming(cluster.Ref{Namespace: server.Namespace, Name: server.Name}) {
				if inUse(space, intents) && !yieldNaming(intents, server, yield) {
					return
				}
			}
		}
	}
}

// yieldNaming yields the targets of one ClientIntents that name server. It is false when yield asked to stop.
func yieldNaming(intents *v2beta1.ClientIntents, server identity.Workload, yield func(*v2beta1.ClientIntents, int) bool) bool {
	for i := range intents.Spec.Targets {
		meant, ok := mean(&intents.Spec.Targets[i], intents.Namespace)
		if ok && meant.names(server) && !yield(intents, i) {
			return false
		}
	}
	return true
}

// isDeclared reports whether a ClientIntents in use or a called-by annotation names the subject.
func (m matter) isDeclared() bool {
	for range declarations(m.snap, m.who) {
		return true
	}
	return len(m.calledBy()) > 0
}

// namedBy returns the declarations that name the subject, whether their client exists or not.
func (m matter) namedBy() []Because {
	var found []Because
	for intents, target := range declarations(m.snap, m.who) {
		found = append(found, becauseOf(intents, target))
	}
	for _, ref := range m.calledBy() {
		if len(existing(m.snap, []identity.Workload{ref})) == 0 {
			found = append(found, becauseCalledBy(m.who))
		}
	}
	return found
}

// callers returns one permission for each client and declaration that names the subject, by client; clients that do not
// exist give none.
func (m matter) callers() []Permission {
	if m.who.Kind == identity.KindService && unusableService(m.snap, m.who) != "" {
		return nil
	}
	ports := m.servedPorts()
	var found []Permission
	declared := make(map[identity.Workload]struct{})
	for intents, target := range declarations(m.snap, m.who) {
		for _, client := range clientsOf(m.snap, intents) {
			declared[client] = struct{}{}
			found = append(found, Permission{Client: client, Server: m.who, Ports: ports, Because: becauseOf(intents, target)})
		}
	}
	for _, client := range m.annotatedCallers() {
		if _, already := declared[client]; !already {
			found = append(found, Permission{Client: client, Server: m.who, Because: becauseCalledBy(m.who)})
		}
	}
	slices.SortFunc(found, comparePermissions)
	return found
}

// servedPorts returns the target ports of a Service subject, in the Service's order; none for a workload, which is called
// on any port.
func (m matter) servedPorts() []Port {
	if service, isService := m.service(); isService {
		return targetPorts(service.Ports)
	}
	return nil
}

// in returns who may call the subject, in the order of the rules I1 to I4. The callers of another subject that shares a
// pod are declared too, and the policy of this one would cut them where the other has none of its own.
func (m matter) in() []Permission {
	found := m.callers()
	for _, other := range m.sharing() {
		neighbour := m.about(other)
		if mode, _ := neighbour.ingressMode(); mode != ModeEnforce {
			found = append(found, neighbour.callers()...)
		}
	}
	return append(found, m.implied()...)
}

// comparePermissions orders permissions by server, client and cause.
func comparePermissions(a, b Permission) int {
	return cmp.Or(
		identity.Compare(a.Server, b.Server), identity.Compare(a.Client, b.Client), compareBecause(a.Because, b.Because),
	)
}
