package cluster

import (
	"cmp"
	"slices"

	"github.com/portolan-io/portolan/internal/identity"
)

// running is who runs in a namespace.
type running struct {
	members   map[string]Tenant // by name of the pod
	workloads map[identity.Workload]*Workload
	byName    map[string][]identity.Workload // by name in the form of the API
	pods      labelIndex[*Pod]               // not finished
}

// Tenant is a pod and who it belongs to. It is comparable: of two snapshots it is the same if the pod is.
type Tenant struct {
	Pod *Pod // as it was known last

	of *bearer
}

// Workload returns who the pod belongs to.
func (t Tenant) Workload() identity.Workload {
	if t.of == nil {
		return identity.Workload{}
	}
	return t.of.id
}

// Unresolved reports whether an owner of the pod cannot be read, so that Workload is only the last owner that is known.
func (t Tenant) Unresolved() bool { return t.of != nil && t.of.unresolved }

// bearer is who pods belong to. Pods of the same one share it, also with the snapshot before.
type bearer struct {
	id         identity.Workload
	unresolved bool // an owner cannot be read: id is only the last one that is known
}

// all returns every member; a nil r has none.
func (r *running) all() map[string]Tenant {
	if r == nil {
		return nil
	}
	return r.members
}

func (r *running) member(pod string) (Tenant, bool) {
	m, known := r.all()[pod]
	return m, known
}

// newRunning indexes the pods and controllers of f. What it shares with before, which may be nil, is who they belong to.
func newRunning(f Facts, before *running) *running {
	r := &running{
		members:   make(map[string]Tenant, len(f.Pods)),
		workloads: make(map[identity.Workload]*Workload),
		byName:    make(map[string][]identity.Workload),
	}
	owners := newOwners(f.Controllers, f.Ancestors)
	templates := r.addControllers(f.Controllers, owners)
	r.addPods(f.Pods, owners, before.bearers())
	r.addFormer(f.Controllers, owners)
	r.pods = r.pods.complete()
	for id, w := range r.workloads {
		w.Pods = slices.Clone(w.Pods) // of exact size
		slices.SortFunc(w.Pods, byPodName)
		slices.SortFunc(w.Controllers, func(a, b *Controller) int {
			return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
		})
		w.OwnLabels = exactLabels(w, r.pods, templates)
		name := apiName(id.Name)
		r.byName[name] = append(r.byName[name], id)
	}
	for _, ids := range r.byName {
		slices.SortFunc(ids, identity.Compare)
	}
	return r
}

// template is the pod template of a controller; top is the topmost controller above it.
type template struct {
	labels map[string]string
	top    *Controller
}

// addControllers makes the workloads of the topmost controllers and returns the templates of all. Deleted controllers
// make nothing any more.
func (r *running) addControllers(controllers []*Controller, owners owners) labelIndex[template] {
	templates := newLabelIndex(func(t template) map[string]string { return t.labels })
	for _, c := range controllers {
		if c.Deleted {
			continue
		}
		top, who := owners.ofController(c)
		templates.add(template{labels: c.TemplateLabels, top: top})
		if top == c {
			w := r.workload(who)
			w.Controllers = append(w.Controllers, c)
		}
	}
	return templates
}

func (r *running) addPods(pods []*Pod, owners owners, bearers map[bearer]*bearer) {
	r.pods = newLabelIndex(func(p *Pod) map[string]string { return p.Labels })
	for _, p := range pods {
		who, resolved := owners.ofPod(p)
		of := bearer{id: who, unresolved: !resolved}
		if bearers[of] == nil {
			bearers[of] = &of
		}
		r.members[p.Name] = Tenant{Pod: p, of: bearers[of]}
		if p.Finished {
			continue
		}
		w := r.workload(who)
		w.Pods = append(w.Pods, p)
		w.Unresolved = w.Unresolved || !resolved
		r.pods.add(p)
	}
}

// bearers returns who the members of r belong to, by value; a nil r has none.
func (r *running) bearers() map[bearer]*bearer {
	all := make(map[bearer]*bearer)
	for _, m := range r.all() {
		all[*m.of] = m.of
	}
	return all
}

// addFormer gives the workloads whose last pods are stopping the controllers that they had, so that their labels stay
// the same to the end.
func (r *running) addFormer(controllers []*Controller, owners owners) {
	for _, c := range controllers {
		if !c.Deleted {
			continue
		}
		top, who := owners.ofController(c)
		w, stopping := r.workloads[who]
		live := func(c *Controller) bool { return !c.Deleted }
		if top == c && stopping && !slices.ContainsFunc(w.Controllers, live) {
			w.Controllers = append(w.Controllers, c)
		}
	}
}

func (r *running) workload(who identity.Workload) *Workload {
	w, known := r.workloads[who]
	if !known {
		w = &Workload{ID: who}
		r.workloads[who] = w
	}
	return w
}

func byPodName(a, b *Pod) int { return cmp.Compare(a.Name, b.Name) }
