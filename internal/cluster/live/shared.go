package live

import (
	"maps"
	"slices"

	"github.com/portolan-io/portolan/internal/cluster"
)

// shared lets facts that say the same use the same memory: the pods of one template have equal labels, ports and names
// of owners, and each decoded object brings a copy of them. It holds no more than sharedLimit of each sort; then it
// starts anew, which costs nothing but some sharing.
type shared struct {
	texts  map[string]string
	labels map[string]map[string]string       // by UID of the owner: those of its last pod
	ports  map[string][]cluster.ContainerPort // likewise
}

const sharedLimit = 1 << 14

func newShared() *shared {
	return &shared{
		texts: make(map[string]string), labels: make(map[string]map[string]string),
		ports: make(map[string][]cluster.ContainerPort),
	}
}

// pod lets p share with the pods before it.
func (s *shared) pod(p *cluster.Pod) {
	s.text(&p.Namespace, &p.Owner.Kind, &p.Owner.Name, &p.Owner.UID, &p.Node, &p.ServiceAccount)
	if known := s.labels[p.Owner.UID]; known != nil && maps.Equal(known, p.Labels) {
		p.Labels = known
	} else {
		p.Labels = s.textsOf(p.Labels)
		keep(s.labels, p.Owner.UID, p.Labels)
	}
	if known := s.ports[p.Owner.UID]; known != nil && slices.Equal(known, p.Ports) {
		p.Ports = known
		return
	}
	for i := range p.Ports {
		s.text(&p.Ports[i].Name)
	}
	p.Ports = slices.Clip(p.Ports)
	keep(s.ports, p.Owner.UID, p.Ports)
}

// controller lets c share with the controllers and pods before it.
func (s *shared) controller(c *cluster.Controller) {
	s.text(&c.Namespace, &c.Owner.Kind, &c.Owner.Name, &c.Owner.UID, &c.UID, &c.ServiceAccount)
	c.TemplateLabels = s.textsOf(c.TemplateLabels)
	if maps.Equal(c.MatchLabels, c.TemplateLabels) {
		c.MatchLabels = c.TemplateLabels
		return
	}
	c.MatchLabels = s.textsOf(c.MatchLabels)
}

func (s *shared) text(fields ...*string) {
	for _, field := range fields {
		known, there := s.texts[*field]
		if !there {
			known = *field
			keep(s.texts, known, known)
		}
		*field = known
	}
}

// textsOf returns a map of the same content, of exact size and of shared texts.
func (s *shared) textsOf(labels map[string]string) map[string]string {
	if labels == nil {
		return nil
	}
	copied := make(map[string]string, len(labels))
	for key, value := range labels {
		s.text(&key, &value)
		copied[key] = value
	}
	return copied
}

// keep adds to a map that starts anew when it is full.
func keep[V any](m map[string]V, key string, value V) {
	if len(m) >= sharedLimit {
		clear(m)
	}
	m[key] = value
}
