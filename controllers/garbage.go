package controllers

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/policy"
)

// collector deletes the policies of Portolan that belong to no subject any more: those of workloads that went while no
// operator ran. Everything else is deleted by the reconcile of its subject. What an object that cannot be read may have
// asked for stays.
type collector struct {
	world    World
	settings policy.Settings
	policies *policyWriter
	wake     chan struct{} // one slot
	allowed  atomic.Bool   // every subject was computed once
}

func newCollector(world World, settings policy.Settings, policies *policyWriter) *collector {
	return &collector{world: world, settings: settings, policies: policies, wake: make(chan struct{}, 1)}
}

// allow lets the collector delete from now on, and has it look.
func (c *collector) allow() {
	c.allowed.Store(true)
	c.look()
}

// look has the collector look at what is there.
func (c *collector) look() {
	select {
	case c.wake <- struct{}{}:
	default: // it is going to look anyway
	}
}

// restBetweenLooks bounds what strays can cost, since a look reads every policy.
const restBetweenLooks = time.Second

// Start collects until ctx ends. A look that fails is repeated.
func (c *collector) Start(ctx context.Context) error {
	rest := time.NewTicker(restBetweenLooks)
	defer rest.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.wake:
		}
		if !c.allowed.Load() {
			continue // whoever allows it has it look again
		}
		if err := c.collect(ctx); err != nil {
			log.FromContext(ctx).Error(err, "deleting policies without a subject")
			c.look()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-rest.C:
		}
	}
}

func (c *collector) collect(ctx context.Context) error {
	all, err := c.policies.view.all(ctx)
	if err != nil {
		return err
	}
	unreadable, snap := c.world.Unreadable(), c.world.Current() // in this order: see World
	unsure, known := doubtOf(snap, c.settings, unreadable), keysByNamespace(policy.Subjects(snap))
	var errs []error
	for i := range all {
		if _, wanted := known[all[i].Namespace][owner(all[i].Labels)]; wanted || unsure.about(&all[i]) {
			continue
		}
		if err := c.policies.remove(ctx, &all[i]); err != nil {
			errs = append(errs, fmt.Errorf("collecting garbage: %w", err))
			continue
		}
		c.policies.metrics.object(kindNetworkPolicy, outcomeDeleted)
	}
	return errors.Join(errs...)
}

// keysByNamespace returns the identity keys of subjects by their namespace.
func keysByNamespace(subjects []identity.Workload) map[string]map[string]struct{} {
	keys := make(map[string]map[string]struct{})
	for _, who := range subjects {
		if keys[who.Namespace] == nil {
			keys[who.Namespace] = make(map[string]struct{})
		}
		keys[who.Namespace][who.Key()] = struct{}{}
	}
	return keys
}
