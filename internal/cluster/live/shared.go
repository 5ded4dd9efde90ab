package live

import (
	"hash/maphash"
	"maps"
	"slices"

	"github.com/portolan-io/portolan/internal/cluster"
)

// shared lets facts that say the same use the same memory: the pods of one template have equal labels, ports and names
// of owners, and each decoded object brings a copy of them. It remembers no more than sharedLimit of each sort; then it
// starts anew, which costs nothing but some sharing. Equal things come close together, as lists are sorted by name.
type shared struct {
	seed   maphash.Seed
	texts  map[string]string
	labels map[uint64]map[string]string       // by hash of the content
	ports  map[string][]cluster.ContainerPort // by UID of the owner: those of its last pod
}

const sharedLimit = 1 << 12

func newShared() *shared {
	return &shared{
		seed: maphash.MakeSeed(), texts: make(map[string]string), labels: make(map[uint64]map[string]string),
		ports: make(map[string][]cluster.ContainerPort),
	}
}

// pod lets p share with the facts before it.
func (s *shared) pod(p *cluster.Pod) {
	s.text(&p.Namespace, &p.Owner.APIVersion, &p.Owner.Kind, &p.Owner.Name, &p.Owner.UID, &p.Node, &p.ServiceAccount)
	s.set(&p.Labels)
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

// controller lets c share with the facts before it.
func (s *shared) controller(c *cluster.Controller) {
	s.text(&c.Namespace, &c.Name, &c.UID, &c.Owner.APIVersion, &c.Owner.Kind, &c.Owner.Name, &c.Owner.UID, &c.ServiceAccount)
	s.set(&c.TemplateLabels, &c.MatchLabels)
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

// set replaces maps by known ones of the same content.
func (s *shared) set(fields ...*map[string]string) {
	for _, field := range fields {
		if *field == nil {
			continue
		}
		hash := s.hash(*field)
		known, there := s.labels[hash]
		if !there || !maps.Equal(known, *field) {
			known = s.compact(*field)
			keep(s.labels, hash, known)
		}
		*field = known
	}
}

// compact returns a map of the same content, of exact size and of shared texts.
func (s *shared) compact(labels map[string]string) map[string]string {
	copied := make(map[string]string, len(labels))
	for key, value := range labels {
		s.text(&key, &value)
		copied[key] = value
	}
	return copied
}

func (s *shared) hash(labels map[string]string) uint64 {
	var sum uint64
	for key, value := range labels {
		sum += maphash.Comparable(s.seed, [2]string{key, value})
	}
	return sum
}

// keep adds to a map that starts anew when it is full.
func keep[K comparable, V any](m map[K]V, key K, value V) {
	if len(m) >= sharedLimit {
		clear(m)
	}
	m[key] = value
}
