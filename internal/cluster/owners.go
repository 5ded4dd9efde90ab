package cluster

import (
	"strings"
	"unicode"

	"github.com/portolan-io/portolan/internal/identity"
)

// ownerSteps bounds the walk from a pod to its root.
const ownerSteps = 10

// kindPod is the kind of workloads that are one bare or static pod.
const kindPod = "Pod"

// owners finds the root of a pod or controller by walking owner references upwards.
type owners struct{ byUID map[string]*Controller }

func newOwners(controllers []*Controller) owners {
	byUID := make(map[string]*Controller, len(controllers))
	for _, c := range controllers {
		byUID[c.UID] = c
	}
	return owners{byUID: byUID}
}

// ofPod returns the identity of a pod: the name annotation, else the root of its owners, else the pod itself. A mirror
// pod, which its Node owns, is named without the node's name.
func (o owners) ofPod(p *Pod) identity.Workload {
	switch {
	case validWorkloadName(p.WorkloadName):
		return identity.Workload{Namespace: p.Namespace, Name: p.WorkloadName}
	case p.Owner == Owner{}:
		return identity.Workload{Namespace: p.Namespace, Kind: kindPod, Name: p.Name}
	case p.Owner.Kind == "Node":
		return identity.Workload{Namespace: p.Namespace, Kind: kindPod, Name: strings.TrimSuffix(p.Name, "-"+p.Owner.Name)}
	}
	root, _ := o.root(p.Owner)
	return ownerIdentity(p.Namespace, root)
}

// ofController returns the top controller above c, nil when that is not known, and the identity of the pods that c makes.
func (o owners) ofController(c *Controller) (*Controller, identity.Workload) {
	root, top := Owner{Kind: c.Kind, Name: c.Name, UID: c.UID}, c
	if c.Owner != (Owner{}) {
		root, top = o.root(c.Owner)
	}
	if validWorkloadName(c.WorkloadName) {
		return top, identity.Workload{Namespace: c.Namespace, Name: c.WorkloadName}
	}
	return top, ownerIdentity(c.Namespace, root)
}

// root walks from a reference to the topmost one. A reference to an object that is not known ends the walk with its own
// name and kind.
func (o owners) root(ref Owner) (Owner, *Controller) {
	var top *Controller
	for range ownerSteps {
		c, known := o.byUID[ref.UID]
		if !known {
			return ref, nil
		}
		top = c
		if c.Owner == (Owner{}) {
			return ref, top
		}
		ref = c.Owner
	}
	return ref, top
}

func ownerIdentity(namespace string, root Owner) identity.Workload {
	return identity.Workload{Namespace: namespace, Kind: root.Kind, Name: apiName(root.Name)}
}

// maxWorkloadName is the longest value of the name annotation that is used.
const maxWorkloadName = 253

func validWorkloadName(name string) bool {
	return name != "" && len(name) <= maxWorkloadName && !strings.ContainsFunc(name, unicode.IsSpace)
}
