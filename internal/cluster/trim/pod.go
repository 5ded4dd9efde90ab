package trim

import (
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
)

// Pod returns the facts about a pod. An error names addresses that could not be read; the facts are good without them.
func Pod(p *corev1.Pod, o Options) (*cluster.Pod, error) {
	ips, err := podIPs(p)
	if err != nil {
		err = fmt.Errorf("pod %s/%s: status.podIPs: %w", p.Namespace, p.Name, err)
	}
	finished := p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	return &cluster.Pod{
		Namespace: p.Namespace, Name: p.Name, UID: uid(string(p.UID), "Pod", p.Name),
		Owner: OwnerOf(p.OwnerReferences), Labels: p.Labels, Annotations: ruleAnnotations(p.Annotations),
		WorkloadName: o.workloadName(p.Annotations), CalledBy: p.Annotations[v2beta1.AnnotationCalledBy],
		Hostname: p.Spec.Hostname, Node: p.Spec.NodeName, HostNetwork: p.Spec.HostNetwork, HostIPs: hostIPs(p), IPs: ips,
		ServiceAccount: serviceAccount(p.Spec), Ports: containerPorts(p.Spec),
		Created: p.CreationTimestamp.UTC(), Ended: ended(p, finished),
		Finished: finished, Terminating: p.DeletionTimestamp != nil,
	}, err
}

func podIPs(p *corev1.Pod) ([]netip.Addr, error) {
	texts := make([]string, 0, 2)
	for _, ip := range p.Status.PodIPs {
		texts = append(texts, ip.IP)
	}
	if len(texts) == 0 && p.Status.PodIP != "" {
		texts = append(texts, p.Status.PodIP)
	}
	if len(texts) == 0 {
		return nil, nil
	}
	return addresses(make([]netip.Addr, 0, len(texts)), texts...)
}

// hostIPs returns the addresses of the node of a pod on the host network; other pods have no use for them.
func hostIPs(p *corev1.Pod) []netip.Addr {
	if !p.Spec.HostNetwork {
		return nil
	}
	var texts []string
	for _, ip := range p.Status.HostIPs {
		texts = append(texts, ip.IP)
	}
	if len(texts) == 0 && p.Status.HostIP != "" {
		texts = []string{p.Status.HostIP}
	}
	list, _ := addresses(nil, texts...) // the pod's own addresses are the same, and Pod reports those
	return list
}

func serviceAccount(spec corev1.PodSpec) string {
	if spec.ServiceAccountName == "" {
		return "default"
	}
	return spec.ServiceAccountName
}

// containerPorts returns the ports of the containers and of those init containers that run beside them.
func containerPorts(spec corev1.PodSpec) []cluster.ContainerPort {
	var ports []cluster.ContainerPort
	for i := range spec.Containers {
		ports = appendPorts(ports, spec.Containers[i].Ports)
	}
	for i := range spec.InitContainers {
		if policy := spec.InitContainers[i].RestartPolicy; policy != nil && *policy == corev1.ContainerRestartPolicyAlways {
			ports = appendPorts(ports, spec.InitContainers[i].Ports)
		}
	}
	return ports
}

func appendPorts(list []cluster.ContainerPort, ports []corev1.ContainerPort) []cluster.ContainerPort {
	for _, p := range ports {
		list = append(list, cluster.ContainerPort{
			Name: p.Name, Port: p.ContainerPort, HostPort: p.HostPort, Protocol: protocol(p.Protocol), HostIP: hostIP(p.HostIP),
		})
	}
	return list
}

// hostIP returns the one address at which a host port is. The kubelet refuses what is no address; here that is none in
// particular.
func hostIP(text string) netip.Addr {
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.IsUnspecified() {
		return netip.Addr{}
	}
	return addr.Unmap()
}

// ended returns when the pod stops to own its addresses: when its last container ended, if it is finished, or at the end
// of its grace period, which is what deletionTimestamp says; the earlier of the two. It is zero while the pod runs.
func ended(p *corev1.Pod, finished bool) time.Time {
	var end time.Time
	if finished {
		end = lastEnd(p)
	}
	if d := p.DeletionTimestamp; d != nil && (end.IsZero() || d.Time.Before(end)) {
		end = d.UTC()
	}
	return end
}

// lastEnd returns when a finished pod ended. One that was evicted or never started says nothing of its containers; there
// it is the last change of a condition, else the creation.
func lastEnd(p *corev1.Pod) time.Time {
	var last time.Time
	for _, list := range [][]corev1.ContainerStatus{
		p.Status.InitContainerStatuses, p.Status.ContainerStatuses, p.Status.EphemeralContainerStatuses,
	} {
		for i := range list {
			if t := list[i].State.Terminated; t != nil {
				last = later(last, t.FinishedAt.Time)
			}
		}
	}
	if last.IsZero() {
		for i := range p.Status.Conditions {
			last = later(last, p.Status.Conditions[i].LastTransitionTime.Time)
		}
	}
	if last.IsZero() {
		last = p.CreationTimestamp.Time
	}
	return last.UTC()
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
