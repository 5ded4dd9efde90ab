package controllers

import (
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/portolan-io/portolan/internal/names"
)

// domainBook knows which ClientIntents name which domains. It is safe for concurrent use.
type domainBook struct {
	mu       sync.Mutex
	byObject map[types.NamespacedName][]domain
	byName   map[string]map[types.NamespacedName]struct{}
	known    map[types.NamespacedName]types.UID
}

func newDomainBook() *domainBook {
	return &domainBook{
		byObject: make(map[types.NamespacedName][]domain), byName: make(map[string]map[types.NamespacedName]struct{}),
		known: make(map[types.NamespacedName]types.UID),
	}
}

// first reports whether this is the first time that this very object is seen.
func (b *domainBook) first(object types.NamespacedName, uid types.UID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	first := b.known[object] != uid
	b.known[object] = uid
	return first
}

// forget forgets an object. It reports whether it named a domain.
func (b *domainBook) forget(object types.NamespacedName) bool {
	b.mu.Lock()
	delete(b.known, object)
	b.mu.Unlock()
	return b.set(object, nil)
}

// set notes the domains of an object, in place of those that it had. It reports whether they are others.
func (b *domainBook) set(object types.NamespacedName, domains []domain) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.byObject[object]
	if slices.Equal(before, domains) {
		return false
	}
	for _, d := range before {
		delete(b.byName[d.name], object)
		if len(b.byName[d.name]) == 0 {
			delete(b.byName, d.name)
		}
	}
	delete(b.byObject, object)
	if len(domains) > 0 {
		b.byObject[object] = domains
	}
	for _, d := range domains {
		if b.byName[d.name] == nil {
			b.byName[d.name] = make(map[types.NamespacedName]struct{})
		}
		b.byName[d.name][object] = struct{}{}
	}
	return true
}

// all returns every domain that somebody names, in no order.
func (b *domainBook) all() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Collect(maps.Keys(b.byName))
}

// has reports whether somebody names that domain.
func (b *domainBook) has(domain string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.byName[domain]) > 0
}

// meaning returns the objects that mean one of these names, each once, in no order.
func (b *domainBook) meaning(changed []string) []types.NamespacedName {
	b.mu.Lock()
	defer b.mu.Unlock()
	found := make(map[types.NamespacedName]struct{})
	for _, name := range changed {
		for domain := range names.Domains(name) {
			maps.Copy(found, b.byName[domain])
		}
	}
	return slices.Collect(maps.Keys(found))
}
