package controllers

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster/declared"
)

// TestATakeoverDoesNotWaitForTheNextLook holds that a proposal which somebody applied is looked at now, and every other change
// after the delay: others of the same manifest are in force already, and would shut its client out.
func TestATakeoverDoesNotWaitForTheNextLook(t *testing.T) {
	proposal := func() *declared.ClientIntents {
		c := &declared.ClientIntents{}
		c.Namespace, c.Name, c.Generation = "shop", "web", 1
		c.Labels = map[string]string{v2beta1.LabelDiscovered: "true"}
		return c
	}
	for name, tc := range map[string]struct {
		change func(*declared.ClientIntents)
		now    bool
	}{
		"a manifest is applied": {func(c *declared.ClientIntents) {
			c.Annotations = map[string]string{corev1.LastAppliedConfigAnnotation: "{}"}
		}, true},
		"it is edited":            {func(c *declared.ClientIntents) { c.Generation++ }, false},
		"only its status changes": {func(c *declared.ClientIntents) { c.ResourceVersion = "2" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[string]())
			defer queue.ShutDown()
			changed := proposal()
			tc.change(changed)
			declaredIn(time.Hour).Update(t.Context(), event.TypedUpdateEvent[*declared.ClientIntents]{ObjectOld: proposal(), ObjectNew: changed}, queue)
			if got := queue.Len() == 1; got != tc.now {
				t.Errorf("looked at now: %v, want %v", got, tc.now)
			}
		})
	}
}
