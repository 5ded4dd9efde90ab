package policy_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/policy"
)

func TestDefaultsAreValid(t *testing.T) {
	if err := policy.Defaults().Validate(); err != nil {
		t.Errorf("the defaults are refused: %v", err)
	}
}

func TestValidateNamesEveryWrongSetting(t *testing.T) {
	for name, tc := range map[string]struct {
		wrong func(*policy.Settings)
		want  string
	}{
		"a mode is enforce or shadow":                {func(s *policy.Settings) { s.Mode = "none" }, "mode \"none\""},
		"DNS goes anywhere or to the cluster":        {func(s *policy.Settings) { s.DNS.Egress = "nowhere" }, "dns egress \"nowhere\""},
		"always is not a mode of implied rules yet":  {func(s *policy.Settings) { s.Implied = "always" }, "implied permissions \"always\""},
		"a prefix length is at most 32":              {func(s *policy.Settings) { s.ControlPlanePrefix = 33 }, "control plane prefix length 33"},
		"a prefix length is not 0":                   {func(s *policy.Settings) { s.ControlPlanePrefix = 0 }, "control plane prefix length 0"},
		"some addresses are always let alone":        {func(s *policy.Settings) { s.GroupIPsAbove = 0 }, "group addresses above 0"},
		"an enforced namespace has a name":           {func(s *policy.Settings) { s.EnforcedNamespaces = []string{""} }, "enforced namespaces"},
		"a watched namespace has a name":             {func(s *policy.Settings) { s.WatchedNamespaces = []string{"a", ""} }, "watched namespaces"},
		"an unmanaged workload has a namespace":      {func(s *policy.Settings) { s.Unmanaged = []identity.Workload{{Name: "a"}} }, "externally managed workloads"},
		"a DNS Service has a name":                   {func(s *policy.Settings) { s.DNS.Services[0].Name = "" }, "dns services"},
		"an address of a node-local cache is needed": {func(s *policy.Settings) { s.DNS.NodeLocal = []netip.Addr{{}} }, "node-local"},
	} {
		t.Run(name, func(t *testing.T) {
			set := policy.Defaults()
			tc.wrong(&set)
			if err := set.Validate(); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Validate() = %v, want it to say %q", err, tc.want)
			}
		})
	}
}

func TestParseMode(t *testing.T) {
	for text, want := range map[string]policy.Mode{"defaultActive": policy.ModeEnforce, "defaultShadow": policy.ModeShadow} {
		if got, err := policy.ParseMode(text); got != want || err != nil {
			t.Errorf("ParseMode(%q) = %q, %v, want %q", text, got, err, want)
		}
	}
	if _, err := policy.ParseMode("enforce"); err == nil || !strings.Contains(err.Error(), "defaultActive") {
		t.Errorf("ParseMode(enforce) = %v, want an error that names the modes", err)
	}
}

func TestParseImplied(t *testing.T) {
	for text, want := range map[string]policy.ImpliedMode{
		"ifBlocked": policy.ImpliedIfBlocked, "ifBlockedByOtterize": policy.ImpliedIfBlocked, "off": policy.ImpliedOff,
	} {
		if got, err := policy.ParseImplied(text); got != want || err != nil {
			t.Errorf("ParseImplied(%q) = %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"always", "", "on"} {
		if _, err := policy.ParseImplied(text); err == nil || !strings.Contains(err.Error(), "ifBlocked or off") {
			t.Errorf("ParseImplied(%q) = %v, want an error that names the values", text, err)
		}
	}
}
