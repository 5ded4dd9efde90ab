package controllers

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster/declared"
)

// Names of the indices over cached policies.
const (
	indexOwner    = "owner"    // the identity key on objects that are Portolan's
	indexMentions = "mentions" // identity keys that selectors of Portolan's objects name by label portolan.dev/workload
)

// newCache returns a cache of what the controllers write and how it stands at the API server: every NetworkPolicy, in
// which those of others are names without content, and the statuses of the objects that people write. All input of
// decisions comes from the Snapshot instead.
//
// Only the given namespaces are watched; none means all.
func newCache(config *rest.Config, http *http.Client, scheme *runtime.Scheme, namespaces []string) (cache.Cache, error) {
	noCopies := true
	var only map[string]cache.Config
	for _, n := range namespaces {
		if only == nil {
			only = make(map[string]cache.Config, len(namespaces))
		}
		only[n] = cache.Config{}
	}
	objects, err := cache.New(config, cache.Options{
		HTTPClient:                   http,
		DefaultNamespaces:            only,
		Scheme:                       scheme,
		ReaderFailOnMissingInformer:  true,
		DefaultTransform:             trimmedForCache,
		DefaultUnsafeDisableDeepCopy: &noCopies,
	})
	if err != nil {
		return nil, fmt.Errorf("making the cache of what is written: %w", err)
	}
	return objects, nil
}

// trimmedForCache keeps of an object what the controllers compare.
func trimmedForCache(object any) (any, error) {
	switch o := object.(type) {
	case *networkingv1.NetworkPolicy:
		trimPolicy(o)
	case *declared.ClientIntents:
		if o.Fault != "" {
			o.Labels = nil // what cannot be read is nobody's to change, not even discovery's
		}
		trimIntents(&o.ClientIntents)
	case *declared.ProtectedService:
		o.ManagedFields, o.Annotations = nil, nil
	case *declared.KafkaServerConfig:
		o.ManagedFields, o.Annotations, o.Spec = nil, nil, v2beta1.KafkaServerConfigSpec{}
	}
	return object, nil
}

// trimPolicy keeps all of Portolan's own policies but the managed fields, and name, uid and version of the others.
func trimPolicy(policy *networkingv1.NetworkPolicy) {
	policy.ManagedFields = nil
	if owner(policy.Labels) == "" {
		policy.Labels, policy.Annotations, policy.Spec = nil, nil, networkingv1.NetworkPolicySpec{}
	}
}

// trimIntents keeps who the client is, what the status says, and of discovered objects what they declare and who edited
// them.
func trimIntents(intents *v2beta1.ClientIntents) {
	maps.DeleteFunc(intents.Annotations, func(key, _ string) bool {
		return key != v2beta1.AnnotationMode && (key != corev1.LastAppliedConfigAnnotation || intents.Labels[v2beta1.LabelDiscovered] == "")
	})
	if intents.Labels[v2beta1.LabelDiscovered] == "" {
		intents.ManagedFields, intents.Labels, intents.Spec.Targets = nil, nil, nil
	}
}

// addIndices makes the cache answer for an owner and for the workloads that a policy mentions. It starts the informer.
func addIndices(ctx context.Context, policies cache.Cache) error {
	err := policies.IndexField(ctx, &networkingv1.NetworkPolicy{}, indexOwner, func(o client.Object) []string {
		if key := owner(o.GetLabels()); key != "" {
			return []string{key}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("indexing NetworkPolicies by owner: %w", err)
	}
	err = policies.IndexField(ctx, &networkingv1.NetworkPolicy{}, indexMentions, func(o client.Object) []string {
		policy, ok := o.(*networkingv1.NetworkPolicy)
		if !ok || owner(policy.Labels) == "" {
			return nil
		}
		return mentions(policy)
	})
	if err != nil {
		return fmt.Errorf("indexing NetworkPolicies by the labels that they select: %w", err)
	}
	return nil
}

// mentions returns the identity keys by which a policy selects pods, sorted, once each.
func mentions(policy *networkingv1.NetworkPolicy) []string {
	keys := make(map[string]struct{})
	add := func(selector *metav1.LabelSelector) {
		if selector == nil {
			return
		}
		if key, named := selector.MatchLabels[v2beta1.LabelWorkload]; named {
			keys[key] = struct{}{}
		}
	}
	add(&policy.Spec.PodSelector)
	for _, rule := range policy.Spec.Ingress {
		for _, peer := range rule.From {
			add(peer.PodSelector)
		}
	}
	for _, rule := range policy.Spec.Egress {
		for _, peer := range rule.To {
			add(peer.PodSelector)
		}
	}
	return slices.Sorted(maps.Keys(keys))
}
