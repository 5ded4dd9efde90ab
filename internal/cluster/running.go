package cluster

import (
	"cmp"
	"slices"

	"github.com/portolan-io/portolan/internal/identity"
)

// running is who runs in a namespace.
type running struct {
	members   map[string]member // by name of the pod
	workloads map[identity.Workload]*Workload
	byName    map[string][]identity.Workload // by name in the form of the API
	pods      labelIndex[*Pod]               // not finished
}

// member is a pod and the workload that it belongs to.
type member struct {
	pod *Pod
	of  *identity.Workload
}

// all returns every member; a nil r has none.
func (r *running) all() map[string]member {
	if r == nil {
		return nil
	}
	return r.members
}

func (r *running) member(pod string) (member, bool) {
	m, known := r.all()[pod]
	return m, known
}

func newRunning(pods []*Pod, controllers []*Controller) *running {
	r := &running{
		members:   make(map[string]member, len(pods)),
		workloads: make(map[identity.Workload]*Workload),
		byName:    make(map[string][]identity.Workload),
	}
	owners := newOwners(controllers)
	templates := r.addControllers(controllers, owners)
	r.addPods(pods, owners)
	r.addFormer(controllers, owners)
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

func (r *running) addPods(pods []*Pod, owners owners) {
	r.pods = newLabelIndex(func(p *Pod) map[string]string { return p.Labels })
	finished := make(map[identity.Workload]*identity.Workload)
	for _, p := range pods {
		who := owners.ofPod(p)
		if p.Finished {
			if finished[who] == nil {
				finished[who] = &who
			}
			r.members[p.Name] = member{pod: p, of: finished[who]}
			continue
		}
		w := r.workload(who)
		w.Pods = append(w.Pods, p)
		r.members[p.Name] = member{pod: p, of: &w.ID}
		r.pods.add(p)
	}
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
