package controllers

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/policy"
	"github.com/portolan-io/portolan/internal/policy/networkpolicy"
)

// book remembers what the last reconcile of each subject came to, for those who tell people about it. It is safe for
// concurrent use and bounded by what exists: a subject that needs nothing and whom nobody asks about is struck out.
type book struct {
	mu       sync.Mutex
	results  map[identity.Workload]result
	names    map[types.NamespacedName]identity.Workload // name that a subject's policy would have → the subject
	askers   map[identity.Workload]map[policy.ObjectRef]struct{}
	news     map[policy.ObjectRef][]news
	awaiting map[identity.Workload]struct{} // subjects of the first round that are still to be computed
	rounded  func()                         // called once, when the first round is complete
}

// result is what one reconcile of a subject came to: of the ruling only what is asked for later.
type result struct {
	subject   identity.Workload
	idle      bool   // neither direction has a mode: nothing declares the subject
	unsure    bool   // something is kept that only an object may have asked for that cannot be read
	label     string // the label value that its pods need; empty for none
	written   policy.Written
	declarers []policy.ObjectRef // ClientIntents whose declarations are in the ruling, sorted, once each
	concerns  []policy.ObjectRef // objects whose status depends on the result
	findings  []policy.Finding   // about pods and Services
}

// news is something that was done to the policies of a subject.
type news struct {
	verb    verb
	object  policy.ObjectRef
	subject identity.Workload
}

type verb string

const (
	verbCreated verb = "created"
	verbUpdated verb = "updated"
	verbRemoved verb = "removed"
)

func newBook() *book {
	return &book{
		results: make(map[identity.Workload]result),
		names:   make(map[types.NamespacedName]identity.Workload),
		askers:  make(map[identity.Workload]map[policy.ObjectRef]struct{}),
		news:    make(map[policy.ObjectRef][]news),
	}
}

// await makes the subjects the first round. done is called once all of them were entered, at once if there is none.
func (b *book) await(subjects []identity.Workload, done func()) {
	b.mu.Lock()
	b.awaiting = make(map[identity.Workload]struct{}, len(subjects))
	for _, s := range subjects {
		b.awaiting[s] = struct{}{}
	}
	b.rounded = done
	b.mu.Unlock()
	b.computed(identity.Workload{})
}

// computed strikes a subject off the first round.
func (b *book) computed(who identity.Workload) {
	b.mu.Lock()
	delete(b.awaiting, who)
	done := b.rounded
	if len(b.awaiting) > 0 {
		done = nil
	}
	if done != nil {
		b.rounded = nil
	}
	b.mu.Unlock()
	if done != nil {
		done()
	}
}

// begin notes that the policies of a subject may be written from now on.
func (b *book) begin(who identity.Workload) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.names[nameOf(who)] = who
}

// enter notes a result and returns the objects whose owners should be told, sorted.
func (b *book) enter(r result, done applied) []policy.ObjectRef {
	b.mu.Lock()
	defer b.mu.Unlock()
	who := r.subject
	before := b.results[who]
	b.results[who] = r
	b.report(before, r, done)
	owners := make(map[policy.ObjectRef]struct{})
	for _, list := range [][]policy.ObjectRef{before.concerns, r.concerns} {
		for _, o := range list {
			owners[o] = struct{}{}
		}
	}
	maps.Copy(owners, b.askers[who])
	b.tidy(who)
	return slices.SortedFunc(maps.Keys(owners), compareRefs)
}

// isEmpty reports whether there is nothing to remember about the subject.
func (r result) isEmpty() bool {
	return (r.idle || r.subject.IsZero()) && r.label == "" && r.written == (policy.Written{})
}

// mostTold is how many objects hear of a change that is none of their making, such as new labels of a server.
const mostTold = 20

// report notes what was done for the ClientIntents that it concerns. b.mu is held.
func (b *book) report(before, after result, done applied) {
	b.add(verbCreated, done.created, after.subject, after.declarers)
	b.add(verbUpdated, done.updated, after.subject, changed(before.declarers, after.declarers))
	b.add(verbRemoved, done.removed, after.subject, lost(before, after))
}

// lost returns those for whom a policy that is removed was there. After a start, with another mode perhaps, they are those
// who declare the subject still.
func lost(before, after result) []policy.ObjectRef {
	if before.subject.IsZero() {
		return after.declarers
	}
	return before.declarers
}

func (b *book) add(v verb, objects []policy.ObjectRef, subject identity.Workload, about []policy.ObjectRef) {
	for _, object := range objects {
		for _, o := range about {
			b.news[o] = append(b.news[o], news{verb: v, object: object, subject: subject})
		}
	}
}

// declarers returns the ClientIntents whose declarations are in a ruling, sorted, once each.
func declarers(r policy.Ruling) []policy.ObjectRef {
	var found []policy.ObjectRef
	for _, list := range [][]policy.Permission{r.In, r.Out} {
		for _, p := range list {
			if p.Because.Rule == "" && p.Because.Target >= 0 {
				found = append(found, policy.ObjectRef{Kind: p.Because.Kind, Namespace: p.Because.Namespace, Name: p.Because.Name})
			}
		}
	}
	slices.SortFunc(found, compareRefs)
	return slices.Compact(found)
}

// changed returns those that came or went; where it is the same on both sides, the first few of all.
func changed(before, after []policy.ObjectRef) []policy.ObjectRef {
	var found []policy.ObjectRef
	for _, o := range before {
		if _, both := slices.BinarySearchFunc(after, o, compareRefs); !both {
			found = append(found, o)
		}
	}
	for _, o := range after {
		if _, both := slices.BinarySearchFunc(before, o, compareRefs); !both {
			found = append(found, o)
		}
	}
	if len(found) == 0 {
		return after[:min(len(after), mostTold)]
	}
	return found
}

// ask returns what is known about the objects of the subjects, and which of them were not computed yet. The owner of
// about is told when one of them changes.
func (b *book) ask(about policy.ObjectRef, subjects []identity.Workload) (written map[identity.Workload]policy.Written, missing []identity.Workload) {
	b.mu.Lock()
	defer b.mu.Unlock()
	written = make(map[identity.Workload]policy.Written, len(subjects))
	for _, who := range subjects {
		if b.askers[who] == nil {
			b.askers[who] = make(map[policy.ObjectRef]struct{}, 1)
		}
		b.askers[who][about] = struct{}{}
		if r, known := b.results[who]; known {
			written[who] = r.written
		} else {
			missing = append(missing, who)
		}
	}
	return written, missing
}

// leave notes that the owner of about does not ask about these subjects any more.
func (b *book) leave(about policy.ObjectRef, subjects []identity.Workload) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, who := range subjects {
		delete(b.askers[who], about)
		b.tidy(who)
	}
}

// tidy strikes out a subject that needs nothing and whom nobody asks about. b.mu is held.
func (b *book) tidy(who identity.Workload) {
	if len(b.askers[who]) > 0 {
		return
	}
	delete(b.askers, who)
	if b.results[who].isEmpty() {
		delete(b.results, who)
		delete(b.names, nameOf(who))
	}
}

// label returns the label value that the pods of a workload were last found to need, empty for none.
func (b *book) label(who identity.Workload) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.results[who].label
}

// unsure returns the subjects of whose policies something is kept because an object cannot be read, sorted.
func (b *book) unsure() []identity.Workload {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []identity.Workload
	for who, r := range b.results {
		if r.unsure {
			found = append(found, who)
		}
	}
	slices.SortFunc(found, identity.Compare)
	return found
}

// takeNews returns what was done since the last call for one object.
func (b *book) takeNews(about policy.ObjectRef) []news {
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := b.news[about]
	delete(b.news, about)
	return taken
}

// subject returns the subject to which a policy of that name would belong.
func (b *book) subject(name types.NamespacedName) (identity.Workload, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, suffix := range []string{"", "-ingress", "-egress"} {
		plain := types.NamespacedName{Namespace: name.Namespace, Name: strings.TrimSuffix(name.Name, suffix)}
		if who, known := b.names[plain]; known {
			return who, true
		}
	}
	return identity.Workload{}, false
}

// last returns the last result of a subject; the zero result if there is none.
func (b *book) last(who identity.Workload) result {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.results[who]
}

func nameOf(who identity.Workload) types.NamespacedName {
	return types.NamespacedName{Namespace: who.Namespace, Name: networkpolicy.Name(who)}
}

func compareRefs(a, b policy.ObjectRef) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
