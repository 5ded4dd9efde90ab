//go:build linux

package cluster

import (
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/portolan-io/portolan/hack/localcluster/internal/config"
	"github.com/portolan-io/portolan/hack/localcluster/internal/pki"
	"github.com/portolan-io/portolan/hack/localcluster/internal/plan"
)

// The authorities of a cluster. etcd and the front proxy have their own, so that no client of the API server can speak for
// it to them.
const (
	clusterAuthority = "ca"
	etcdAuthority    = "etcd-ca"
	proxyAuthority   = "front-proxy-ca"
)

// Names of identities that appear in roles.
const (
	kubeletClientUser = "kube-apiserver-kubelet-client"
	netpolUser        = "localcluster:netpol"
)

// identity is one certificate of the cluster.
type identity struct {
	file       string // base name of its files
	authority  string
	subject    pki.Subject
	kubeconfig bool // has a kubeconfig as well
}

// identities lists every certificate of the cluster. User and group names are those that Kubernetes has roles for.
func identities(p plan.Plan) []identity {
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	return []identity{
		{"etcd", etcdAuthority, pki.Subject{User: "etcd", Names: []string{"localhost"}, Addresses: []netip.Addr{loopback}}, false},
		{"apiserver-etcd-client", etcdAuthority, pki.Subject{User: "kube-apiserver"}, false},
		{"front-proxy-client", proxyAuthority, pki.Subject{User: "front-proxy-client"}, false},
		{"apiserver", clusterAuthority, pki.Subject{
			User:      "kube-apiserver",
			Names:     []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"},
			Addresses: []netip.Addr{p.Node(), p.Kubernetes(), loopback},
		}, false},
		{"apiserver-kubelet-client", clusterAuthority, pki.Subject{User: kubeletClientUser}, false},
		{"kubelet-server", clusterAuthority, pki.Subject{User: p.NodeName(), Names: []string{p.NodeName()}, Addresses: []netip.Addr{p.Node()}}, false},
		{"kubelet", clusterAuthority, pki.Subject{User: "system:node:" + p.NodeName(), Groups: []string{"system:nodes"}}, true},
		{"controller-manager", clusterAuthority, pki.Subject{User: "system:kube-controller-manager"}, true},
		{"scheduler", clusterAuthority, pki.Subject{User: "system:kube-scheduler"}, true},
		{"proxy", clusterAuthority, pki.Subject{User: "system:kube-proxy"}, true},
		{"netpol", clusterAuthority, pki.Subject{User: netpolUser}, true},
		{"admin", clusterAuthority, pki.Subject{User: "admin", Groups: []string{"system:masters"}}, true},
	}
}

// makeCertificates fills the folders pki and config/*.kubeconfig once. They are made beside their place and moved there
// whole, so that a killed command leaves all of them or none.
func (c *Cluster) makeCertificates() error {
	if _, err := os.Stat(c.Path("pki")); err == nil {
		return nil
	}
	draft := c.Path("pki.new")
	if err := os.RemoveAll(draft); err != nil {
		return fmt.Errorf("removing half-made certificates: %w", err)
	}
	if err := os.Mkdir(draft, 0o700); err != nil {
		return fmt.Errorf("creating the folder of certificates: %w", err)
	}
	if err := c.issueAll(draft, time.Now()); err != nil {
		return err
	}
	if err := os.Rename(draft, c.Path("pki")); err != nil {
		return fmt.Errorf("finishing the certificates: %w", err)
	}
	return nil
}

// issueAll makes the authorities, the certificates and the kubeconfigs.
func (c *Cluster) issueAll(folder string, now time.Time) error {
	authorities := map[string]*pki.Authority{}
	for _, name := range []string{clusterAuthority, etcdAuthority, proxyAuthority} {
		authority, err := pki.NewAuthority("localcluster "+c.Name+" "+name, now)
		if err != nil {
			return err
		}
		authorities[name] = authority
		if err := savePair(folder+"/"+name, authority.Pair()); err != nil {
			return err
		}
	}
	tokens, err := pki.SigningKey()
	if err != nil {
		return err
	}
	if err := savePair(folder+"/service-account", tokens); err != nil {
		return err
	}
	for _, who := range identities(c.Plan) {
		if err := c.issue(folder, who, authorities[who.authority], now); err != nil {
			return err
		}
	}
	return nil
}

// issue makes one certificate, and its kubeconfig if it has one.
func (c *Cluster) issue(folder string, who identity, authority *pki.Authority, now time.Time) error {
	pair, err := authority.Issue(who.subject, now)
	if err != nil {
		return err
	}
	if err := savePair(folder+"/"+who.file, pair); err != nil || !who.kubeconfig {
		return err
	}
	text, err := config.Kubeconfig(c.Plan, who.file, authority.Pair(), pair)
	if err != nil {
		return err
	}
	return write(c.Path("config", who.file+".kubeconfig"), text)
}

// savePair writes base.crt and base.key.
func savePair(base string, pair pki.Pair) error {
	if err := write(base+".crt", pair.Certificate); err != nil {
		return err
	}
	return write(base+".key", pair.Key)
}
