package policy

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/portolan-io/portolan/internal/identity"
)

// The modes of the whole cluster, as operator.mode spells them.
const (
	DefaultActive = "defaultActive"
	DefaultShadow = "defaultShadow"
)

// Settings is everything that a person can tell the rules. Defaults gives the values that hold when nothing is said. It
// is a value: nothing in this room changes what its slices hold.
type Settings struct {
	Mode               Mode     // where nothing else is said: ModeEnforce (defaultActive) or ModeShadow (defaultShadow)
	EnforcedNamespaces []string // enforced although Mode is ModeShadow
	WatchedNamespaces  []string // nothing is written elsewhere; empty means every namespace

	NetworkPolicies bool                // false: no NetworkPolicy is written, and those of Portolan are removed
	Egress          bool                // also restrict what clients call
	Separate        bool                // one NetworkPolicy for each direction of a subject
	Unmanaged       []identity.Workload // no NetworkPolicy is written for these; an empty Kind means any kind

	DNS                DNSSettings
	Implied            ImpliedMode
	ControlPlanePrefix int // prefix length of an IPv4 endpoint of the API server, 1 to 32

	GroupIPs      bool // replace many resolved addresses of one target by blocks
	GroupIPsAbove int  // how many addresses of one family are too many
}

// ImpliedMode says where the implied permissions that a person can switch off are added. That cluster DNS answers everyone
// (M6) has no switch.
type ImpliedMode string

// The implied modes.
const (
	ImpliedIfBlocked ImpliedMode = "ifBlocked" // where Portolan isolates the subject
	ImpliedOff       ImpliedMode = "off"       // nowhere
)

// DNSSettings says where cluster DNS is, for the rule that every restricted client has.
type DNSSettings struct {
	Egress    DNSEgress
	Services  []NamespacedName // the Services of cluster DNS; those that do not exist are left out
	NodeLocal []netip.Addr     // addresses of node-local caches
}

// DNSEgress says to whom a restricted client may send DNS.
type DNSEgress string

// The values of DNSEgress.
const (
	DNSAnywhere DNSEgress = "anywhere"
	DNSCluster  DNSEgress = "cluster"
)

// NamespacedName names an object of a kind that is known from the context.
type NamespacedName struct{ Namespace, Name string }

// Defaults returns the settings that hold when nothing is said. The caller owns its slices.
func Defaults() Settings {
	return Settings{
		Mode:            ModeEnforce,
		NetworkPolicies: true,
		DNS: DNSSettings{
			Egress:    DNSAnywhere,
			Services:  []NamespacedName{{"kube-system", "kube-dns"}, {"openshift-dns", "dns-default"}},
			NodeLocal: []netip.Addr{netip.AddrFrom4([4]byte{169, 254, 20, 10})},
		},
		Implied:            ImpliedIfBlocked,
		ControlPlanePrefix: 32,
		GroupIPsAbove:      50,
	}
}

// ParseMode reads operator.mode. Its error names the values that it takes.
func ParseMode(text string) (Mode, error) {
	switch text {
	case DefaultActive:
		return ModeEnforce, nil
	case DefaultShadow:
		return ModeShadow, nil
	default:
		return "", fmt.Errorf("mode %q: want %s or %s", text, DefaultActive, DefaultShadow)
	}
}

// ParseImplied reads operator.automateThirdPartyNetworkPolicies. Its error names the values that it takes.
func ParseImplied(text string) (ImpliedMode, error) {
	switch text {
	case "ifBlocked", "ifBlockedByOtterize":
		return ImpliedIfBlocked, nil
	case "off":
		return ImpliedOff, nil
	case "always":
		return "", errors.New("implied permissions always: rules for workloads that only others isolate are not written; want ifBlocked or off")
	default:
		return "", fmt.Errorf("implied permissions %q: want ifBlocked or off", text)
	}
}

// Validate returns one error per wrong setting, joined; nil when all are right.
func (s Settings) Validate() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if s.Mode != ModeEnforce && s.Mode != ModeShadow {
		wrong("mode %q: want %s (%s) or %s (%s)", s.Mode, ModeEnforce, DefaultActive, ModeShadow, DefaultShadow)
	}
	if s.DNS.Egress != DNSAnywhere && s.DNS.Egress != DNSCluster {
		wrong("dns egress %q: want %s or %s", s.DNS.Egress, DNSAnywhere, DNSCluster)
	}
	if s.Implied != ImpliedIfBlocked && s.Implied != ImpliedOff {
		wrong("implied permissions %q: want %s or %s", s.Implied, ImpliedIfBlocked, ImpliedOff)
	}
	if s.ControlPlanePrefix < 1 || s.ControlPlanePrefix > 32 {
		wrong("control plane prefix length %d: want 1 to 32", s.ControlPlanePrefix)
	}
	if s.GroupIPsAbove < 1 {
		wrong("group addresses above %d: want at least 1", s.GroupIPsAbove)
	}
	for _, problem := range [...]error{
		validNames("enforced namespaces", s.EnforcedNamespaces),
		validNames("watched namespaces", s.WatchedNamespaces),
		validWorkloads("externally managed workloads", s.Unmanaged),
		validDNS(s.DNS),
	} {
		errs = append(errs, problem)
	}
	return errors.Join(errs...)
}

func validNames(setting string, names []string) error {
	if slices.Contains(names, "") {
		return fmt.Errorf("%s: an entry is empty", setting)
	}
	return nil
}

func validWorkloads(setting string, all []identity.Workload) error {
	for _, w := range all {
		if w.Namespace == "" || w.Name == "" {
			return fmt.Errorf("%s: %q needs a namespace and a name", setting, w)
		}
	}
	return nil
}

func validDNS(dns DNSSettings) error {
	for _, s := range dns.Services {
		if s.Namespace == "" || s.Name == "" {
			return fmt.Errorf("dns services: %q needs a namespace and a name", s.Namespace+"/"+s.Name)
		}
	}
	for _, a := range dns.NodeLocal {
		if !a.IsValid() {
			return errors.New("dns node-local addresses: an entry is not an address")
		}
	}
	return nil
}

// watches reports whether policies may be written in that namespace.
func (s *Settings) watches(namespace string) bool {
	return len(s.WatchedNamespaces) == 0 || slices.Contains(s.WatchedNamespaces, namespace)
}

// enforces reports whether declarations are in force in that namespace without saying so themselves.
func (s *Settings) enforces(namespace string) bool {
	return s.Mode == ModeEnforce || slices.Contains(s.EnforcedNamespaces, namespace)
}
