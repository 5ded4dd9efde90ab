package role

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// shippedAgent returns the DaemonSet of config/agent.
func shippedAgent(t *testing.T) *appsv1.DaemonSet {
	t.Helper()
	file, err := os.ReadFile("../../config/agent/daemonset.yaml")
	if err != nil {
		t.Fatal(err)
	}
	documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(file), 4096)
	for {
		var d appsv1.DaemonSet
		if err := documents.Decode(&d); errors.Is(err, io.EOF) {
			t.Fatal("config/agent/daemonset.yaml has no DaemonSet")
		} else if err != nil {
			t.Fatal(err)
		}
		if d.Kind == "DaemonSet" {
			return &d
		}
	}
}

// TestTheShippedAgentMayDoWhatItsSourcesNeed: and nothing else. Who adds a source adds its capability here and there.
func TestTheShippedAgentMayDoWhatItsSourcesNeed(t *testing.T) {
	pod := shippedAgent(t).Spec.Template.Spec
	agent := pod.Containers[0].SecurityContext
	want := &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}, Add: []corev1.Capability{
		"NET_RAW",    // dns, syn
		"SYS_PTRACE", // socket
	}}
	if diff := cmp.Diff(agent.Capabilities, want); diff != "" {
		t.Errorf("capabilities (-got +want):\n%s", diff)
	}
	switch {
	case agent.Privileged != nil, *agent.AllowPrivilegeEscalation, !*agent.ReadOnlyRootFilesystem:
		t.Error("the agent must not be privileged nor become it, nor write to its root file system")
	case pod.HostPID, pod.HostIPC, !pod.HostNetwork:
		t.Error("the agent needs the host's network, and neither its process nor its IPC namespace")
	case *pod.AutomountServiceAccountToken || pod.SecurityContext.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault:
		t.Error("the agent has no right in the Kubernetes API, and the default seccomp profile")
	}
}

// TestTheShippedAgentSeesProc: the node's /proc is mounted read-only where the agent looks for it.
func TestTheShippedAgentSeesProc(t *testing.T) {
	pod := shippedAgent(t).Spec.Template.Spec
	at := DefaultAgentOptions("v1").Sockets.Proc
	if args := strings.Join(pod.Containers[0].Args, " "); !strings.Contains(args, "--proc="+at) {
		t.Errorf("the arguments are %s, want --proc=%s", args, at)
	}
	sources, mounted := make(map[string]string), make(map[string]bool)
	for _, v := range pod.Volumes {
		if v.HostPath != nil {
			sources[v.Name] = v.HostPath.Path
		}
	}
	for _, m := range pod.Containers[0].VolumeMounts {
		if sources[m.Name] == "" {
			continue
		}
		if sources[m.Name] != "/proc" || m.MountPath != at || !m.ReadOnly {
			t.Errorf("%s of the host is mounted at %s, read-only: %t; want only /proc, at %s, read-only", sources[m.Name], m.MountPath, m.ReadOnly, at)
		}
		mounted[m.Name] = true
	}
	if len(mounted) != 1 {
		t.Errorf("%d folders of the host are mounted, want /proc alone", len(mounted))
	}
	for name := range sources {
		if !mounted[name] {
			t.Errorf("the volume %s is not mounted", name)
		}
	}
}
