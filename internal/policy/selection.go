package policy

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
)

// Selection says how the pods of a subject or peer are selected. Labels and Hosts may both be empty: then nothing of it
// can be selected.
type Selection struct {
	Labels   map[string]string // the matchLabels that select its pods; nil when all of them are on the host network
	Hosts    []netip.Addr      // addresses of its pods on the host network, sorted, each once
	Labelled bool              // Labels is the label portolan.dev/workload, which its pods must carry
}

// Select returns how a workload or a Service's pods are selected; false if it does not exist or is a Service without
// selector. The caller must not change the labels.
//
// A workload's own labels are used where they are exact; otherwise the label portolan.dev/workload is.
func Select(snap *cluster.Snapshot, who identity.Workload) (Selection, bool) {
	m := matter{snap: snap, who: who}
	if who.Kind == identity.KindService {
		service, known := m.service()
		if !known || len(selectorOf(service)) == 0 {
			return Selection{}, false
		}
		return selectPods(service.Selector, m.pods()), true
	}
	w, known := m.workload()
	if !known {
		return Selection{}, false
	}
	if len(w.OwnLabels) > 0 {
		return selectPods(w.OwnLabels, w.Pods), true
	}
	chosen := selectPods(map[string]string{v2beta1.LabelWorkload: who.Key()}, w.Pods)
	chosen.Labelled = chosen.Labels != nil
	return chosen, true
}

func selectPods(labels map[string]string, pods []*cluster.Pod) Selection {
	hosts := make(map[netip.Addr]struct{})
	onHost := 0
	for _, p := range pods {
		if !p.HostNetwork {
			continue
		}
		onHost++
		for _, a := range hostAddresses(p) {
			hosts[a.Unmap()] = struct{}{}
		}
	}
	chosen := Selection{Hosts: slices.SortedFunc(maps.Keys(hosts), netip.Addr.Compare)}
	if len(pods) == 0 || onHost < len(pods) {
		chosen.Labels = labels
	}
	return chosen
}

// hostAddresses returns the addresses of a pod on the host network, which are those of its node.
func hostAddresses(p *cluster.Pod) []netip.Addr {
	if len(p.HostIPs) > 0 {
		return p.HostIPs
	}
	return p.IPs
}

// podLabel returns the label value that the subject's pods need, or the empty string.
func (m matter) podLabel() string {
	chosen, exists := Select(m.snap, m.who)
	if !exists || !chosen.Labelled || !m.isSelected() {
		return ""
	}
	return m.who.Key()
}

// isSelected reports whether a policy that is to be written selects the subject or has it as a peer.
func (m matter) isSelected() bool {
	if isEnforced(m.ingressMode()) || isEnforced(m.egressMode()) {
		return true
	}
	return m.isPeerOfServer() || m.isPeerOfClient()
}

// isPeerOfServer reports whether a server that the subject calls is isolated for ingress, by its own policy or by that
// of a subject that shares pods with it.
func (m matter) isPeerOfServer() bool {
	for server := range m.serversCalled() {
		called := m.about(server)
		if isEnforced(called.ingressMode()) {
			return true
		}
		for _, other := range called.sharing() {
			if isEnforced(m.about(other).ingressMode()) {
				return true
			}
		}
	}
	return false
}

// isPeerOfClient reports whether a client that calls the subject is restricted for egress.
func (m matter) isPeerOfClient() bool {
	if !m.set.Egress {
		return false
	}
	for _, p := range m.callers() {
		if isEnforced(m.about(p.Client).egressMode()) {
			return true
		}
	}
	return false
}

func isEnforced(mode Mode, _ v2beta1.TargetReason) bool { return mode == ModeEnforce }
