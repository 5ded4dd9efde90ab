package names

import (
	"net/netip"
	"time"
)

// This file is how a Memory outlives the process.

// Pair is an address of a name, and the end of its life: its last answer and the TTL of that, or the floor, or a connection
// that was seen later. The zero Until stands for a pair that was forgotten before its time.
type Pair struct {
	Name  string
	Addr  netip.Addr
	Until time.Time
}

// keptBehind is the part of the floor by which the end of a pair's life may be later than what was written down: popular names
// are answered all the time, and need not be written each time.
const keptBehind = 5

// Unkept returns what has to be written down so that Recall finds it, in no order: pairs that are new, that live clearly longer
// than at the last call, or that were forgotten because the memory was full. With whole these are all pairs.
func (m *Memory) Unkept(whole bool) []Pair {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.lost
	m.lost = nil
	for _, p := range m.ends {
		if whole || p.until.Sub(p.kept) > m.options.Floor/keptBehind {
			p.kept = p.until
			all = append(all, Pair{Name: p.name, Addr: p.addr, Until: p.until})
		}
	}
	return all
}

// Recall remembers pairs that another process or an earlier one wrote down, but for those whose life has ended at now. It
// shortens no life.
func (m *Memory) Recall(pairs []Pair, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, one := range pairs {
		if one.Name == "" || !publishable(one.Addr) || !now.Before(one.Until) || one.Until.Sub(now) > max(longestTTL, m.options.Floor) {
			continue
		}
		p := m.learn(one.Name, one.Addr, one.Until)
		p.kept = one.Until
	}
}
