package controllers

import (
	"context"
	"fmt"
	"slices"
	"sync"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-io/portolan/internal/identity"
)

// policyView is what the API server holds of NetworkPolicies as far as Portolan knows: the informer cache, and ahead of
// it the answers to Portolan's own writes that the cache has not delivered yet. Without the latter, a subject that
// changes twice in a moment would be written from an old picture.
//
// It is safe for concurrent use; one name is written by one goroutine at a time. What it returns must not be changed.
type policyView struct {
	cache client.Reader

	mu    sync.Mutex
	open  map[types.NamespacedName]*delivered // writes under way
	ahead map[types.NamespacedName]written    // writes that were answered
}

// written is the answer to a write. policy is nil where the object of that uid was deleted.
type written struct {
	policy *networkingv1.NetworkPolicy
	uid    types.UID
}

// delivered is what the cache delivered about a name while a write was under way.
type delivered struct {
	latest metav1.ObjectMeta
	gone   []types.UID
}

func newPolicyView(cache client.Reader) *policyView {
	return &policyView{
		cache: cache,
		open:  make(map[types.NamespacedName]*delivered),
		ahead: make(map[types.NamespacedName]written),
	}
}

// at returns the policy of that name, whoever it belongs to, or nil if there is none.
func (v *policyView) at(ctx context.Context, name types.NamespacedName) (*networkingv1.NetworkPolicy, error) {
	cached := new(networkingv1.NetworkPolicy)
	switch err := v.cache.Get(ctx, name, cached); {
	case apierrors.IsNotFound(err):
		cached = nil
	case err != nil:
		return nil, fmt.Errorf("reading NetworkPolicy %s: %w", name, err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.newest(name, cached), nil
}

// owned returns the policies that carry the identity key of that subject, in its namespace, in any order.
func (v *policyView) owned(ctx context.Context, who identity.Workload) ([]*networkingv1.NetworkPolicy, error) {
	key := who.Key()
	var list networkingv1.NetworkPolicyList
	err := v.cache.List(ctx, &list, client.InNamespace(who.Namespace), client.MatchingFields{indexOwner: key})
	if err != nil {
		return nil, fmt.Errorf("listing the NetworkPolicies of %s: %w", who, err)
	}
	found := make(map[types.NamespacedName]*networkingv1.NetworkPolicy, len(list.Items))
	for i := range list.Items {
		found[client.ObjectKeyFromObject(&list.Items[i])] = &list.Items[i]
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for name := range v.ahead {
		if _, cached := found[name]; !cached && name.Namespace == who.Namespace {
			found[name] = nil
		}
	}
	var owned []*networkingv1.NetworkPolicy
	for name, cached := range found {
		if newest := v.newest(name, cached); newest != nil && isOwnedBy(newest, key) {
			owned = append(owned, newest)
		}
	}
	return owned, nil
}

// all returns every policy that is Portolan's, as the cache has it.
func (v *policyView) all(ctx context.Context) ([]networkingv1.NetworkPolicy, error) {
	var list networkingv1.NetworkPolicyList
	if err := v.cache.List(ctx, &list); err != nil {
		return nil, fmt.Errorf("listing NetworkPolicies: %w", err)
	}
	return slices.DeleteFunc(list.Items, func(p networkingv1.NetworkPolicy) bool { return owner(p.Labels) == "" }), nil
}

// mentioned reports whether a policy of Portolan still selects pods by the identity key of that workload.
func (v *policyView) mentioned(ctx context.Context, who identity.Workload) (bool, error) {
	key := who.Key()
	var list networkingv1.NetworkPolicyList
	if err := v.cache.List(ctx, &list, client.MatchingFields{indexMentions: key}); err != nil {
		return false, fmt.Errorf("listing the NetworkPolicies that mention %s: %w", who, err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := range list.Items {
		newest := v.newest(client.ObjectKeyFromObject(&list.Items[i]), &list.Items[i])
		if newest != nil && slices.Contains(mentions(newest), key) {
			return true, nil
		}
	}
	for _, w := range v.ahead {
		if w.policy != nil && slices.Contains(mentions(w.policy), key) {
			return true, nil
		}
	}
	return false, nil
}

// begin is called before a write to that name, and end with its answer, or with the zero value when it failed.
func (v *policyView) begin(name types.NamespacedName) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.open[name] = &delivered{}
}

func (v *policyView) end(name types.NamespacedName, answer written) {
	v.mu.Lock()
	defer v.mu.Unlock()
	seen := v.open[name]
	delete(v.open, name)
	switch {
	case answer.uid == "": // failed: nothing is known that was not known before
	case seen.overtook(answer):
		delete(v.ahead, name)
	default:
		v.ahead[name] = answer
	}
}

// overtook reports whether the cache has delivered the answer, or something later, before the answer itself came.
func (d *delivered) overtook(answer written) bool {
	switch {
	case d == nil:
		return false
	case slices.Contains(d.gone, answer.uid):
		return true
	default:
		return answer.policy != nil && d.latest.UID == answer.uid && !older(d.latest, answer.policy.ObjectMeta)
	}
}

// settle is told what the cache delivered. It reports whether that is the very answer to an own write.
func (v *policyView) settle(cached *networkingv1.NetworkPolicy) (echo bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	name := client.ObjectKeyFromObject(cached)
	if seen := v.open[name]; seen != nil {
		seen.latest = cached.ObjectMeta
	}
	w, waiting := v.ahead[name]
	v.newest(name, cached)
	return waiting && w.policy != nil && w.policy.ResourceVersion == cached.ResourceVersion
}

// settleGone is told that the cache delivered a deletion. It reports whether that was an own one.
func (v *policyView) settleGone(cached *networkingv1.NetworkPolicy) (echo bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	name := client.ObjectKeyFromObject(cached)
	if seen := v.open[name]; seen != nil {
		seen.gone = append(seen.gone, cached.UID)
	}
	w, waiting := v.ahead[name]
	if !waiting || w.uid != cached.UID {
		return false
	}
	delete(v.ahead, name)
	return w.policy == nil
}

// newest returns the later of what the cache holds, nil for nothing, and what was written, and forgets the latter once
// the cache has caught up. v.mu is held.
func (v *policyView) newest(name types.NamespacedName, cached *networkingv1.NetworkPolicy) *networkingv1.NetworkPolicy {
	w, waiting := v.ahead[name]
	switch {
	case !waiting:
		return cached
	case w.policy == nil && (cached == nil || cached.UID == w.uid):
		return nil
	case w.policy != nil && (cached == nil || older(cached.ObjectMeta, w.policy.ObjectMeta)):
		return w.policy
	}
	delete(v.ahead, name)
	return cached
}

// older reports whether a is an earlier version than b. Versions that cannot be compared count as not older, so that the
// cache is believed.
func older(a, b metav1.ObjectMeta) bool {
	order, err := resourceversion.CompareResourceVersion(a.ResourceVersion, b.ResourceVersion)
	return err == nil && order < 0
}
