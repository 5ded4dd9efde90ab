package controllers

import (
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/policy"
)

// Tally knows which ClientIntents are not Ready, as they were judged last. Only the operator that leads judges. The zero
// value is ready; it is safe for concurrent use.
type Tally struct {
	mu      sync.Mutex
	failing map[policy.ObjectRef]struct{}
}

// Failing returns how many ClientIntents are not Ready.
func (t *Tally) Failing() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.failing)
}

// note remembers how an object was judged.
func (t *Tally) note(s statement) {
	if s.about.Kind != v2beta1.KindClientIntents {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !meta.IsStatusConditionFalse(s.conditions, v2beta1.ConditionReady) {
		delete(t.failing, s.about)
		return
	}
	if t.failing == nil {
		t.failing = make(map[policy.ObjectRef]struct{})
	}
	t.failing[s.about] = struct{}{}
}

// drop forgets an object that is gone.
func (t *Tally) drop(about policy.ObjectRef) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.failing, about)
}
