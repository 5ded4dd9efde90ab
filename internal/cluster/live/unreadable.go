package live

import (
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-io/portolan/internal/cluster/declared"
)

// This file is about objects that do not decode. What such an object said before is its last known word: the fact about it
// stays as long as the very object does, and goes with it.

// objectKey names an object in the ledger.
type objectKey struct {
	kind            int
	namespace, name string
}

// doubts are the objects that cannot be read.
type doubts struct {
	all     map[objectKey]declared.Unreadable
	changed bool // since they were last taken
}

// take returns the objects in order if they changed since it was last called.
func (d *doubts) take() ([]declared.Unreadable, bool) {
	if !d.changed {
		return nil, false
	}
	d.changed = false
	return slices.SortedFunc(maps.Values(d.all), declared.Compare), true
}

// doubt notes that an object cannot be read. It reports whether that is news. l.mu is held.
func (l *ledger) doubt(key objectKey, bad declared.Unreadable) bool {
	if said, known := l.said(key); known {
		bad.Remembered = said.GetUID() == bad.UID
		if !bad.Remembered { // another object of that name
			l.erase(key.kind, key.namespace, key.name)
		}
	}
	if l.doubts.all[key] == bad {
		return false
	}
	if l.doubts.all == nil {
		l.doubts.all = make(map[objectKey]declared.Unreadable)
	}
	l.doubts.all[key], l.doubts.changed = bad, true
	l.rouse()
	return true
}

// said returns the fact about an object that people wrote.
func (l *ledger) said(key objectKey) (metav1.Object, bool) {
	p, known := l.pages[key.namespace]
	if !known {
		return nil, false
	}
	said, known := p.facts[key.kind][key.name].(metav1.Object)
	return said, known
}

// dispel notes that an object can be read, or is gone. l.mu is held.
func (l *ledger) dispel(key objectKey) {
	if _, doubted := l.doubts.all[key]; !doubted {
		return
	}
	delete(l.doubts.all, key)
	l.doubts.changed = true
	l.rouse()
}

// dispelOthers does so for the objects of a kind that are not there, in a namespace, or anywhere if namespace is empty. l.mu is
// held.
func (l *ledger) dispelOthers(kind int, namespace string, there map[string]map[string]bool) {
	for key := range l.doubts.all {
		if key.kind == kind && (namespace == "" || key.namespace == namespace) && !there[key.namespace][key.name] {
			l.dispel(key)
		}
	}
}
