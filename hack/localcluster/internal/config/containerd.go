package config

import (
	"fmt"

	"github.com/portolan-io/portolan/hack/localcluster/internal/plan"
)

// ContainerdFiles are the paths and names that containerd's configuration needs.
type ContainerdFiles struct {
	Root, State string // folders
	Socket      string
	CNIPrograms string // folder
	CNINetworks string // folder
	PauseImage  string
}

// Containerd returns the configuration file of containerd, in TOML. %q writes a TOML basic string, for the paths that a
// plan can hold.
func Containerd(f ContainerdFiles) []byte {
	return fmt.Appendf(nil, `version = 4
root = %q
state = %q
imports = []

[plugins.'io.containerd.server.v1.grpc']
address = %q

[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = %q

[plugins.'io.containerd.nri.v1.nri']
disable = true

[plugins.'io.containerd.cri.v1.runtime']
# Without CAP_SYS_RESOURCE the score of a process may not be lowered.
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
# A profile would be loaded into the host's kernel and stay there.
disable_apparmor = true
tolerate_missing_hugetlb_controller = true

[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = [%q]
conf_dir = %q
use_internal_loopback = true

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
SystemdCgroup = false
`, f.Root, f.State, f.Socket, f.PauseImage, f.CNIPrograms, f.CNINetworks)
}

// Network returns the CNI configuration of the pod network: every pod hangs on the node's bridge.
func Network(p plan.Plan, bridge string) ([]byte, error) {
	ranges := [][]object{{{"subnet": p.Pods().String(), "rangeStart": p.FirstPod().String(), "gateway": p.Node().String()}}}
	routes := []object{{"dst": "0.0.0.0/0"}}
	if p.DualStack {
		ranges = append(ranges, []object{{"subnet": p.Pods6().String(), "rangeStart": p.FirstPod6().String(), "gateway": p.Node6().String()}})
		routes = append(routes, object{"dst": "::/0"})
	}
	return marshal(object{
		"cniVersion": "1.0.0",
		"name":       "pods",
		"plugins": []object{
			{
				"type":        "bridge",
				"bridge":      bridge,
				"isGateway":   true,
				"hairpinMode": true, // a pod may reach itself through its Service
				"ipam":        object{"type": "host-local", "ranges": ranges, "routes": routes},
			},
			{"type": "portmap", "capabilities": object{"portMappings": true}, "backend": "iptables"},
		},
	})
}
