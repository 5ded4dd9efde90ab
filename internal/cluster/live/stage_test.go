package live

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-io/portolan/internal/cluster"
)

// stage is a World without an API server: the test writes to its streams.
type stage struct {
	*World
	t *testing.T

	mu      sync.Mutex
	changes []Change
	owners  map[string]cluster.Owner // by UID: what the API server says about owners that are not watched
	trouble error                    // what it says instead
	reads   int
}

// readOwner answers as the API server does.
func (s *stage) readOwner(_ context.Context, _ string, ref cluster.Owner) (cluster.Owner, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if s.trouble != nil {
		return cluster.Owner{}, s.trouble
	}
	if owner, known := s.owners[ref.UID]; known {
		return owner, nil
	}
	return cluster.Owner{}, errNoMore
}

// says lets the API server answer in another way, and returns how often it was asked before.
func (s *stage) says(trouble error, owners map[string]cluster.Owner) (reads int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble, s.owners = trouble, owners
	reads, s.reads = s.reads, 0
	return reads
}

// announced returns the changes that were announced since it was last called.
func (s *stage) announced() []Change {
	s.mu.Lock()
	defer s.mu.Unlock()
	changes := s.changes
	s.changes = nil
	return changes
}

// pass lets time pass and then everything happen that is due.
func (s *stage) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// newStage starts a World in the bubble of a synctest. Its streams have nothing yet.
func newStage(t *testing.T, o Options) *stage {
	t.Helper()
	s := &stage{t: t}
	o.Announce = func(c Change) {
		if s.Current() != c.After {
			t.Error("a change is announced before its Snapshot is published")
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.changes = append(s.changes, c)
	}
	s.World = newWorld(nil, o)
	s.owner = s.readOwner
	go s.publish(t.Context())
	go s.readOwners(t.Context())
	go s.lookUpBalancers(t.Context())
	return s
}

// newSyncedStage starts a World of an empty cluster that is not disturbed since long.
func newSyncedStage(t *testing.T, o Options) *stage {
	t.Helper()
	s := newStage(t, o)
	for _, stream := range s.streams {
		s.must(stream.Replace(nil, "1"))
	}
	s.rest()
	s.announced()
	return s
}

// rest lets more time pass than a pause.
func (s *stage) rest() { s.pass(time.Second) }

// settle lets everything happen that needs no time.
func (s *stage) settle() { synctest.Wait() }

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) stream(kind string) *stream {
	s.t.Helper()
	i := slices.IndexFunc(s.streams, func(st *stream) bool { return st.kind.name == kind })
	if i < 0 {
		s.t.Fatalf("no stream of kind %s", kind)
	}
	return s.streams[i]
}

func (s *stage) add(kind string, objects ...client.Object) {
	s.t.Helper()
	for _, o := range objects {
		s.must(s.stream(kind).Add(stored(o)))
	}
}

func (s *stage) update(kind string, o client.Object) {
	s.t.Helper()
	s.must(s.stream(kind).Update(stored(o)))
}

func (s *stage) remove(kind string, o client.Object) {
	s.t.Helper()
	s.must(s.stream(kind).Delete(stored(o)))
}
