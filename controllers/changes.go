package controllers

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/declared"
)

// World is the newest picture of the cluster.
type World interface {
	// Current returns the newest Snapshot. It is called from several goroutines.
	Current() *cluster.Snapshot
	// Unreadable returns the objects that people wrote and that do not decode, sorted. Whoever asks for it before Current
	// misses none: an object that was repaired is in the Snapshot before it leaves this list.
	Unreadable() []declared.Unreadable
	// WaitSynced returns nil when the Snapshot shows everything that the API server held at the start. Nothing is decided,
	// and so nothing deleted, before. It returns an error if ctx ends first.
	WaitSynced(ctx context.Context) error
}

// Changes carries the steps of the world to the controllers of the leader. Steps that nobody has taken yet become one,
// so that it holds two snapshots at most, and none at all where this operator does not lead. The zero value is ready.
type Changes struct {
	mu        sync.Mutex
	followed  bool
	waiting   step
	announced chan struct{} // one slot
}

// step is the way from one Snapshot to a later one.
type step struct {
	before, after *cluster.Snapshot
	namespaces    map[string]struct{} // those that changed
}

// Announce notes that the world went from one Snapshot to the next. The newest must be available from World.Current
// already. It returns at once and may be called before a controller runs.
func (c *Changes) Announce(before, after *cluster.Snapshot, namespaces []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.followed {
		return
	}
	if c.waiting.before == nil {
		c.waiting = step{before: before, namespaces: make(map[string]struct{}, len(namespaces))}
	}
	c.waiting.after = after
	for _, n := range namespaces {
		c.waiting.namespaces[n] = struct{}{}
	}
	select {
	case c.announced <- struct{}{}:
	default: // the follower has not looked since the last time
	}
}

// follow returns what tells of waiting steps. Steps announced before are not reported: the follower begins with the
// world as it is.
func (c *Changes) follow() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.followed, c.waiting = true, step{}
	c.announced = make(chan struct{}, 1)
	return c.announced
}

// unfollow ends what follow began, and forgets what waits.
func (c *Changes) unfollow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.followed, c.waiting = false, step{}
}

// take returns the waiting step; false if there is none.
func (c *Changes) take() (step, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.waiting
	c.waiting = step{}
	return taken, taken.before != nil
}

// names returns the namespaces that changed, sorted.
func (s step) names() []string { return slices.Sorted(maps.Keys(s.namespaces)) }
