package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-io/portolan/internal/cluster/declared"
)

// stream keeps the facts about one kind, in one namespace or everywhere, as the API server has them. It is the store
// that a reflector writes to: objects become facts on their way in and are held nowhere else.
type stream struct {
	kind      *kind
	index     int    // of the kind
	namespace string // empty for everywhere
	ledger    *ledger
	client    client.WithWatch
	log       *slog.Logger
	// privileged says that the right to read may be missing, which is then as if there were nothing to read.
	privileged bool
	loaded     func() // what there is has been read, or there is nothing; further calls do nothing

	mu     sync.Mutex
	ready  bool
	absent bool
	err    error // of the last request; nil when it was answered
}

// entry is an object on its way to the ledger. The embedded metadata, of which only namespace and name are set, is the
// key by which the reflector holds it until a list is complete.
type entry struct {
	metav1.ObjectMeta
	page string               // the namespace whose facts it is among; empty for nodes
	fact any                  // nil when the object cannot be read at all
	err  error                // what could not be read
	bad  *declared.Unreadable // set where people wrote the object and it does not decode
}

const (
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
)

// run lists and watches until ctx ends. When the API server does not answer, what is known stays.
func (s *stream) run(ctx context.Context) {
	reflector := cache.NewReflectorWithOptions(s.listWatch(), s.kind.example, s, cache.ReflectorOptions{
		Name: "snapshot", TypeDescription: s.kind.name,
	})
	retry := firstRetry
	for ctx.Err() == nil {
		started := time.Now()
		err := reflector.ListAndWatchWithContext(ctx)
		if err == nil || time.Since(started) > 2*lastRetry {
			retry = firstRetry
		}
		sleep(ctx, retry/2+rand.N(retry/2))
		retry = min(2*retry, lastRetry)
	}
}

func (s *stream) listWatch() *cache.ListWatch {
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			list := s.kind.list()
			err := s.client.List(ctx, list, s.options(o))
			s.answered(err)
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			events, err := s.client.Watch(ctx, s.kind.list(), s.options(o))
			s.answered(err)
			return events, err
		},
	}
}

func (s *stream) options(o metav1.ListOptions) *client.ListOptions {
	o.LabelSelector = s.kind.only
	return &client.ListOptions{Namespace: s.namespace, Limit: o.Limit, Continue: o.Continue, Raw: &o}
}

// answered notes how a request ended, and logs when that changes.
func (s *stream) answered(err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	s.mu.Lock()
	failed, recovered := err != nil && s.err == nil, err == nil && s.err != nil
	absent := !s.ready && s.isAbsent(err)
	s.err, s.absent = err, absent
	s.mu.Unlock()
	log := s.log.With("kind", s.kind.name, "namespace", s.namespace)
	switch {
	case recovered:
		log.Info("reading from the API server again")
	case failed && absent:
		log.Info("the API server has nothing of this kind for us; going on without it", "error", err)
	case failed:
		log.Warn("cannot read from the API server; what is known stays", "error", err)
	}
	if absent {
		s.loaded()
	}
}

// isAbsent reports whether an answer says that there is nothing to be had, now or later, as opposed to an API server in
// trouble.
func (s *stream) isAbsent(err error) bool {
	switch {
	case err == nil:
		return false
	case s.privileged || s.kind.wide && s.kind.optional:
		return apierrors.IsForbidden(err) || s.kind.optional && isNotServed(err)
	default:
		return s.kind.optional && isNotServed(err)
	}
}

func isNotServed(err error) bool { return meta.IsNoMatchError(err) || apierrors.IsNotFound(err) }

// Transformer makes the reflector hold facts instead of objects until a list is complete.
func (s *stream) Transformer() cache.TransformFunc {
	return func(object any) (any, error) { return s.entry(object), nil }
}

// Add is called by the reflector for a new object.
func (s *stream) Add(object any) error {
	s.put(s.entry(object))
	return nil
}

// Update is called by the reflector for a changed object.
func (s *stream) Update(object any) error { return s.Add(object) }

// Delete is called by the reflector for an object that is gone.
func (s *stream) Delete(object any) error {
	s.ledger.remove(s.index, s.entry(object))
	return nil
}

// Replace is called by the reflector with everything there is, at the start and after it lost track.
func (s *stream) Replace(objects []any, _ string) error {
	all := make([]*entry, 0, len(objects))
	for _, object := range objects {
		e := s.entry(object)
		s.warn(e)
		all = append(all, e)
	}
	s.ledger.replace(s.index, s.namespace, all)
	s.mu.Lock()
	s.ready, s.absent = true, false
	s.mu.Unlock()
	s.loaded()
	return nil
}

// Resync is part of the reflector's store and has no meaning here.
func (s *stream) Resync() error { return nil }

func (s *stream) put(e *entry) {
	if s.ledger.put(s.index, e) {
		s.warn(e)
	}
}

func (s *stream) warn(e *entry) {
	if e.err != nil {
		s.log.Warn("cannot read all of an object", "kind", s.kind.name, "namespace", e.Namespace, "name", e.Name, "error", e.err)
	}
}

// entry reads an object. It never panics, whatever the object is.
func (s *stream) entry(object any) (e *entry) {
	if made, done := object.(*entry); done {
		return made
	}
	e = &entry{}
	defer func() {
		if cause := recover(); cause != nil {
			e.fact, e.err = nil, fmt.Errorf("reading a %s: %v", s.kind.name, cause)
		}
	}()
	o, ok := object.(client.Object)
	if !ok {
		e.err = fmt.Errorf("%T is not an object of the API", object)
		return e
	}
	e.Namespace, e.Name, e.page = o.GetNamespace(), o.GetName(), o.GetNamespace()
	if n, ok := o.(*corev1.Namespace); ok {
		e.page = n.Name
	}
	e.bad = declared.UnreadableOf(o)
	e.fact, e.err = s.kind.trim(o)
	return e
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
