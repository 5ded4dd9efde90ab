package intents

import (
	"strings"

	"github.com/portolan-io/portolan/internal/identity"
)

// kindDeployment keeps the plain name where workloads of several kinds share it.
const kindDeployment = "Deployment"

// maxObjectName leaves room for a kind behind a name within the 253 characters of an object name.
const maxObjectName = 180

// objectNames returns the name of each client's ClientIntents: the workload's own name, and "<name>-<kind>" where
// another workload of the namespace has a better right to it: a Deployment, else the first kind in the alphabet.
func objectNames(sorted []identity.Workload) map[identity.Workload]string {
	type place struct{ namespace, name string }
	first := make(map[place]identity.Workload, len(sorted))
	for _, who := range sorted {
		at := place{who.Namespace, objectName(who)}
		if _, taken := first[at]; !taken || who.Kind == kindDeployment {
			first[at] = who
		}
	}
	names := make(map[identity.Workload]string, len(sorted))
	for _, who := range sorted {
		name := objectName(who)
		if first[place{who.Namespace, name}] != who {
			name += "-" + strings.ToLower(kindSuffix(who.Kind))
		}
		names[who] = name
	}
	return names
}

func kindSuffix(kind string) string {
	if kind == "" {
		return "workload"
	}
	return kind
}

// objectName is the workload's name as an object name: '_' becomes '.', and a name that is not valid even so becomes its
// valid part with a piece of the identity's hash.
func objectName(who identity.Workload) string {
	name := strings.ReplaceAll(who.Name, "_", ".")
	valid := strings.Trim(strings.Map(inObjectName, strings.ToLower(name)), "-.")
	if len(valid) > maxObjectName {
		valid = strings.TrimRight(valid[:maxObjectName], "-.")
	}
	if valid == name && !strings.Contains(name, "..") && !strings.Contains(name, "-.") && !strings.Contains(name, ".-") {
		return name
	}
	return strings.Trim(strings.NewReplacer("..", "-", "-.", "-", ".-", "-").Replace(valid)+"-"+who.Hash()[:10], "-.")
}

func inObjectName(r rune) rune {
	if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-' || r == '.' {
		return r
	}
	return '-'
}
