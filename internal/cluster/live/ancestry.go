package live

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/portolan-io/portolan/internal/cluster"
)

// asked is an owner that is not watched and what became of the question who owns it.
type asked struct {
	question

	ancestor *cluster.Ancestor // the newest answer
	due      time.Time         // when it is to be read, again or for the first time
	retry    time.Duration     // the pause after the next failure
	err      error             // of the last read; nil when it was answered
}

// question asks who owns what ref means.
type question struct {
	namespace string // of the object whose owner it is
	ref       cluster.Owner
	watched   bool // the kind of the owner is watched
}

const (
	// ownerGrace is how long a watch may take to bring the owner of an object that another watch has brought. What has not
	// come by then is gone.
	ownerGrace = 5 * time.Second
	// ownerRenewal is how long an answer holds: owners may be adopted, and rights granted.
	ownerRenewal = 10 * time.Minute
	// ownerIdle is the time between two looks for due questions when there is none.
	ownerIdle = time.Minute
	// ancestorSteps bounds the walk from an object to its root.
	ancestorSteps = 10
)

// ancestry returns what is known about the owners of the pods and controllers of f that are neither among them nor
// nodes, and asks about those that are new. What nobody names any more is forgotten. l.mu is held.
func (l *ledger) ancestry(p *page, f *cluster.Facts, now time.Time) []*cluster.Ancestor {
	held := make(map[string]bool, len(f.Controllers))
	for _, c := range f.Controllers {
		held[c.UID] = true
	}
	named := make(map[string]*asked)
	var ancestors []*cluster.Ancestor
	walk := func(ref cluster.Owner) {
		for range ancestorSteps {
			if ref == (cluster.Owner{}) || held[ref.UID] || named[ref.UID] != nil {
				return
			}
			a := p.asked[ref.UID]
			if a == nil {
				a = l.ask(question{namespace: f.Namespace, ref: ref}, now)
			}
			named[ref.UID] = a
			ancestors = append(ancestors, a.ancestor)
			ref = a.ancestor.Owner
		}
	}
	for _, pod := range f.Pods {
		if pod.Owner.Kind != "Node" {
			walk(pod.Owner)
		}
	}
	for _, c := range f.Controllers {
		walk(c.Owner)
	}
	p.asked = named
	return ancestors
}

// ask makes a new question.
func (l *ledger) ask(q question, now time.Time) *asked {
	q.watched = slices.ContainsFunc(l.kinds, func(k *kind) bool { return k.controls && k.name == q.ref.Kind })
	a := &asked{question: q, ancestor: &cluster.Ancestor{UID: q.ref.UID, Unresolved: true}, due: now, retry: firstRetry}
	if q.watched {
		a.due = now.Add(ownerGrace)
	}
	poke(l.curious)
	return a
}

// survey asks about all owners without taking what changed.
func (l *ledger) survey(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, p := range l.pages {
		if name != "" && !p.empty() {
			l.pending(name, cluster.Running, now)
		}
	}
}

// dueOwners returns the questions that are due at now, and when the next one is.
func (l *ledger) dueOwners(now time.Time) (due []question, next time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next = now.Add(ownerIdle)
	for _, p := range l.pages {
		for _, a := range p.asked {
			switch {
			case !a.due.After(now):
				due = append(due, a.question)
			case a.due.Before(next):
				next = a.due
			}
		}
	}
	return due, next
}

// answer notes how a read ended. One that failed is repeated, and what was known before stays known.
func (l *ledger) answer(q question, owner cluster.Owner, err error, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p, known := l.pages[q.namespace]
	if !known || p.asked[q.ref.UID] == nil {
		return
	}
	a := p.asked[q.ref.UID]
	if a.err = err; err != nil && !errors.Is(err, errNoMore) {
		a.due = now.Add(a.retry/2 + rand.N(a.retry/2))
		a.retry = min(2*a.retry, lastRetry)
		return
	}
	a.due, a.retry, a.err = now.Add(ownerRenewal+rand.N(ownerRenewal/10)), firstRetry, nil
	l.shared.text(&owner.APIVersion, &owner.Kind, &owner.Name)
	if said := (cluster.Ancestor{UID: q.ref.UID, Owner: owner}); *a.ancestor != said {
		a.ancestor = &said
		l.changed[q.namespace] |= cluster.Running
		l.rouse()
	}
}

// OwnerStatus is how the reading of owners that are not watched is doing.
type OwnerStatus struct {
	Asked      int    // owners that are neither watched nor nodes
	Unresolved int    // of these, those that could not be read yet; the traffic of their pods waits
	Error      string // of one of these; empty when there is none
}

// ownerStatus returns how the reading is doing.
func (l *ledger) ownerStatus() OwnerStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	var status OwnerStatus
	for _, p := range l.pages {
		status.Asked += len(p.asked)
		for _, a := range p.asked {
			if !a.ancestor.Unresolved {
				continue
			}
			status.Unresolved++
			if a.err != nil {
				status.Error = cmp.Or(status.Error, a.err.Error())
			}
		}
	}
	return status
}
