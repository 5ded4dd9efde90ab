package live

import (
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/declared"
	"github.com/portolan-io/portolan/internal/cluster/trim"
)

// ledger holds every fact about the cluster and which namespaces changed since they were last taken. Streams write to it;
// the publisher takes from it.
type ledger struct {
	wake      chan struct{} // one slot: something changed
	curious   chan struct{} // one slot: there are new questions about owners
	balancing chan struct{} // one slot: a Service with balancers is new or another

	mu             sync.Mutex
	kinds          []*kind
	pods, services int                      // the kinds of pods and Services
	only           map[string]bool          // the namespaces that are watched; nil for all
	pages          map[string]*page         // by namespace; "" is the cluster itself
	changed        map[string]cluster.Parts // by namespace; "" is the nodes and ranges
	shared         *shared
	counts         []counts             // by kind
	balancers      map[string]*balancer // by host name
	doubts         doubts
}

// page is the facts of one namespace.
type page struct {
	facts    []map[string]any               // by kind, then by name
	former   map[string]*cluster.Controller // by UID: controllers that are gone while their pods are not
	asked    map[string]*asked              // by UID: owners that are no controllers
	balanced map[string]balanced            // by name: Services whose balancers have addresses
}

// counts is what happened to the objects of one kind.
type counts struct {
	objects int    // held now
	events  uint64 // objects that the API server sent
	changes uint64 // of these, those that changed a decision
	refused uint64 // of these, those that could not be read in whole
}

func newLedger(kinds []*kind, namespaces []string) *ledger {
	l := &ledger{
		wake: make(chan struct{}, 1), curious: make(chan struct{}, 1), balancing: make(chan struct{}, 1), kinds: kinds,
		pods:      slices.IndexFunc(kinds, func(k *kind) bool { return k.name == "Pod" }),
		services:  slices.IndexFunc(kinds, func(k *kind) bool { return k.name == "Service" }),
		balancers: make(map[string]*balancer),
		pages:     make(map[string]*page), changed: make(map[string]cluster.Parts),
		shared: newShared(), counts: make([]counts, len(kinds)),
	}
	if len(namespaces) > 0 {
		l.only = make(map[string]bool, len(namespaces))
		for _, n := range namespaces {
			l.only[n] = true
		}
	}
	return l
}

// put notes that an object is there. It reports whether that changed a fact.
func (l *ledger) put(k int, e *entry) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.write(k, e)
}

// remove notes that an object is gone.
func (l *ledger) remove(k int, e *entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts[k].events++
	l.dispel(objectKey{k, e.page, e.Name})
	l.erase(k, e.page, e.Name)
}

// replace notes that these objects, and no others of the kind, are in a namespace, or anywhere if namespace is empty.
func (l *ledger) replace(k int, namespace string, all []*entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	there := make(map[string]map[string]bool)
	for _, e := range all {
		if there[e.page] == nil {
			there[e.page] = make(map[string]bool)
		}
		there[e.page][e.Name] = true
		l.write(k, e)
	}
	for name, p := range l.pages {
		if namespace != "" && name != namespace {
			continue
		}
		for object := range p.facts[k] {
			if !there[name][object] {
				l.erase(k, name, object)
			}
		}
	}
	l.dispelOthers(k, namespace, there)
}

func (l *ledger) write(k int, e *entry) bool {
	l.counts[k].events++
	if e.err != nil {
		l.counts[k].refused++
	}
	switch {
	case l.only != nil && e.page != "" && !l.only[e.page]:
		return false
	case e.bad != nil:
		return l.doubt(objectKey{k, e.page, e.Name}, *e.bad)
	case e.fact == nil:
		return false
	}
	l.dispel(objectKey{k, e.page, e.Name})
	return l.keep(k, e)
}

// keep holds a fact. It reports whether that changed anything.
func (l *ledger) keep(k int, e *entry) bool {
	p := l.page(e.page)
	before, known := p.facts[k][e.Name]
	if known && reflect.DeepEqual(before, e.fact) {
		return false
	}
	if !known {
		l.counts[k].objects++
	}
	l.counts[k].changes++
	l.share(e.fact, p)
	if c, makes := e.fact.(*cluster.Controller); makes {
		delete(p.former, c.UID)
	}
	if p.facts[k] == nil {
		p.facts[k] = make(map[string]any)
	}
	p.facts[k][e.Name] = e.fact
	l.touch(k, e.page)
	return true
}

func (l *ledger) erase(k int, namespace, name string) {
	p, known := l.pages[namespace]
	if !known {
		return
	}
	fact, known := p.facts[k][name]
	if !known {
		return
	}
	delete(p.facts[k], name)
	l.counts[k].objects--
	l.counts[k].changes++
	if c, makes := fact.(*cluster.Controller); makes {
		gone := *c
		gone.Deleted = true
		p.former[c.UID] = &gone
	}
	l.touch(k, namespace)
}

// share lets a new fact use what is held already.
func (l *ledger) share(fact any, p *page) {
	switch fact := fact.(type) {
	case *cluster.Pod:
		l.shared.pod(fact)
	case *cluster.Controller:
		l.shared.controller(fact)
	case *cluster.Service:
		if len(fact.Balancers) > 0 {
			poke(l.balancing)
		}
	case *cluster.EndpointSlice:
		for i := range fact.Endpoints {
			if pod, known := p.facts[l.pods][fact.Endpoints[i].Pod].(*cluster.Pod); known {
				fact.Endpoints[i].Pod = pod.Name
			}
		}
	}
}

func (l *ledger) page(namespace string) *page {
	p, known := l.pages[namespace]
	if !known {
		p = &page{facts: make([]map[string]any, len(l.kinds)), former: make(map[string]*cluster.Controller)}
		l.pages[namespace] = p
	}
	return p
}

// touch marks a namespace as changed and wakes the publisher.
func (l *ledger) touch(k int, namespace string) {
	l.changed[namespace] |= l.kinds[k].part
	l.rouse()
}

func (l *ledger) rouse() { poke(l.wake) }

// poke wakes whoever listens, unless it is awake already.
func poke(who chan<- struct{}) {
	select {
	case who <- struct{}{}:
	default:
	}
}

// pending is a namespace that changed.
type pending struct {
	facts cluster.Facts // only of the parts that changed
	parts cluster.Parts
	gone  bool // nothing is left of it
}

// taken is what changed.
type taken struct {
	spaces []pending

	nodes        []*cluster.Node // set if they or the ranges changed
	ranges       []netip.Prefix
	nodesChanged bool

	unreadable        []declared.Unreadable // set if they changed
	unreadableChanged bool
}

func (t taken) isEmpty() bool { return len(t.spaces) == 0 && !t.nodesChanged && !t.unreadableChanged }

// take returns what changed since it was last called, now.
func (l *ledger) take(now time.Time) taken {
	l.mu.Lock()
	defer l.mu.Unlock()
	var t taken
	for _, name := range slices.Sorted(maps.Keys(l.changed)) {
		if name == "" {
			t.nodes, t.ranges = l.wide()
			t.nodesChanged = true
			continue
		}
		t.spaces = append(t.spaces, l.pending(name, l.changed[name], now))
	}
	clear(l.changed)
	t.unreadable, t.unreadableChanged = l.doubts.take()
	return t
}

func (l *ledger) pending(name string, parts cluster.Parts, now time.Time) pending {
	p := l.pages[name]
	if p.empty() {
		delete(l.pages, name)
		return pending{facts: cluster.Facts{Namespace: name}, gone: true}
	}
	facts := cluster.Facts{Namespace: name, Labels: trim.NamespaceLabels(name, nil)}
	for i, k := range l.kinds {
		if k.part != 0 && k.part&parts == 0 {
			continue
		}
		for _, fact := range p.facts[i] {
			k.gather(&facts, fact)
		}
	}
	if parts&cluster.Serving != 0 {
		facts.Services = l.withBalancers(p, facts.Services)
	}
	if parts&cluster.Running != 0 {
		if len(p.former) > 0 {
			facts.Controllers = append(facts.Controllers, p.stillNamed(facts)...)
		}
		facts.Ancestors = l.ancestry(p, &facts, now)
	}
	return pending{facts: facts, parts: parts}
}

// wide returns what is in no namespace: the nodes, and the ranges of ClusterIPs in order.
func (l *ledger) wide() (nodes []*cluster.Node, ranges []netip.Prefix) {
	for _, facts := range l.page("").facts {
		for _, fact := range facts {
			switch fact := fact.(type) {
			case *cluster.Node:
				nodes = append(nodes, fact)
			case []netip.Prefix:
				ranges = append(ranges, fact...)
			}
		}
	}
	slices.SortFunc(ranges, netip.Prefix.Compare)
	return nodes, ranges
}

func (p *page) empty() bool {
	return !slices.ContainsFunc(p.facts, func(facts map[string]any) bool { return len(facts) > 0 })
}

// stillNamed returns the controllers that are gone and whose pods are not, and forgets the others.
func (p *page) stillNamed(f cluster.Facts) []*cluster.Controller {
	named := make(map[string]*cluster.Controller)
	name := func(owner cluster.Owner) {
		for c := p.former[owner.UID]; c != nil && named[c.UID] == nil; c = p.former[c.Owner.UID] {
			named[c.UID] = c
		}
	}
	for _, pod := range f.Pods {
		name(pod.Owner)
	}
	for _, c := range f.Controllers {
		name(c.Owner)
	}
	p.former = named
	return slices.Collect(maps.Values(named))
}
