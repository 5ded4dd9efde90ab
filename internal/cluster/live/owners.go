package live

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/trim"
)

// This file reads owners that are not watched, such as custom resources, to learn who owns them. Only metadata is asked
// for, once for each UID. Which kinds may be read is a matter of RBAC: the ClusterRole portolan-owners collects the rights.

const (
	// readLimit is how long one read may take.
	readLimit = 5 * time.Second
	// firstReadsLimit bounds how long the first Snapshot waits for owners, so that the workloads that it shows keep their
	// names.
	firstReadsLimit = 10 * time.Second
	// ownersAtOnce is how many owners are read at the same time.
	ownersAtOnce = 8
)

// errNoMore is the answer that ends the walk to the root: there is nothing to be learnt about that owner.
var errNoMore = errors.New("nothing to be learnt about this owner")

// readOwner returns the owner of what ref means. The error is errNoMore if ref means nothing that can be read: its kind
// is not served, reading it is forbidden, or the object is gone. Every other error may pass.
type readOwner func(ctx context.Context, namespace string, ref cluster.Owner) (cluster.Owner, error)

// ownersOf returns a reader for the API server of a client.
func ownersOf(api client.Client) readOwner {
	return func(ctx context.Context, namespace string, ref cluster.Owner) (cluster.Owner, error) {
		ctx, cancel := context.WithTimeout(ctx, readLimit)
		defer cancel()
		group, err := schema.ParseGroupVersion(ref.APIVersion)
		if err != nil {
			return cluster.Owner{}, errNoMore
		}
		kind := group.WithKind(ref.Kind)
		object, err := metadata(ctx, api, kind, client.ObjectKey{Namespace: namespace, Name: ref.Name})
		if meta.IsNoMatchError(err) { // perhaps in another version
			if served, missing := api.RESTMapper().RESTMapping(kind.GroupKind()); missing == nil {
				object, err = metadata(ctx, api, served.GroupVersionKind, client.ObjectKey{Namespace: namespace, Name: ref.Name})
			}
		}
		switch {
		case err == nil && string(object.UID) != ref.UID: // another object of that name
			return cluster.Owner{}, errNoMore
		case err == nil:
			return trim.OwnerOf(object.OwnerReferences), nil
		case isFinal(err):
			return cluster.Owner{}, errNoMore
		default:
			return cluster.Owner{}, fmt.Errorf("reading %s %s/%s: %w", ref.Kind, namespace, ref.Name, err)
		}
	}
}

func metadata(
	ctx context.Context, api client.Client, kind schema.GroupVersionKind, key client.ObjectKey,
) (*metav1.PartialObjectMetadata, error) {
	object := &metav1.PartialObjectMetadata{}
	object.SetGroupVersionKind(kind)
	return object, api.Get(ctx, key, object)
}

// isFinal reports whether the API server has said that there is nothing for us.
func isFinal(err error) bool {
	return meta.IsNoMatchError(err) || apierrors.IsNotFound(err) || apierrors.IsForbidden(err) || apierrors.IsMethodNotSupported(err)
}

// readOwners reads the owners that are asked for until ctx ends.
func (w *World) readOwners(ctx context.Context) {
	for ctx.Err() == nil {
		due, next := w.ledger.dueOwners(time.Now())
		if len(due) > 0 {
			w.read(ctx, due)
			continue
		}
		timer := time.NewTimer(time.Until(next))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-w.ledger.curious:
		}
		timer.Stop()
	}
}

// readFirstOwners reads the owners that the first Snapshot names, one generation after the other.
func (w *World) readFirstOwners(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, firstReadsLimit)
	defer cancel()
	for ctx.Err() == nil {
		w.ledger.survey(time.Now())
		due, _ := w.ledger.dueOwners(time.Now())
		if len(due) == 0 {
			return
		}
		w.read(ctx, due)
	}
}

// read reads owners, some at a time, and notes the answers.
func (w *World) read(ctx context.Context, due []question) {
	var reading sync.WaitGroup
	slots := make(chan struct{}, ownersAtOnce)
	for _, q := range due {
		slots <- struct{}{}
		reading.Go(func() {
			defer func() { <-slots }()
			owner, err := cluster.Owner{}, errNoMore
			if !q.watched { // a watch would have brought it by now
				owner, err = w.owner(ctx, q.namespace, q.ref)
			}
			if ctx.Err() == nil {
				w.ledger.answer(q, owner, err, time.Now())
			}
		})
	}
	reading.Wait()
}
