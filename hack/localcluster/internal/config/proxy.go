package config

import "github.com/portolan-io/portolan/hack/localcluster/internal/plan"

// Both returns a setting of both families as Kubernetes writes it, IPv4 first; of IPv4 alone where that is all.
func Both[T interface{ String() string }](p plan.Plan, four, six T) string {
	if !p.DualStack {
		return four.String()
	}
	return four.String() + "," + six.String()
}

// Proxy returns the KubeProxyConfiguration: nftables, and no kernel settings that belong to the whole host.
func Proxy(p plan.Plan, kubeconfig string) ([]byte, error) {
	return marshal(object{
		"apiVersion":         "kubeproxy.config.k8s.io/v1alpha1",
		"kind":               "KubeProxyConfiguration",
		"mode":               "nftables",
		"clusterCIDR":        Both(p, p.Pods(), p.Pods6()),
		"hostnameOverride":   p.NodeName(),
		"clientConnection":   object{"kubeconfig": kubeconfig, "qps": 200, "burst": 400},
		"conntrack":          object{"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
		"nftables":           object{"minSyncPeriod": "100ms", "syncPeriod": "30s"},
		"healthzBindAddress": "127.0.0.1:10256",
		"metricsBindAddress": "127.0.0.1:10249",
	})
}
