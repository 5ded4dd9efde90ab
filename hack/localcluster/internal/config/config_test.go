package config_test

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/hack/localcluster/internal/config"
	"github.com/portolan-io/portolan/hack/localcluster/internal/pki"
	"github.com/portolan-io/portolan/hack/localcluster/internal/plan"
)

var update = flag.Bool("update", false, "write the golden files")

// TestFiles compares every configuration file with the golden file of its name.
func TestFiles(t *testing.T) {
	p, err := plan.New("portolan", "/state", netip.MustParsePrefix("10.85.0.0/16"))
	if err != nil {
		t.Fatal(err)
	}
	must := func(text []byte, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for name, got := range map[string][]byte{
		"kubeconfig.json": must(config.Kubeconfig(p, "admin",
			pki.Pair{Certificate: []byte("authority")}, pki.Pair{Certificate: []byte("certificate"), Key: []byte("key")})),
		"kubelet.json": must(config.Kubelet(p, config.KubeletFiles{
			Authority: "/state/pki/ca.crt", Certificate: "/state/pki/kubelet-server.crt", Key: "/state/pki/kubelet-server.key",
			ResolvConf: "/state/resolv.conf", ContainerdSocket: "/run/containerd.sock", CgroupRoot: "/portolan-localcluster/portolan",
		})),
		"proxy.json":    must(config.Proxy(p, "/state/proxy.kubeconfig")),
		"pods.conflist": must(config.Network(p, "pods0")),
		"containerd.toml": config.Containerd(config.ContainerdFiles{
			Root: "/state/containerd", State: "/run/containerd", Socket: "/run/containerd.sock",
			CNIPrograms: "/programs", CNINetworks: "/state/cni", PauseImage: "localhost/pause:1",
		}),
		"resolv.conf": config.ResolvConf(),
	} {
		t.Run(name, func(t *testing.T) {
			golden := filepath.Join("testdata", name)
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(got), string(want)); diff != "" {
				t.Errorf("%s (-got +want):\n%s", name, diff)
			}
		})
	}
}
