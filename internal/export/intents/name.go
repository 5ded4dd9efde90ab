package intents

import (
	"strings"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/identity"
)

// kindDeployment keeps the plain name where workloads of several kinds share it.
const kindDeployment = "Deployment"

// Bounds of names, in bytes. maxObjectName leaves room for a kind and two pieces of a hash within the 253 characters of
// an object name, maxFileName for namespace, kind and extension within the 255 bytes of a file name.
const (
	maxObjectName = 160
	maxFileName   = 80
	hashLength    = 10
)

// place is a name in a namespace.
type place struct{ namespace, name string }

// objectNames returns the name of each client's ClientIntents, all different: the workload's own name, and "<name>-<kind>"
// where another workload of the namespace has a better right to it: a Deployment, else the first kind in the alphabet.
func objectNames(sorted []identity.Workload) map[identity.Workload]string {
	first := make(map[place]identity.Workload, len(sorted))
	for _, who := range sorted {
		at := place{who.Namespace, objectName(who)}
		if _, taken := first[at]; !taken || who.Kind == kindDeployment {
			first[at] = who
		}
	}
	names := make(map[identity.Workload]string, len(sorted))
	used := make(map[place]bool, len(sorted))
	for at, who := range first {
		names[who], used[at] = at.name, true
	}
	for _, who := range sorted {
		if names[who] == "" {
			names[who] = unused(used, place{who.Namespace, objectName(who) + "-" + kindSuffix(who.Kind)}, who)
		}
	}
	return names
}

// unused returns the name of a place, with a piece of the identity's hash where somebody else has it, and takes it.
func unused(used map[place]bool, at place, who identity.Workload) string {
	if used[at] {
		at.name += "-" + who.Hash()[:hashLength]
	}
	used[at] = true
	return at.name
}

func kindSuffix(kind string) string {
	if kind == "" {
		return "workload"
	}
	return strings.ToLower(kind)
}

// objectName is the workload's name as an object name: '_' becomes '.', and a name that is not valid even so becomes its
// valid part with a piece of the identity's hash.
func objectName(who identity.Workload) string {
	name := strings.ReplaceAll(who.Name, "_", ".")
	if len(name) <= maxObjectName && isSubdomain(name) {
		return name
	}
	valid := strings.Map(func(r rune) rune {
		if isLowerAlphanumeric(r) {
			return r
		}
		return '-'
	}, strings.ToLower(name))
	valid = strings.Trim(valid[:min(len(valid), maxObjectName)], "-")
	return strings.TrimPrefix(valid+"-"+who.Hash()[:hashLength], "-")
}

// isSubdomain reports whether every part between dots begins and ends with a letter or a digit, as object names must.
func isSubdomain(name string) bool {
	for part := range strings.SplitSeq(name, ".") {
		if part == "" || strings.HasPrefix(part, "-") || strings.HasSuffix(part, "-") {
			return false
		}
		for _, r := range part {
			if r != '-' && !isLowerAlphanumeric(r) {
				return false
			}
		}
	}
	return true
}

func isLowerAlphanumeric(r rune) bool { return 'a' <= r && r <= 'z' || '0' <= r && r <= '9' }

// FileNames returns for each object the name of its file in a directory, without extension, all different if the objects
// are different: "<workload>.<namespace>", and "<workload>.<namespace>.<kind>" for those that do not carry the plain name
// of their workload. The names hold nothing that a file system or a shell takes for something else.
func FileNames(objects []*v2beta1.ClientIntents) []string {
	names := make([]string, len(objects))
	used := make(map[place]bool, len(objects))
	for i, o := range objects {
		who := identity.Workload{Namespace: o.Namespace, Kind: o.Spec.Workload.Kind, Name: o.Spec.Workload.Name}
		name := fileStem(who) + "." + o.Namespace
		if o.Name != objectName(who) {
			name += "." + kindSuffix(who.Kind)
		}
		names[i] = unused(used, place{o.Namespace, name}, who)
	}
	return names
}

func fileStem(who identity.Workload) string {
	plain := strings.ToLower(who.Name)
	harmless := strings.Map(func(r rune) rune {
		if isLowerAlphanumeric(r) || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, plain)
	harmless = strings.TrimLeft(harmless[:min(len(harmless), maxFileName)], "-")
	if harmless == who.Name {
		return harmless
	}
	return strings.TrimPrefix(harmless+"-"+who.Hash()[:hashLength], "-")
}
