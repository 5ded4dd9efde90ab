// Package names remembers which addresses a DNS name had, for the internet targets of ClientIntents: names come from what
// trusted DNS servers answered, and each address has a lifetime.
//
// It is pure but for its lock. It must not look a name up, read a clock, or judge who may be trusted.
package names

import (
	"container/heap"
	"container/list"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options bounds a Memory.
type Options struct {
	Pairs int           // of a name and an address; of those that nobody wants, the least recently answered leaves first
	Floor time.Duration // shortest life of an address after its last answer: connections live longer than TTLs
}

// DefaultOptions returns the bounds that hold where nobody sets others.
func DefaultOptions() Options { return Options{Pairs: 100_000, Floor: 5 * time.Minute} }

// Validate returns one error per wrong field, joined.
func (o Options) Validate() error {
	var errs []error
	if o.Pairs < 1 {
		errs = append(errs, fmt.Errorf("names: a memory of %d pairs holds nothing; want at least 1", o.Pairs))
	}
	if o.Floor < time.Second || o.Floor > longestTTL {
		errs = append(errs, fmt.Errorf("names: a shortest life of %s; want 1s to %s", o.Floor, longestTTL))
	}
	return errors.Join(errs...)
}

// longestTTL caps what a DNS server says: nobody should be allowed somewhere for a week because of one answer.
const longestTTL = 24 * time.Hour

// Memory maps names to the addresses that they have. It is bounded and safe for concurrent use. A name is in lower case
// and has no final dot.
type Memory struct {
	options Options

	mu      sync.Mutex
	wanted  map[string]struct{} // domains, see Want
	root    *label
	recent  [2]*list.List // of *pair, the most recently answered first: those that nobody wants, and the wanted
	ends    ends          // the pair whose life ends first is at the top
	byAddr  map[netip.Addr][]*pair
	changed map[string]struct{} // names whose addresses are others than at the last call of Changes
	lost    []Pair              // that were told by Unkept, and were forgotten before their time
	dropped uint64
}

// pair is one address of one name.
type pair struct {
	name  string
	addr  netip.Addr
	until time.Time // end of its life, exclusive
	kept  time.Time // the end that Unkept told last, or Recall brought; zero for none
	rank  int       // which list of recent it is in
	at    *list.Element
	index int // in ends
}

// New returns an empty memory. The options must be valid.
func New(o Options) *Memory {
	return &Memory{
		options: o, root: &label{}, recent: [2]*list.List{list.New(), list.New()}, byAddr: make(map[netip.Addr][]*pair), changed: make(map[string]struct{}),
	}
}

// Learn remembers that name had addr at that moment, for ttl, or for the floor if that is longer. A name or an address
// that cannot be published is left out.
func (m *Memory) Learn(name string, addr netip.Addr, ttl time.Duration, at time.Time) {
	if name == "" || !publishable(addr) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.learn(name, addr, at.Add(max(min(ttl, longestTTL), m.options.Floor)))
}

// learn remembers that a pair lives at least until then, as the one that was answered last.
func (m *Memory) learn(name string, addr netip.Addr, until time.Time) *pair {
	node := m.root.down(name)
	p, known := node.pairs[addr]
	if !known {
		m.makeRoom()
		node = m.root.down(name) // making room may have pruned it
		p = &pair{name: name, addr: addr, until: until, rank: m.rank(name)}
		node.set(p)
		p.at = m.recent[p.rank].PushFront(p)
		heap.Push(&m.ends, p)
		m.byAddr[addr] = append(m.byAddr[addr], p)
		m.changed[name] = struct{}{}
		return p
	}
	m.recent[p.rank].MoveToFront(p.at)
	m.prolong(p, until)
	return p
}

// The ranks of pairs.
const (
	unwanted = iota
	wanted
)

// Want says which domains are named by somebody, with and without a leading "*.", in place of those of the last call. What
// they mean is forgotten last when the memory is full.
func (m *Memory) Want(domains []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wanted = make(map[string]struct{}, len(domains))
	for _, d := range domains {
		m.wanted[d] = struct{}{}
	}
	for _, p := range m.ends {
		if rank := m.rank(p.name); rank != p.rank {
			m.recent[p.rank].Remove(p.at)
			p.rank = rank
			p.at = m.recent[rank].PushFront(p)
		}
	}
}

func (m *Memory) rank(name string) int {
	for domain := range Domains(name) {
		if _, named := m.wanted[domain]; named {
			return wanted
		}
	}
	return unwanted
}

// Domains yields every domain that means a name: the name itself, and a wildcard for each end of it.
func Domains(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		if !yield(name) {
			return
		}
		for below := name; ; {
			_, rest, more := strings.Cut(below, ".")
			if !more || !yield("*."+rest) {
				return
			}
			below = rest
		}
	}
}

// Connected says that a connection to addr was seen at that moment: whatever names it has live at least for the floor.
func (m *Memory) Connected(addr netip.Addr, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.byAddr[addr] {
		if at.Before(p.until) {
			m.prolong(p, at.Add(m.options.Floor))
		}
	}
}

func (m *Memory) prolong(p *pair, until time.Time) {
	if until.After(p.until) {
		p.until = until
		heap.Fix(&m.ends, p.index)
	}
}

// Addresses returns the addresses of a domain that live at now, sorted, each once. A domain that begins with "*." means
// every name below the rest, at any depth, and not the rest itself. The cost grows with the names found.
func (m *Memory) Addresses(domain string, now time.Time) []netip.Addr {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []netip.Addr
	take := func(p *pair) {
		if now.Before(p.until) {
			found = append(found, p.addr)
		}
	}
	if below, isWildcard := strings.CutPrefix(domain, "*."); isWildcard {
		if node := m.root.find(below); node != nil {
			node.below(take)
		}
	} else if node := m.root.find(domain); node != nil {
		for _, p := range node.pairs {
			take(p)
		}
	}
	slices.SortFunc(found, netip.Addr.Compare)
	return slices.Compact(found)
}

// Remaining returns how long after now the last address of a name lives; 0 when it has none. It is not for wildcards.
func (m *Memory) Remaining(name string, now time.Time) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	var longest time.Duration
	if node := m.root.find(name); node != nil {
		for _, p := range node.pairs {
			longest = max(longest, p.until.Sub(now))
		}
	}
	return longest
}

// Changes forgets the addresses whose lives have ended at now, and returns the names whose addresses have changed since
// the last call, in no order.
func (m *Memory) Changes(now time.Time) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.ends) > 0 && !now.Before(m.ends[0].until) {
		m.forget(m.ends[0])
	}
	names := make([]string, 0, len(m.changed))
	for name := range m.changed {
		names = append(names, name)
	}
	clear(m.changed)
	return names
}

// Floor returns the shortest life of an address.
func (m *Memory) Floor() time.Duration { return m.options.Floor }

// Len returns how many pairs are remembered.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pairs()
}

// Dropped returns how many pairs were forgotten since the memory was made, because it was full.
func (m *Memory) Dropped() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dropped
}

func (m *Memory) pairs() int { return m.recent[unwanted].Len() + m.recent[wanted].Len() }

// makeRoom forgets a wanted pair only when there is no other: whoever asks for names that nobody wants must not be able to
// push out those that policies rest on.
func (m *Memory) makeRoom() {
	for m.pairs() >= m.options.Pairs {
		last := m.recent[unwanted].Back()
		if last == nil {
			last = m.recent[wanted].Back()
		}
		oldest, _ := last.Value.(*pair)
		m.forget(oldest)
		m.dropped++
		if !oldest.kept.IsZero() {
			m.lost = append(m.lost, Pair{Name: oldest.name, Addr: oldest.addr})
		}
	}
}

func (m *Memory) forget(p *pair) {
	m.root.remove(p)
	m.recent[p.rank].Remove(p.at)
	heap.Remove(&m.ends, p.index)
	others := slices.DeleteFunc(m.byAddr[p.addr], func(o *pair) bool { return o == p })
	if len(others) == 0 {
		delete(m.byAddr, p.addr)
	} else {
		m.byAddr[p.addr] = others
	}
	m.changed[p.name] = struct{}{}
}

// publishable reports whether an address may ever be opened because of a name.
func publishable(a netip.Addr) bool {
	return a.IsValid() && !a.IsUnspecified() && !a.IsLoopback() && !a.IsLinkLocalUnicast() && !a.IsMulticast()
}
