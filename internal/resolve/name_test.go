package resolve

import (
	"net/netip"
	"strings"
	"testing"
)

func TestParseName(t *testing.T) {
	four, six := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("2001:db8::7")
	service := func(host, service, namespace string, addr netip.Addr) dnsName {
		return dnsName{form: serviceName, host: host, service: service, namespace: namespace, addr: addr}
	}
	for name, tc := range map[string]struct {
		name string
		want dnsName
	}{
		"a Service":                           {"cart.shop.svc.cluster.local", service("", "cart", "shop", netip.Addr{})},
		"upper case and a final dot":          {"Cart.Shop.SVC.Cluster.Local.", service("", "cart", "shop", netip.Addr{})},
		"a pod of a StatefulSet":              {"redis-0.redis.shop.svc.cluster.local", service("redis-0", "redis", "shop", netip.Addr{})},
		"a pod by its address":                {"10-0-0-1.redis.shop.svc.cluster.local", service("10-0-0-1", "redis", "shop", four)},
		"a named port":                        {"_http._tcp.cart.shop.svc.cluster.local", service("", "cart", "shop", netip.Addr{})},
		"the label next to the Service names": {"a.b.cart.shop.svc.cluster.local", service("b", "cart", "shop", netip.Addr{})},
		"an address under pod":                {"10-0-0-1.shop.pod.cluster.local", dnsName{form: podName, namespace: "shop", addr: four}},
		"an IPv6 address under pod":           {"2001-db8--7.shop.pod.cluster.local", dnsName{form: podName, namespace: "shop", addr: six}},
		"another domain that is configured":   {"cart.shop.svc.corp.example", service("", "cart", "shop", netip.Addr{})},
		"a namespace that is called svc":      {"cart.svc.svc.cluster.local", service("", "cart", "svc", netip.Addr{})},
		"a name outside":                      {"api.example.com", dnsName{form: outsideName}},
		"a domain without a dot before it":    {"cart.shop.svc.mycluster.local", dnsName{form: outsideName}},
		"no text":                             {"", dnsName{form: outsideName}},
		"the domain itself":                   {"cluster.local", dnsName{form: badName}},
		"too few labels":                      {"shop.svc.cluster.local", dnsName{form: badName}},
		"nothing but svc":                     {"svc.cluster.local", dnsName{form: badName}},
		"another last label":                  {"cart.shop.node.cluster.local", dnsName{form: badName}},
		"an empty label":                      {".shop.svc.cluster.local", dnsName{form: badName}},
		"an empty label in the middle":        {"a..shop.svc.cluster.local", dnsName{form: badName}},
		"no address under pod":                {"cart.shop.pod.cluster.local", dnsName{form: badName}},
		"a search suffix":                     {"cart.shop.svc.cluster.local.example.com", dnsName{form: searchNoise}},
		"the cluster's own search suffix":     {"cart.shop.svc.cluster.local.shop.svc.cluster.local", dnsName{form: searchNoise}},
		"a name that only looks like a suffix": {
			"cart.shop.svc.cluster.localhost.example.com", dnsName{form: outsideName},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := parseName(tc.name, []string{"cluster.local", "corp.example"}); got != tc.want {
				t.Errorf("parseName(%q) = %+v, want %+v", tc.name, got, tc.want)
			}
		})
	}
}

// FuzzParseName checks that any text is read without a panic, that case and a final dot never matter, and that what is
// found is part of the name. Whether the form is the right one is left to the table.
func FuzzParseName(f *testing.F) {
	for _, name := range []string{
		"cart.shop.svc.cluster.local", "10-0-0-1.shop.pod.cluster.local", "2001-db8--7.a.b.svc.cluster.local.", "..svc.cluster.local",
		".svc..cluster.local", "_a._b.c.d.svc.cluster.local", "a.svc.cluster.local.b", "-1-1-.x.pod.cluster.local", ".", "cluster.local",
		"local..",
	} {
		f.Add(name)
	}
	domains := []string{"cluster.local", "local"}
	f.Fuzz(func(t *testing.T, name string) {
		got := parseName(name, domains)
		if again := parseName(normalized(name), domains); again != got {
			t.Errorf("parseName(%q) = %+v, and of its normal form %+v", name, got, again)
		}
		if !strings.Contains(normalized(name), got.service) || !strings.Contains(normalized(name), got.namespace) {
			t.Errorf("parseName(%q) = %+v, which is not in the name", name, got)
		}
		if (got.form == serviceName) != (got.service != "") || got.form == podName && !got.addr.IsValid() {
			t.Errorf("parseName(%q) = %+v, which is incomplete", name, got)
		}
	})
}
