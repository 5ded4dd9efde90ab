package config

import "github.com/portolan-io/portolan/hack/localcluster/internal/plan"

// maxPods is the number of pods that the node takes: more than the usual 110, for tests with many workloads.
const maxPods = 250

// KubeletFiles are the paths that the kubelet's configuration names.
type KubeletFiles struct {
	Authority, Certificate, Key string
	ResolvConf                  string // for pods with dnsPolicy Default
	ContainerdSocket            string // as seen in the machine
	CgroupRoot                  string
}

// Kubelet returns the KubeletConfiguration.
func Kubelet(p plan.Plan, f KubeletFiles) ([]byte, error) {
	return marshal(object{
		"apiVersion": "kubelet.config.k8s.io/v1beta1",
		"kind":       "KubeletConfiguration",

		"authentication": object{
			"anonymous": object{"enabled": false},
			"webhook":   object{"enabled": true},
			"x509":      object{"clientCAFile": f.Authority},
		},
		"authorization":     object{"mode": "Webhook"},
		"tlsCertFile":       f.Certificate,
		"tlsPrivateKeyFile": f.Key,

		"clusterDNS":               []string{p.DNS().String()},
		"clusterDomain":            "cluster.local",
		"resolvConf":               f.ResolvConf,
		"containerRuntimeEndpoint": "unix://" + f.ContainerdSocket,
		"volumePluginDir":          p.Path("kubelet-plugins"),
		"podLogsDir":               "/var/log/pods",

		"cgroupDriver":           "cgroupfs",
		"cgroupRoot":             f.CgroupRoot,
		"failCgroupV1":           false,
		"failSwapOn":             false,
		"enforceNodeAllocatable": []string{}, // the host's own programs share its memory
		"evictionHard":           object{"nodefs.available": "1%", "imagefs.available": "1%"},
		"makeIPTablesUtilChains": false,
		"maxPods":                maxPods,

		// Images are loaded, never pulled: one that is collected would be gone for good.
		"imageGCHighThresholdPercent": 100,
		"imageGCLowThresholdPercent":  99,
		"kubeAPIQPS":                  200,
		"kubeAPIBurst":                400,
		"syncFrequency":               "10s", // the longest time until a mounted ConfigMap shows a change
		"nodeStatusUpdateFrequency":   "10s",
		"registerNode":                true,
	})
}

// ResolvConf is the resolver file for pods that do not use the cluster's name server: it knows no server.
func ResolvConf() []byte {
	return []byte("# Nothing outside the cluster has a name here.\noptions attempts:1 timeout:1\n")
}
