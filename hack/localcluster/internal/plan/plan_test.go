package plan_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/hack/localcluster/internal/plan"
)

func TestNewDividesTheRange(t *testing.T) {
	p, err := plan.New("portolan", "/var/lib/x", netip.MustParsePrefix("10.85.0.0/16"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{
		"pods": p.Pods().String(), "services": p.Services().String(), "link": p.Link().String(),
		"node": p.Node().String(), "first pod": p.FirstPod().String(), "kubernetes": p.Kubernetes().String(), "dns": p.DNS().String(),
		"outside": p.Outside().String(), "inside": p.Inside().String(),
		"server": p.APIServer(), "node name": p.NodeName(), "host link": p.HostLink(), "path": p.Path("a", "b"),
	}
	want := map[string]string{
		"pods": "10.85.0.0/17", "services": "10.85.128.0/18", "link": "10.85.192.0/30",
		"node": "10.85.0.1", "first pod": "10.85.0.16", "kubernetes": "10.85.128.1", "dns": "10.85.128.10",
		"outside": "10.85.192.1", "inside": "10.85.192.2",
		"server": "https://10.85.0.1:6443", "node name": "portolan-node", "host link": "plc-portolan", "path": "/var/lib/x/a/b",
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("plan (-got +want):\n%s", diff)
	}
}

func TestTwoFamilies(t *testing.T) {
	p, err := plan.New("portolan", "/var/lib/x", netip.MustParsePrefix("10.85.0.0/16"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{
		"pods": p.Pods6().String(), "services": p.Services6().String(), "node": p.Node6().String(), "first pod": p.FirstPod6().String(),
	}
	want := map[string]string{
		"pods": "fd70:6c63:a55::/64", "services": "fd70:6c64:a55::/112", "node": "fd70:6c63:a55::1", "first pod": "fd70:6c63:a55::10",
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("plan (-got +want):\n%s", diff)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, tc := range map[string]struct{ name, dir, addresses, want string }{
		"a name with capitals":           {"Portolan", "/x", "10.0.0.0/16", "cluster name"},
		"a name with a dash at its end":  {"a-", "/x", "10.0.0.0/16", "cluster name"},
		"an empty name":                  {"", "/x", "10.0.0.0/16", "cluster name"},
		"a name that leads elsewhere":    {"../x", "/x", "10.0.0.0/16", "cluster name"},
		"a name that is too long":        {strings.Repeat("a", 41), "/x", "10.0.0.0/16", "cluster name"},
		"a relative folder":              {"a", "x", "10.0.0.0/16", "absolute path"},
		"the root folder":                {"a", "/", "10.0.0.0/16", "absolute path"},
		"a folder with a detour":         {"a", "/x/../y", "10.0.0.0/16", "absolute path"},
		"a folder too long for sockets":  {"a", "/" + strings.Repeat("x", 80), "10.0.0.0/16", "at most 75 bytes"},
		"an IPv6 range":                  {"a", "/x", "fd00::/16", "IPv4 range"},
		"a range with host bits":         {"a", "/x", "10.0.0.1/16", "without host bits"},
		"a range that is too small":      {"a", "/x", "10.0.0.0/23", "between /12 and /22"},
		"a range that is too large":      {"a", "/x", "10.0.0.0/8", "between /12 and /22"},
		"a range of the internet":        {"a", "/x", "8.8.0.0/16", "addresses of the internet"},
		"a range partly of the internet": {"a", "/x", "192.160.0.0/12", "want a part of 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16"},
		"the host's own addresses":       {"a", "/x", "127.0.0.0/16", "want a part of"},
		"link-local addresses":           {"a", "/x", "169.254.0.0/16", "want a part of"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := plan.New(tc.name, tc.dir, netip.MustParsePrefix(tc.addresses))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("New = %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestNewTakesWhatNobodyOnTheInternetHas(t *testing.T) {
	for _, addresses := range []string{"10.0.0.0/12", "172.16.0.0/12", "172.31.252.0/22", "192.168.0.0/16", "100.127.0.0/16", "198.19.0.0/16"} {
		if _, err := plan.New("a", "/x", netip.MustParsePrefix(addresses)); err != nil {
			t.Errorf("New(%s) = %v", addresses, err)
		}
	}
	for _, addresses := range []string{"11.0.0.0/16", "172.32.0.0/16", "192.169.0.0/16", "100.128.0.0/16", "100.63.0.0/16", "198.20.0.0/16", "198.16.0.0/14"} {
		if _, err := plan.New("a", "/x", netip.MustParsePrefix(addresses)); err == nil {
			t.Errorf("New(%s) succeeded, want a refusal", addresses)
		}
	}
}

func TestFirstFree(t *testing.T) {
	for name, tc := range map[string]struct {
		taken []string
		want  string
	}{
		"an empty host":                           {nil, "10.85.0.0/16"},
		"a default route takes nothing":           {[]string{"0.0.0.0/0"}, "10.85.0.0/16"},
		"a range that is taken is passed over":    {[]string{"10.85.0.0/16"}, "10.86.0.0/16"},
		"a part of a range takes it":              {[]string{"10.85.4.0/24", "10.86.0.1/32"}, "10.87.0.0/16"},
		"a larger range takes all that are in it": {[]string{"10.80.0.0/12"}, "10.96.0.0/16"},
		"nothing is left":                         {[]string{"10.0.0.0/8"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var taken []netip.Prefix
			for _, each := range tc.taken {
				taken = append(taken, netip.MustParsePrefix(each))
			}
			got, err := plan.FirstFree(taken)
			if (err != nil) != (tc.want == "") || err == nil && got.String() != tc.want {
				t.Errorf("FirstFree = %s, %v, want %q", got, err, tc.want)
			}
		})
	}
}

func TestHostLinksFitAndDiffer(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{"a", "portolan", "elevenchars", "twelve-chars", "twelve-charz", strings.Repeat("a", 40)} {
		p := plan.Plan{Name: name}
		link := p.HostLink()
		if len(link) > 15 {
			t.Errorf("HostLink of %q = %q, longer than 15 bytes", name, link)
		}
		if other, taken := seen[link]; taken {
			t.Errorf("HostLink of %q and of %q = %q", name, other, link)
		}
		seen[link] = name
	}
}

// FuzzNew checks that every accepted plan keeps its parts apart and inside its range. It does not check that the range is free.
func FuzzNew(f *testing.F) {
	f.Add("10.85.0.0/16")
	f.Add("10.0.0.0/12")
	f.Add("192.168.252.0/22")
	f.Fuzz(func(t *testing.T, text string) {
		addresses, err := netip.ParsePrefix(text)
		if err != nil {
			return
		}
		p, err := plan.New("a", "/x", addresses)
		if err != nil {
			return
		}
		parts := []netip.Prefix{p.Pods(), p.Services(), p.Link()}
		for i, part := range parts {
			if !addresses.Contains(part.Addr()) || part.Bits() <= addresses.Bits() {
				t.Errorf("%s is not inside %s", part, addresses)
			}
			for _, other := range parts[i+1:] {
				if part.Overlaps(other) {
					t.Errorf("%s and %s overlap", part, other)
				}
			}
		}
		for part, members := range map[netip.Prefix][]netip.Addr{
			p.Pods(): {p.Node(), p.FirstPod()}, p.Services(): {p.Kubernetes(), p.DNS()}, p.Link(): {p.Outside(), p.Inside()},
		} {
			for _, member := range members {
				if !part.Contains(member) {
					t.Errorf("%s is not in %s", member, part)
				}
			}
		}
	})
}
