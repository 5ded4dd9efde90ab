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
type owners struct {
	byUID     map[string]*Controller
	ancestors map[string]*Ancestor
}

func newOwners(controllers []*Controller, ancestors []*Ancestor) owners {
	o := owners{byUID: make(map[string]*Controller, len(controllers)), ancestors: make(map[string]*Ancestor, len(ancestors))}
	for _, c := range controllers {
		o.byUID[c.UID] = c
	}
	for _, a := range ancestors {
		o.ancestors[a.UID] = a
	}
	return o
}

// ofPod returns the identity of a pod: the name annotation, else the root of its owners, else the pod itself. A mirror
// pod, which its Node owns, is named without the node's name. It is not resolved when an owner could not be read.
func (o owners) ofPod(p *Pod) (who identity.Workload, resolved bool) {
	switch {
	case validWorkloadName(p.WorkloadName):
		return identity.Workload{Namespace: p.Namespace, Name: p.WorkloadName}, true
	case p.Owner == Owner{}:
		return identity.Workload{Namespace: p.Namespace, Kind: kindPod, Name: p.Name}, true
	case p.Owner.Kind == "Node":
		name := strings.TrimSuffix(p.Name, "-"+p.Owner.Name)
		return identity.Workload{Namespace: p.Namespace, Kind: kindPod, Name: name}, true
	}
	root := o.root(p.Namespace, p.Owner)
	return root.who, root.resolved
}

// ofController returns the topmost known controller above c, which may be c itself, and the identity of the pods that c
// makes.
func (o owners) ofController(c *Controller) (*Controller, identity.Workload) {
	top, who := c, rootIdentity(c)
	if c.Owner != (Owner{}) {
		root := o.root(c.Namespace, c.Owner)
		top, who = cmp.Or(root.top, c), root.who
	}
	if validWorkloadName(c.WorkloadName) {
		who = identity.Workload{Namespace: c.Namespace, Name: c.WorkloadName}
	}
	return top, who
}

// root is where a walk upwards ends.
type root struct {
	top      *Controller // the topmost one that is known; nil when there is none
	who      identity.Workload
	resolved bool
}

// root walks upwards from a reference. A reference to an object of which nothing is known ends the walk, with its kind
// and name.
func (o owners) root(namespace string, ref Owner) root {
	r := root{resolved: true}
	for range ownerSteps {
		above := Owner{}
		if c, controls := o.byUID[ref.UID]; controls {
			r.top, above = c, c.Owner
			if above == (Owner{}) {
				r.who = rootIdentity(c)
				return r
			}
		} else if a, asked := o.ancestors[ref.UID]; asked {
			above = a.Owner
			r.resolved = r.resolved && !a.Unresolved
		}
		if above == (Owner{}) {
			break
		}
		ref = above
	}
	r.who = identity.Workload{Namespace: namespace, Kind: ref.Kind, Name: apiName(ref.Name)}
	return r
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
