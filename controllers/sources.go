package controllers

import (
	"context"
	"slices"
	"sync"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/portolan-io/portolan/internal/cluster/declared"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/policy"
)

// inbox is the queue of a controller for those who have keys for it. Keys are held until the controller runs, and, where
// it waits for that, until release.
type inbox[key comparable] struct {
	delay time.Duration // keys that come within it become one

	mu    sync.Mutex
	queue workqueue.TypedRateLimitingInterface[key]
	wait  bool
	held  map[key]struct{}
}

// newInbox returns an inbox that holds its keys until release if wait is set.
func newInbox[key comparable](delay time.Duration, wait bool) *inbox[key] {
	return &inbox[key]{delay: delay, wait: wait, held: make(map[key]struct{})}
}

// start makes the queue known. It is a source of the controller.
func (i *inbox[key]) start(_ context.Context, queue workqueue.TypedRateLimitingInterface[key]) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.queue = queue
	i.flush()
	return nil
}

// busy reports whether keys wait in the queue.
func (i *inbox[key]) busy() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.queue != nil && i.queue.Len() > 0
}

// add enqueues keys, or holds them.
func (i *inbox[key]) add(keys ...key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, k := range keys {
		i.held[k] = struct{}{}
	}
	i.flush()
}

// release lets the keys go that were held, and every later one.
func (i *inbox[key]) release() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.wait = false
	i.flush()
}

func (i *inbox[key]) flush() {
	if i.queue == nil || i.wait {
		return
	}
	for k := range i.held {
		i.queue.AddAfter(k, i.delay)
	}
	clear(i.held)
}

// follower feeds the subjects that changed to the policy controller, and the objects whose status changes with the world
// alone to the status controller.
type follower struct {
	world   World
	changes *Changes
	book    *book
	tell    func(...policy.ObjectRef)
	ready   func() // called when every subject was computed once
	strays  func() // has policies without a subject looked at
	unread  []declared.Unreadable
}

// start is the source of the policy controller: first every subject, then those that a change touches.
func (f *follower) start(ctx context.Context, queue workqueue.TypedRateLimitingInterface[identity.Workload]) error {
	go func() {
		if f.world.WaitSynced(ctx) != nil {
			return // ctx has ended
		}
		f.unread = f.world.Unreadable()
		announced := f.changes.follow()
		defer f.changes.unfollow()
		subjects := firstRound(f.world.Current())
		f.book.await(subjects, f.ready)
		for _, who := range subjects {
			queue.Add(who)
		}
		for {
			select {
			case <-ctx.Done():
				return
			case <-announced:
				f.feed(queue)
			}
		}
	}()
	return nil
}

// feed enqueues what the waiting step touches.
func (f *follower) feed(queue workqueue.TypedRateLimitingInterface[identity.Workload]) {
	s, waits := f.changes.take()
	if !waits {
		return
	}
	for _, who := range subjectsOf(s, f.book.label) {
		queue.Add(who)
	}
	f.tell(objectsOf(s)...)
	f.reconsider(queue)
}

// reconsider enqueues what was held because of objects that could not be read, when those are others now.
func (f *follower) reconsider(queue workqueue.TypedRateLimitingInterface[identity.Workload]) {
	now := f.world.Unreadable()
	if slices.Equal(now, f.unread) {
		return
	}
	f.unread = now
	for _, who := range f.book.unsure() {
		queue.Add(who)
	}
	f.strays()
}

// drift feeds the subjects whose policies somebody else wrote or deleted to the policy controller.
func drift(view *policyView, book *book, strays func()) handler.TypedEventHandler[*networkingv1.NetworkPolicy, identity.Workload] {
	type queue = workqueue.TypedRateLimitingInterface[identity.Workload]
	touched := func(p *networkingv1.NetworkPolicy, q queue) {
		who, known := book.subject(client.ObjectKeyFromObject(p))
		if known {
			q.Add(who)
		}
		if key := owner(p.Labels); key != "" && (!known || who.Key() != key) {
			strays()
		}
	}
	return handler.TypedFuncs[*networkingv1.NetworkPolicy, identity.Workload]{
		CreateFunc: func(_ context.Context, e event.TypedCreateEvent[*networkingv1.NetworkPolicy], q queue) {
			if !view.settle(e.Object) {
				touched(e.Object, q)
			}
		},
		UpdateFunc: func(_ context.Context, e event.TypedUpdateEvent[*networkingv1.NetworkPolicy], q queue) {
			if !view.settle(e.ObjectNew) {
				touched(e.ObjectNew, q)
			}
		},
		DeleteFunc: func(_ context.Context, e event.TypedDeleteEvent[*networkingv1.NetworkPolicy], q queue) {
			if !view.settleGone(e.Object) {
				touched(e.Object, q)
			}
		},
	}
}

// rewritten feeds the objects whose stored form changed to the status controller, so that a status which somebody else
// edited is made true again.
func rewritten[O client.Object](objects *inbox[policy.ObjectRef]) handler.TypedEventHandler[O, policy.ObjectRef] {
	type queue = workqueue.TypedRateLimitingInterface[policy.ObjectRef]
	return handler.TypedFuncs[O, policy.ObjectRef]{
		CreateFunc: func(_ context.Context, e event.TypedCreateEvent[O], _ queue) { objects.add(refOf(e.Object)) },
		UpdateFunc: func(_ context.Context, e event.TypedUpdateEvent[O], _ queue) { objects.add(refOf(e.ObjectNew)) },
		DeleteFunc: func(_ context.Context, e event.TypedDeleteEvent[O], _ queue) { objects.add(refOf(e.Object)) },
	}
}

// declaredIn feeds the namespace of a ClientIntents that came, went or changed to the discovery controller, after a delay
// in which changes gather. A proposal that somebody has just applied is handed over at once: until then it has no effect,
// while others of the same manifest may already isolate the servers that it calls.
func declaredIn(delay time.Duration) handler.TypedEventHandler[*declared.ClientIntents, string] {
	type queue = workqueue.TypedRateLimitingInterface[string]
	return handler.TypedFuncs[*declared.ClientIntents, string]{
		CreateFunc: func(_ context.Context, e event.TypedCreateEvent[*declared.ClientIntents], q queue) {
			q.AddAfter(e.Object.Namespace, delay)
		},
		UpdateFunc: func(_ context.Context, e event.TypedUpdateEvent[*declared.ClientIntents], q queue) {
			if _, taken := handsOver(&e.ObjectNew.ClientIntents); taken {
				q.Add(e.ObjectNew.Namespace)
			} else if isRewrite(e.ObjectOld, e.ObjectNew) {
				q.AddAfter(e.ObjectNew.Namespace, delay)
			}
		},
		DeleteFunc: func(_ context.Context, e event.TypedDeleteEvent[*declared.ClientIntents], q queue) {
			q.AddAfter(e.Object.Namespace, delay)
		},
	}
}
