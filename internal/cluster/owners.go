package cluster

import (
	"cmp"
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
		name := strings.TrimSuffix(p.Name, "-"+p.Owner.Name)
		return identity.Workload{Namespace: p.Namespace, Kind: kindPod, Name: name}
	}
	_, who := o.root(p.Namespace, p.Owner)
	return who
}

// ofController returns the topmost known controller above c, which may be c itself, and the identity of the pods that c
// makes.
func (o owners) ofController(c *Controller) (*Controller, identity.Workload) {
	top, who := c, rootIdentity(c)
	if c.Owner != (Owner{}) {
		above, root := o.root(c.Namespace, c.Owner)
		top, who = cmp.Or(above, c), root
	}
	if validWorkloadName(c.WorkloadName) {
		who = identity.Workload{Namespace: c.Namespace, Name: c.WorkloadName}
	}
	return top, who
}

// root walks upwards from a reference. It returns the topmost controller that is known, nil when there is none, and the
// identity that the last reference gives: a reference to an object that is not known ends the walk.
func (o owners) root(namespace string, ref Owner) (*Controller, identity.Workload) {
	var top *Controller
	for range ownerSteps {
		c, known := o.byUID[ref.UID]
		if !known {
			break
		}
		top = c
		if c.Owner == (Owner{}) {
			return top, rootIdentity(c)
		}
		ref = c.Owner
	}
	return top, identity.Workload{Namespace: namespace, Kind: ref.Kind, Name: apiName(ref.Name)}
}

// rootIdentity returns the identity that a controller without owner gives: its kind and name, or the name of its images.
func rootIdentity(c *Controller) identity.Workload {
	if c.ImageName != "" {
		return identity.Workload{Namespace: c.Namespace, Name: c.ImageName}
	}
	return identity.Workload{Namespace: c.Namespace, Kind: c.Kind, Name: apiName(c.Name)}
}

// maxWorkloadName is the longest value of the name annotation that is used.
const maxWorkloadName = 253

func validWorkloadName(name string) bool {
	return name != "" && len(name) <= maxWorkloadName && !strings.ContainsFunc(name, unicode.IsSpace)
}
