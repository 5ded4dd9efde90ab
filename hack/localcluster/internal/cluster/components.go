//go:build linux

package cluster

import (
	"github.com/portolan-io/portolan/hack/localcluster/internal/config"
	"github.com/portolan-io/portolan/hack/localcluster/internal/plan"
)

// component is one program of the cluster. All of them run in the machine.
type component struct {
	name    string // of its record and log
	program string // of those that `make localcluster` builds
	args    []string
}

// controlPlane returns the programs that need nothing but their files; containerd is here because it starts slowly and
// needs nothing either.
func controlPlane(p plan.Plan) []component {
	return []component{etcd(p), apiServer(p), {"containerd", "containerd", []string{"--config", p.Path("config", "containerd.toml"), "--log-level", "warn"}}}
}

// clients returns the programs that need the API server.
func clients(p plan.Plan) []component {
	return []component{controllerManager(p), scheduler(p), kubelet(p), proxy(p), netpol(p)}
}

const (
	etcdAddress = "https://127.0.0.1:2379"
	etcdPeers   = "https://127.0.0.1:2380"
)

func etcd(p plan.Plan) component {
	return component{"etcd", "kube", []string{
		"etcd",
		"--name=" + p.NodeName(),
		"--data-dir=" + p.Path("etcd"),
		"--listen-client-urls=" + etcdAddress,
		"--advertise-client-urls=" + etcdAddress,
		"--listen-peer-urls=" + etcdPeers,
		"--initial-advertise-peer-urls=" + etcdPeers,
		"--initial-cluster=" + p.NodeName() + "=" + etcdPeers,
		"--client-cert-auth",
		"--trusted-ca-file=" + p.Path("pki", etcdAuthority+".crt"),
		"--cert-file=" + p.Path("pki", "etcd.crt"),
		"--key-file=" + p.Path("pki", "etcd.key"),
		"--peer-client-cert-auth",
		"--peer-trusted-ca-file=" + p.Path("pki", etcdAuthority+".crt"),
		"--peer-cert-file=" + p.Path("pki", "etcd.crt"),
		"--peer-key-file=" + p.Path("pki", "etcd.key"),
		"--unsafe-no-fsync", // the data need not survive the host
		"--snapshot-count=10000",
		"--log-level=warn",
	}}
}

func apiServer(p plan.Plan) component {
	return component{"kube-apiserver", "kube", []string{
		"kube-apiserver",
		"--advertise-address=" + p.Node().String(),
		"--bind-address=0.0.0.0",
		"--secure-port=6443",
		"--service-cluster-ip-range=" + config.Both(p, p.Services(), p.Services6()),
		"--tls-cert-file=" + p.Path("pki", "apiserver.crt"),
		"--tls-private-key-file=" + p.Path("pki", "apiserver.key"),
		"--client-ca-file=" + p.Path("pki", clusterAuthority+".crt"),

		"--etcd-servers=" + etcdAddress,
		"--etcd-cafile=" + p.Path("pki", etcdAuthority+".crt"),
		"--etcd-certfile=" + p.Path("pki", "apiserver-etcd-client.crt"),
		"--etcd-keyfile=" + p.Path("pki", "apiserver-etcd-client.key"),

		"--kubelet-preferred-address-types=InternalIP",
		"--kubelet-certificate-authority=" + p.Path("pki", clusterAuthority+".crt"),
		"--kubelet-client-certificate=" + p.Path("pki", "apiserver-kubelet-client.crt"),
		"--kubelet-client-key=" + p.Path("pki", "apiserver-kubelet-client.key"),

		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + p.Path("pki", "service-account.crt"),
		"--service-account-signing-key-file=" + p.Path("pki", "service-account.key"),

		"--requestheader-client-ca-file=" + p.Path("pki", proxyAuthority+".crt"),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + p.Path("pki", "front-proxy-client.crt"),
		"--proxy-client-key-file=" + p.Path("pki", "front-proxy-client.key"),

		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true",
		"--profiling=false",
		// On two processors fairness between clients costs more than it gives.
		"--enable-priority-and-fairness=false",
		"--max-requests-inflight=1000",
		"--max-mutating-requests-inflight=500",
	}}
}

func controllerManager(p plan.Plan) component {
	return component{"kube-controller-manager", "kube", []string{
		"kube-controller-manager",
		"--kubeconfig=" + p.Path("config", "controller-manager.kubeconfig"),
		"--authentication-kubeconfig=" + p.Path("config", "controller-manager.kubeconfig"),
		"--authorization-kubeconfig=" + p.Path("config", "controller-manager.kubeconfig"),
		"--bind-address=127.0.0.1",
		"--client-ca-file=" + p.Path("pki", clusterAuthority+".crt"),
		"--requestheader-client-ca-file=" + p.Path("pki", proxyAuthority+".crt"),
		"--root-ca-file=" + p.Path("pki", clusterAuthority+".crt"),
		"--cluster-signing-cert-file=" + p.Path("pki", clusterAuthority+".crt"),
		"--cluster-signing-key-file=" + p.Path("pki", clusterAuthority+".key"),
		"--service-account-private-key-file=" + p.Path("pki", "service-account.key"),
		"--use-service-account-credentials",
		// The bridge gives addresses to pods, and there is no cloud.
		"--controllers=*,-node-ipam-controller,-node-route-controller,-service-lb-controller,-cloud-node-lifecycle-controller",
		"--leader-elect=false",
		"--kube-api-qps=300",
		"--kube-api-burst=600",
		"--profiling=false",
	}}
}

func scheduler(p plan.Plan) component {
	return component{"kube-scheduler", "kube", []string{
		"kube-scheduler",
		"--kubeconfig=" + p.Path("config", "scheduler.kubeconfig"),
		"--authentication-kubeconfig=" + p.Path("config", "scheduler.kubeconfig"),
		"--authorization-kubeconfig=" + p.Path("config", "scheduler.kubeconfig"),
		"--bind-address=127.0.0.1",
		"--leader-elect=false",
		"--kube-api-qps=300",
		"--kube-api-burst=600",
		"--profiling=false",
	}}
}

func kubelet(p plan.Plan) component {
	return component{"kubelet", "kube", []string{
		"kubelet",
		"--config=" + p.Path("config", "kubelet.json"),
		"--kubeconfig=" + p.Path("config", "kubelet.kubeconfig"),
		"--hostname-override=" + p.NodeName(),
		"--node-ip=" + config.Both(p, p.Node(), p.Node6()),
	}}
}

func proxy(p plan.Plan) component {
	return component{"kube-proxy", "kube", []string{"kube-proxy", "--config=" + p.Path("config", "proxy.json")}}
}

func netpol(p plan.Plan) component {
	return component{"netpol", "kube", []string{
		"netpol",
		"--kubeconfig=" + p.Path("config", "netpol.kubeconfig"),
		"--node=" + p.NodeName(),
		"--service-cidr=" + p.Services().String(),
	}}
}
