// Package arch is the plan of the house as a test: every room, what it is for, and the doors it has.
//
// It is for tests only. It must not be imported, and it must not learn what the rooms do.
package arch

import "strings"

const module = "github.com/portolan-io/portolan"

// room is one package: the rooms of ours it may import, and the libraries. The standard library is open to every room
// that is not pure; what pure rooms may have of it stands in pure.go.
type room struct {
	ours     string  // names below the module, separated by blanks; a trailing /* means every room below
	outside  string  // import path prefixes, separated by blanks
	pure     bool    // values in, values out
	besides  granted // what this pure room has beside what only computes
	testOnly bool    // never part of the binary
}

// granted is packages of the standard library by the reason for which a pure room has them.
type granted map[string]string

// Libraries by what they are for.
const (
	apiTypes    = "k8s.io/api k8s.io/apimachinery"
	clusterIO   = apiTypes + " k8s.io/client-go sigs.k8s.io/controller-runtime"
	connectWire = "connectrpc.com/connect google.golang.org/protobuf"
	flags       = "github.com/spf13/cobra github.com/spf13/pflag"
	metrics     = "github.com/prometheus/client_golang"
)

// plan returns every room, in the order of the two sentences: see → know → remember → show, declare → decide → apply → tell.
func plan() map[string]room {
	return map[string]room{
		"": {ours: "internal/command"},

		// The words.
		"api/v2beta1":       {outside: apiTypes, pure: true},
		"api/v2alpha1":      {ours: "api/v2beta1", outside: apiTypes, pure: true},
		"internal/identity": {pure: true},
		"internal/traffic": {
			ours: "internal/identity", pure: true,
			besides: granted{"sync": "the Window is shared memory", "hash/maphash": "addresses are spread by a seed that nobody can guess"},
		},

		// See.
		"internal/capture/frame":             {outside: "golang.org/x/sys/unix golang.org/x/net/bpf"},
		"internal/capture/dns":               {ours: "internal/traffic internal/capture/frame"},
		"internal/capture/syn":               {ours: "internal/traffic internal/capture/frame"},
		"internal/capture/socket":            {ours: "internal/traffic internal/capture/frame", outside: "github.com/vishvananda/netlink golang.org/x/sys/unix"},
		"internal/capture/conntrack":         {ours: "internal/traffic internal/capture/frame", outside: "github.com/vishvananda/netlink golang.org/x/sys/unix"},
		"internal/wire":                      {ours: "internal/traffic internal/identity internal/wire/*", outside: connectWire + " " + apiTypes},
		"internal/wire/wirepb":               {outside: connectWire},
		"internal/wire/wirepb/wirepbconnect": {ours: "internal/wire/wirepb", outside: connectWire},

		// Know.
		"internal/cluster": {
			ours: "api/v2beta1 internal/identity internal/traffic", outside: apiTypes, pure: true,
			besides: granted{"hash/maphash": "addresses are spread by a seed that nobody can guess"},
		},
		"internal/cluster/trim":     {ours: "api/v2beta1 internal/cluster internal/traffic", outside: apiTypes + " sigs.k8s.io/yaml", pure: true},
		"internal/cluster/declared": {ours: "api/v2beta1", outside: apiTypes, pure: true},
		"internal/cluster/live":     {ours: "api/v2beta1 internal/cluster internal/cluster/declared internal/cluster/trim", outside: clusterIO},
		"internal/resolve": {
			ours: "internal/traffic internal/identity internal/cluster internal/graph", pure: true,
			besides: granted{"sync": "names and the waiting room are shared memory"},
		},

		// Remember.
		"internal/names": {pure: true, besides: granted{"sync": "the memory is shared"}},
		"internal/graph": {
			ours: "internal/identity internal/traffic", pure: true,
			besides: granted{
				"sync": "the graph is shared memory", "sync/atomic": "its counters are read at any time",
				"hash/maphash": "a seed of its own keeps strangers from choosing names that share a hash",
			},
		},
		"internal/store": {ours: "internal/graph internal/identity internal/traffic", outside: "modernc.org/sqlite github.com/jackc/pgx/v5"},

		// Show.
		"internal/export/intents":               {ours: "api/v2beta1 internal/graph internal/identity internal/traffic", outside: apiTypes + " sigs.k8s.io/yaml go.yaml.in/yaml/v3", pure: true},
		"internal/export/document":              {ours: "internal/graph internal/identity internal/traffic", pure: true},
		"internal/export/dot":                   {ours: "internal/graph internal/identity internal/traffic", pure: true},
		"internal/export/svg":                   {ours: "internal/graph internal/identity internal/traffic", pure: true},
		"internal/export/text":                  {ours: "internal/graph internal/identity internal/traffic", pure: true},
		"internal/query/querypb":                {outside: connectWire},
		"internal/query/querypb/querypbconnect": {ours: "internal/query/querypb", outside: connectWire},
		"internal/query":                        {ours: "internal/graph internal/identity internal/traffic internal/query/*", outside: connectWire + " " + apiTypes},

		// Declare, decide.
		"internal/policy":               {ours: "api/v2beta1 internal/identity internal/cluster internal/traffic", outside: apiTypes + " golang.org/x/net/idna", pure: true},
		"internal/policy/networkpolicy": {ours: "api/v2beta1 internal/identity internal/cluster internal/policy internal/traffic", outside: apiTypes, pure: true},
		"internal/verdict": {
			ours: "internal/graph internal/identity internal/cluster internal/policy internal/traffic", outside: apiTypes, pure: true,
			besides: granted{"sync": "a Court keeps what it found out about a workload for whoever asks next"},
		},

		// Apply, tell.
		"controllers": {
			ours:    "api/v2beta1 internal/identity internal/cluster internal/cluster/declared internal/policy internal/policy/* internal/verdict internal/graph internal/names internal/export/intents",
			outside: clusterIO + " " + metrics + " github.com/go-logr/logr",
		},

		// Trust between the roles.
		"internal/trust": {ours: "internal/wire", outside: apiTypes + " k8s.io/client-go"},

		// The whole line, and the doors to people.
		"internal/role":    {ours: "api/* controllers internal/*", outside: clusterIO + " " + metrics + " " + flags + " github.com/go-logr/logr golang.org/x/sync"},
		"internal/command": {ours: "api/* internal/role internal/query internal/graph internal/identity internal/traffic internal/export/*", outside: clusterIO + " " + connectWire + " " + flags + " golang.org/x/term k8s.io/streaming k8s.io/klog/v2 sigs.k8s.io/yaml"},

		// Tests.
		"internal/arch":             {outside: "golang.org/x/tools", testOnly: true},
		"internal/testkit":          {outside: clusterIO, ours: "api/*", testOnly: true},
		"internal/testkit/golden":   {outside: "github.com/rogpeppe/go-internal github.com/google/go-cmp", ours: "internal/export/document internal/graph", testOnly: true},
		"internal/testkit/node":     {outside: "github.com/vishvananda/netlink github.com/vishvananda/netns golang.org/x/sys/unix", testOnly: true},
		"internal/testkit/stage":    {testOnly: true},
		"internal/testkit/postgres": {testOnly: true},
		"internal/e2e":              {testOnly: true},
		"hack/demo":                 {ours: "internal/testkit/stage", testOnly: true},
		"hack/shop":                 {testOnly: true},
	}
}

// refuses says why a room must not import path; it is empty when it may.
func (r room) refuses(path string) string {
	if below, ours := strings.CutPrefix(path, module+"/"); ours {
		if !allowed(r.ours, below, "/*") {
			return "no such door; data goes one way, see docs/architecture.md"
		}
		return ""
	}
	switch {
	case !r.testOnly && allowed("testing", path, ""):
		return "nothing that is shipped knows about tests"
	case r.pure && !computes(path) && r.besides[path] == "":
		return "a pure room takes values and returns values; see internal/arch/pure.go for the packages that only compute"
	case isLibrary(path) && !allowed(r.outside, path, ""):
		return "this library has another room, or none; list it in internal/arch/rooms.go if that is on purpose"
	default:
		return ""
	}
}

// allowed reports whether path is one of the listed names or below one. With a wildcard only names that end in it cover
// what is below them.
func allowed(list, path, wildcard string) bool {
	for name := range strings.FieldsSeq(list) {
		base, below := strings.CutSuffix(name, wildcard)
		if path == base && (wildcard == "" || !below) {
			return true
		}
		if (wildcard == "" || below) && strings.HasPrefix(path, base+"/") {
			return true
		}
	}
	return false
}
