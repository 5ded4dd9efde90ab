package controllers

import (
	"cmp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/portolan-io/portolan/api/v2beta1"
)

// discoveryManager owns what discovery writes.
const discoveryManager = "portolan-discovery"

// maxTargets is how many targets a ClientIntents can have.
const maxTargets = 1000

// WriteIntents says what discovery does with the edges that it finds.
type WriteIntents string

// The values of --write-intents.
const (
	WriteOff     WriteIntents = "off"     // nothing
	WritePropose WriteIntents = "propose" // ClientIntents that are shown and have no effect until somebody accepts them
	WriteApply   WriteIntents = "apply"   // ClientIntents that are in force
)

// discovery is what has to be done to the ClientIntents of one namespace.
type discovery struct {
	write  []*v2beta1.ClientIntents // with the uid of the live object where there is one
	remove []*v2beta1.ClientIntents
	hand   []handover               // objects that somebody else declares now
	full   []*v2beta1.ClientIntents // would need more targets than an object can have
}

// planDiscovery compares what the map says with what is there. found comes from the map, at most one for each client;
// live is every ClientIntents of the same namespace.
//
//	client declared by a person  →  nothing is written, and a discovered object for it is removed: one client, one object
//	no object for the client     →  write one, under the name that export would give it
//	discovered object            →  write it if targets are missing; it never loses one
//	the same, applied by others  →  hand it over: see handover
//
// A discovered object beside a person's would be wrong in either mode: as a proposal it would grow stale, and in force it
// would be the older of two duplicates.
func planDiscovery(found, live []*v2beta1.ClientIntents, how WriteIntents) discovery {
	var d discovery
	for _, l := range live {
		if h, taken := handsOver(l); taken {
			d.hand = append(d.hand, h)
		}
	}
	own, theirs := split(live, how)
	for _, mine := range own {
		if declaredBy(theirs, mine) {
			d.remove = append(d.remove, mine)
		}
	}
	own = slices.DeleteFunc(own, func(mine *v2beta1.ClientIntents) bool { return slices.Contains(d.remove, mine) })
	taken := make(map[string]struct{}, len(live))
	for _, l := range live {
		taken[l.Name] = struct{}{}
	}
	for _, f := range found {
		if !declaredBy(theirs, f) {
			d.plan(f, own, taken, how)
		}
	}
	return d
}

// plan decides about one client that no person declares.
func (d *discovery) plan(found *v2beta1.ClientIntents, own []*v2beta1.ClientIntents, taken map[string]struct{}, how WriteIntents) {
	wanted := &v2beta1.ClientIntents{Spec: v2beta1.ClientIntentsSpec{Workload: found.Spec.Workload}}
	wanted.Namespace, wanted.Name = found.Namespace, found.Name
	mark(wanted, how)
	i := slices.IndexFunc(own, func(mine *v2beta1.ClientIntents) bool { return mine.Spec.Workload == found.Spec.Workload })
	if i < 0 {
		if _, used := taken[wanted.Name]; used {
			wanted.Name += "-" + strings.ToLower(cmp.Or(found.Spec.Workload.Kind, "workload"))
		}
		if _, used := taken[wanted.Name]; used {
			return // both names belong to objects for other clients
		}
		taken[wanted.Name] = struct{}{}
		wanted.Spec.Targets = found.Spec.Targets
		d.add(wanted)
		return
	}
	mine := own[i]
	wanted.Name, wanted.UID = mine.Name, mine.UID
	wanted.Spec.Targets = united(mine.Spec.Targets, found.Spec.Targets)
	if len(wanted.Spec.Targets) != len(mine.Spec.Targets) || mode(wanted) != mode(mine) {
		d.add(wanted)
	}
}

func (d *discovery) add(wanted *v2beta1.ClientIntents) {
	if len(wanted.Spec.Targets) > maxTargets {
		wanted.Spec.Targets = wanted.Spec.Targets[:maxTargets]
		d.full = append(d.full, wanted)
		if wanted.UID != "" {
			return
		}
	}
	d.write = append(d.write, wanted)
}

// mark gives an object the labels and the annotation by which discovery knows it again.
func mark(wanted *v2beta1.ClientIntents, how WriteIntents) {
	wanted.Labels = map[string]string{v2beta1.LabelManagedBy: v2beta1.ManagedBy, v2beta1.LabelDiscovered: "true"}
	if how == WritePropose {
		wanted.Annotations = map[string]string{v2beta1.AnnotationMode: string(v2beta1.ModeShadow)}
	}
}

func mode(intents *v2beta1.ClientIntents) string { return intents.Annotations[v2beta1.AnnotationMode] }

// split tells the objects that are discovery's from those of people.
func split(live []*v2beta1.ClientIntents, how WriteIntents) (own, theirs []*v2beta1.ClientIntents) {
	for _, l := range live {
		if isDiscovered(l, how) {
			own = append(own, l)
		} else {
			theirs = append(theirs, l)
		}
	}
	return own, theirs
}

// isDiscovered reports whether an object is discovery's to write. It is a person's from the moment on that somebody
// applies a manifest of that name, removes its label, edits its spec, or sets or, while discovery only proposes, removes its mode: that is how a proposal
// is accepted.
func isDiscovered(live *v2beta1.ClientIntents, how WriteIntents) bool {
	if _, taken := handsOver(live); taken {
		return false
	}
	if live.Labels[v2beta1.LabelManagedBy] != v2beta1.ManagedBy || live.Labels[v2beta1.LabelDiscovered] != "true" {
		return false
	}
	switch mode(live) {
	case string(v2beta1.ModeShadow):
		if how == WriteApply && othersOwn(live.ManagedFields, discoveryManager, "metadata", "annotations", v2beta1.AnnotationMode) {
			return false
		}
	case "":
		if how == WritePropose {
			return false
		}
	default:
		return false
	}
	return !othersOwn(live.ManagedFields, discoveryManager, "spec")
}

// declaredBy reports whether one of the objects is for the client of intents.
func declaredBy(objects []*v2beta1.ClientIntents, intents *v2beta1.ClientIntents) bool {
	client := intents.Spec.Workload
	return slices.ContainsFunc(objects, func(o *v2beta1.ClientIntents) bool {
		other := o.Spec.Workload
		return other.Name == client.Name && (other.Kind == client.Kind || other.Kind == "" || client.Kind == "")
	})
}

// united returns every target of both, each once, sorted by name. It does not change what it is given.
func united(have, more []v2beta1.Target) []v2beta1.Target {
	all := slices.Clone(have)
	for _, t := range more {
		if !slices.ContainsFunc(have, func(h v2beta1.Target) bool { return equality.Semantic.DeepEqual(h, t) }) {
			all = append(all, t)
		}
	}
	slices.SortStableFunc(all, func(a, b v2beta1.Target) int {
		return cmp.Or(cmp.Compare(a.Title(), b.Title()), cmp.Compare(targetKind(a), targetKind(b)))
	})
	return all
}

func targetKind(t v2beta1.Target) string {
	if t.Kubernetes != nil {
		return t.Kubernetes.Kind
	}
	kind, _ := t.Type()
	return string(kind)
}
