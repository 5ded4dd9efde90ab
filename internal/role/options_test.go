package role

import (
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

func TestDefaultsAreValid(t *testing.T) {
	if err := DefaultOperatorOptions("v1").Validate(); err != nil {
		t.Errorf("the operator's defaults: %v", err)
	}
	agent := DefaultAgentOptions("v1")
	agent.Client.URL, agent.Agent.Node = "https://portolan-operator.portolan-system.svc:9443", "n1"
	if err := agent.Validate(); err != nil {
		t.Errorf("the agent's defaults with URL and node: %v", err)
	}
}

func TestWrongOperatorOptionsAreNamed(t *testing.T) {
	for name, tc := range map[string]struct {
		damage func(*OperatorOptions)
		want   string
	}{
		"a mode that does not exist": {
			func(o *OperatorOptions) { o.Mode = "on" },
			`mode: valid values are defaultActive and defaultShadow, but you specified "on"`,
		},
		"a way to write intents that does not exist": {
			func(o *OperatorOptions) { o.WriteIntents = "yes" }, `write-intents "yes": want off, propose or apply`,
		},
		"nothing to do": {func(o *OperatorOptions) { o.Map, o.Rules = false, false }, "map and rules are both off"},
		"a range that is none": {
			func(o *OperatorOptions) { o.Knowing.ClusterCIDRs = []string{"10.0.0.0/8", "10.0.0.0"} },
			`cluster-cidrs "10.0.0.0": want an address range such as 10.0.0.0/8 or fd00::/8`,
		},
		"a control plane that is everybody": {
			func(o *OperatorOptions) { o.Knowing.ControlPlaneBits4 = 0 }, "control-plane-ipv4-cidr-prefix-length 0: want 1 to 32",
		},
		"a room in which nothing waits": {func(o *OperatorOptions) { o.Waiting = 0 }, "waiting-sightings 0: want at least 1"},
		"a map that forgets at once":    {func(o *OperatorOptions) { o.Retention = time.Minute }, "retention 1m0s: want at least 1h"},
	} {
		t.Run(name, func(t *testing.T) {
			o := DefaultOperatorOptions("v1")
			tc.damage(&o)
			if err := o.Validate(); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Validate() = %v, want %q", err, tc.want)
			}
		})
	}
}

func TestWrongAgentOptionsAreNamedTogether(t *testing.T) {
	o := DefaultAgentOptions("v1")
	o.Client.URL, o.Interval, o.DNS, o.SYN, o.Socket = "http://operator", time.Hour, false, false, false
	o.Sockets.Period, o.Queue = time.Millisecond, QueueOptions{Batches: 1, Bytes: 1}
	err := o.Validate()
	if err == nil {
		t.Fatal("Validate() = nil, want errors")
	}
	for _, want := range []string{"https", "node-name: is required", "interval 1h0m0s: want 200ms to 1m", "socket-period 1ms: want 1s to 1m0s", "queue-batches 1: want 2 to 10000", "queue-bytes 1: want 1048576 to", "nothing to see"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("Validate() = %v, want also %q", err, want)
		}
	}
}

func TestWithoutAMapNothingIsDiscovered(t *testing.T) {
	o := DefaultOperatorOptions("v1")
	o.Map = false
	if got := o.writes(); got != "off" {
		t.Errorf("writes() = %q, want off", got)
	}
}

// TestFlagsCarryTheDefaults holds that a flag's default is the field's value, so that help tells the truth.
func TestFlagsCarryTheDefaults(t *testing.T) {
	operator, agent := DefaultOperatorOptions("v1"), DefaultAgentOptions("v1")
	for role, add := range map[string]func(*pflag.FlagSet){"operator": operator.AddFlags, "agent": agent.AddFlags} {
		flags := pflag.NewFlagSet(role, pflag.ContinueOnError)
		add(flags)
		flags.VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" || f.Value.String() != f.DefValue {
				t.Errorf("%s --%s: value %q, default %q, usage %q", role, f.Name, f.Value, f.DefValue, f.Usage)
			}
		})
	}
}

func TestTheClusterDomainIsReadFromTheSearchList(t *testing.T) {
	for name, tc := range map[string]struct{ conf, want string }{
		"the usual list":              {"search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.0.0.10\n", "cluster.local"},
		"another domain, and dots":    {"search a.svc.Corp.Example. svc.Corp.Example. Corp.Example.\n", "corp.example"},
		"the last search line holds":  {"search svc.one\nsearch svc.two\n", "two"},
		"a machine outside a cluster": {"search home.arpa\nnameserver 192.0.2.1\n", ""},
		"nothing at all":              {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := searchDomain(tc.conf); got != tc.want {
				t.Errorf("searchDomain() = %q, want %q", got, tc.want)
			}
		})
	}
}

// TestAnAgentThatOnlyDumpsNeedsNoOperator: nor a name of its node. With the URL of an operator it needs both.
func TestAnAgentThatOnlyDumpsNeedsNoOperator(t *testing.T) {
	o := DefaultAgentOptions("v1")
	o.Dump = "sightings.jsonl"
	if err := o.Validate(); err != nil || o.delivers() {
		t.Errorf("Validate() = %v, delivers %t; want an agent that only dumps", err, o.delivers())
	}
	o.Client.URL = "https://operator:9443"
	if err := o.Validate(); err == nil || !strings.Contains(err.Error(), "node-name: is required") || !o.delivers() {
		t.Errorf("Validate() = %v, delivers %t; want one that needs the name of its node", err, o.delivers())
	}
}
