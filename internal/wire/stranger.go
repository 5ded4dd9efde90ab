package wire

import (
	"net"
	"sync"
	"sync/atomic"
)

// Stranger says why a token was refused.
type Stranger string

// The reasons, as metrics name them.
const (
	NoToken      Stranger = "no-token"      // the request has none
	BadToken     Stranger = "bad-token"     // malformed, expired, unknown, or made for another audience
	WrongAccount Stranger = "wrong-account" // not that of the agents
	UnboundToken Stranger = "unbound-token" // bound to no pod or no node
	ForeignNode  Stranger = "foreign-node"  // that of an agent of another node than it speaks for
	ForeignPod   Stranger = "foreign-pod"   // that of another pod than it speaks for
)

// Strangers returns every reason, in a fixed order.
func Strangers() []Stranger {
	return []Stranger{NoToken, BadToken, WrongAccount, UnboundToken, ForeignNode, ForeignPod}
}

// strangers counts the refused tokens. It is safe for concurrent use.
type strangers struct{ counts map[Stranger]*atomic.Uint64 }

func newStrangers() strangers {
	s := strangers{counts: make(map[Stranger]*atomic.Uint64)}
	for _, reason := range Strangers() {
		s.counts[reason] = new(atomic.Uint64)
	}
	return s
}

// refuse counts a refused token and returns why it was refused.
func (s strangers) refuse(reason Stranger, why error) error {
	s.counts[reason].Add(1)
	return why
}

func (s strangers) snapshot() map[Stranger]uint64 {
	all := make(map[Stranger]uint64, len(s.counts))
	for reason, n := range s.counts {
		all[reason] = n.Load()
	}
	return all
}

// maxAtDoor is how many tokens of one address are checked at a time. An agent has one request at a time; the others leave
// room for agents behind one translated address.
const maxAtDoor = 16

// porch admits so many unchecked requests of each address, so that whoever comes with many wrong tokens keeps nobody else
// waiting for the API server. It is safe for concurrent use.
type porch struct {
	mu      sync.Mutex
	waiting map[string]int
}

func newPorch() *porch { return &porch{waiting: make(map[string]int)} }

// enter returns what to call once the token was checked.
func (p *porch) enter(remote string) (leave func(), err error) {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting[host] >= maxAtDoor {
		return nil, busy("too many tokens of this address are being checked")
	}
	p.waiting[host]++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.waiting[host]--; p.waiting[host] == 0 {
			delete(p.waiting, host)
		}
	}, nil
}
