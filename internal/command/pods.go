package command

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// oldestReady returns the pods that are ready and stay, the oldest first: it has the most to tell.
func oldestReady(pods []corev1.Pod) []corev1.Pod {
	ready := slices.DeleteFunc(slices.Clone(pods), func(p corev1.Pod) bool { return !isReady(&p) })
	slices.SortFunc(ready, func(a, b corev1.Pod) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return ready
}

func isReady(p *corev1.Pod) bool {
	return p.DeletionTimestamp == nil && slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// noReadyPod says in what state the pods are, and where to look.
func noReadyPod(service *corev1.Service, pods []corev1.Pod) error {
	states := make([]string, 0, len(pods))
	for i := range pods {
		states = append(states, podState(&pods[i]))
	}
	slices.Sort(states)
	states = slices.Compact(states)
	count := "no pods"
	switch len(pods) {
	case 0:
	case 1:
		count = "1 pod, "
	default:
		count = fmt.Sprintf("%d pods, ", len(pods))
	}
	hint := fmt.Sprintf("kubectl -n %s describe deploy/%s", service.Namespace, service.Name)
	if slices.ContainsFunc(pods, restarted) {
		hint = fmt.Sprintf("kubectl -n %s logs deploy/%s --previous", service.Namespace, service.Name)
	}
	return hinted{
		fmt.Errorf("%s/%s has no ready pod (%s%s)", service.Namespace, service.Name, count, strings.Join(states, ", ")), hint,
	}
}

func restarted(p corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool { return s.RestartCount > 0 })
}

// podState says in one word why a pod does not answer.
func podState(p *corev1.Pod) string {
	if p.DeletionTimestamp != nil {
		return "Terminating"
	}
	for _, s := range p.Status.ContainerStatuses {
		if s.State.Waiting != nil && s.State.Waiting.Reason != "" {
			return s.State.Waiting.Reason
		}
	}
	if p.Status.Phase == corev1.PodRunning {
		return "NotReady"
	}
	return cmp.Or(string(p.Status.Phase), "Unknown")
}

// targetPort returns the port of the pod behind a port of the Service. A port that the Service does not have is the pod's
// own: the operator answers port-forwards on its loopback, which has no Service port.
func targetPort(service *corev1.Service, pod corev1.Pod, port int) int {
	for _, p := range service.Spec.Ports {
		if int(p.Port) != port {
			continue
		}
		if p.TargetPort.StrVal != "" {
			return namedPort(pod, p.TargetPort.StrVal, port)
		}
		return cmp.Or(p.TargetPort.IntValue(), port)
	}
	return port
}

func namedPort(pod corev1.Pod, name string, otherwise int) int {
	for _, container := range pod.Spec.Containers {
		for _, p := range container.Ports {
			if p.Name == name {
				return int(p.ContainerPort)
			}
		}
	}
	return otherwise
}
