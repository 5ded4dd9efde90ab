package config

import "github.com/portolan-io/portolan/hack/localcluster/internal/plan"

// Proxy returns the KubeProxyConfiguration: nftables, and no kernel settings that belong to the whole host.
func Proxy(p plan.Plan, kubeconfig string) ([]byte, error) {
	return marshal(object{
		"apiVersion":         "kubeproxy.config.k8s.io/v1alpha1",
		"kind":               "KubeProxyConfiguration",
		"mode":               "nftables",
		"clusterCIDR":        p.Pods().String(),
		"hostnameOverride":   p.NodeName(),
		"clientConnection":   object{"kubeconfig": kubeconfig, "qps": 200, "burst": 400},
		"conntrack":          object{"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
		"nftables":           object{"minSyncPeriod": "100ms", "syncPeriod": "30s"},
		"healthzBindAddress": "127.0.0.1:10256",
		"metricsBindAddress": "127.0.0.1:10249",
	})
}
