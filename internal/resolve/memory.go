package resolve

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"github.com/portolan-io/portolan/internal/identity"
)

// Memory remembers which name a workload resolved to which address outside the cluster, so that a connection to the
// address finds its name. It is bounded: the pair that was answered least recently leaves first, and is counted. It is
// safe for concurrent use.
type Memory struct {
	mu      sync.Mutex
	limit   int
	pairs   map[question]*list.Element // of *remembered
	order   *list.List                 // the most recently answered first
	dropped uint64
}

type question struct {
	asker identity.Workload
	addr  netip.Addr
}

type remembered struct {
	question
	answers []answer // at most answersPerPair, the most recently learned last
}

// answer is one name of an address, and between which moments it was answered.
type answer struct {
	name        string
	first, last time.Time
}

// DefaultMemoryPairs is the default bound of a Memory: how many pairs of workload and address it holds.
const DefaultMemoryPairs = 100_000

// answersPerPair bounds how many names of one address are told apart; virtual hosts share addresses.
const answersPerPair = 8

// NewMemory returns an empty memory of at most limit pairs. A limit below 1 means DefaultMemoryPairs.
func NewMemory(limit int) *Memory {
	if limit < 1 {
		limit = DefaultMemoryPairs
	}
	return &Memory{limit: limit, pairs: make(map[question]*list.Element), order: list.New()}
}

// Learn remembers that asker got addr as an answer to name between first and last.
func (m *Memory) Learn(asker identity.Workload, addr netip.Addr, name string, first, last time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, known := m.pairs[question{asker, addr}]
	if !known {
		m.makeRoom()
		at = m.order.PushFront(&remembered{question: question{asker, addr}})
		m.pairs[question{asker, addr}] = at
	}
	m.order.MoveToFront(at)
	at.Value.(*remembered).learn(answer{name: name, first: first, last: last})
}

func (m *Memory) makeRoom() {
	for len(m.pairs) >= m.limit {
		oldest := m.order.Back()
		delete(m.pairs, oldest.Value.(*remembered).question)
		m.order.Remove(oldest)
		m.dropped++
	}
}

func (r *remembered) learn(a answer) {
	for i := range r.answers {
		if have := &r.answers[i]; have.name == a.name {
			if a.first.Before(have.first) {
				have.first = a.first
			}
			if a.last.After(have.last) {
				have.last = a.last
			}
			return
		}
	}
	if len(r.answers) == answersPerPair {
		r.answers = append(r.answers[:0], r.answers[1:]...)
	}
	r.answers = append(r.answers, a)
}

// Name returns the name that asker last resolved to addr at that moment. When it resolved none before it, the one that it
// resolved soonest after it, since names arrive in any order.
func (m *Memory) Name(asker identity.Workload, addr netip.Addr, at time.Time) (string, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, found := m.pairs[question{asker, addr}]
	if !found {
		return "", false
	}
	answers := known.Value.(*remembered).answers
	best := answers[0]
	for _, a := range answers[1:] {
		if a.closer(best, at) {
			best = a
		}
	}
	return best.name, true
}

// closer reports whether a explains a connection at that moment better than b. Of equals the smaller name does, so that
// the order in which answers arrive does not matter.
func (a answer) closer(b answer, at time.Time) bool {
	before, otherBefore := !a.first.After(at), !b.first.After(at)
	switch {
	case before != otherBefore:
		return before
	case before:
		if c := earlier(a.last, at).Compare(earlier(b.last, at)); c != 0 {
			return c > 0
		}
	default:
		if c := a.first.Compare(b.first); c != 0 {
			return c < 0
		}
	}
	return a.name < b.name
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Len returns how many pairs of workload and address are remembered.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.pairs)
}

// Dropped returns how many pairs were forgotten since the memory was made, because it was full.
func (m *Memory) Dropped() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dropped
}
