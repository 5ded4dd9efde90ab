package controllers_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/controllers"
	"github.com/portolan-io/portolan/internal/graph"
)

// TestAnAppliedManifestTakesAProposalOver follows proposals to the three ways in which people make them theirs.
func TestAnAppliedManifestTakesAProposalOver(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	seen := graph.New(graph.Limits{})
	o := f.start(discovering(seen, controllers.WritePropose))
	f.namespace("shop")
	for _, name := range []string{"web", "cart", "ads", "news", "db", "log"} {
		f.create(deployment("shop", name))
	}
	for _, name := range []string{"web", "cart", "ads", "news"} {
		see(seen, "shop", name, "db")
		f.intents("shop", name, "db")
	}

	// The manifest that export wrote, unchanged, by kubectl apply: in force, with its spec.
	f.kubectlApply("web", nil)
	f.inForce("web")
	f.intents("shop", "web", "db")

	// The same by server-side apply, with another target.
	f.serverSideApply("cart", "log")
	f.inForce("cart")
	f.intents("shop", "cart", "log")

	// A manifest that says shadow itself stays a proposal, and is the person's.
	f.kubectlApply("ads", map[string]string{v2beta1.AnnotationMode: string(v2beta1.ModeShadow)})
	f.handedOver("ads", string(v2beta1.ModeShadow))

	// An edit is no acceptance.
	news := f.intents("shop", "news", "db")
	edited := news.DeepCopy()
	edited.Spec.Targets = calls("shop", "news", "log").Spec.Targets
	f.must(f.Patch(t.Context(), edited, client.MergeFrom(news), client.FieldOwner("kubectl-edit")))
	f.quiet(o)
	if kept := f.intents("shop", "news", "log"); kept.Annotations[v2beta1.AnnotationMode] != string(v2beta1.ModeShadow) {
		t.Errorf("an edited proposal has mode %q, want shadow", kept.Annotations[v2beta1.AnnotationMode])
	}

	// Discovery leaves them all alone from now on.
	for _, name := range []string{"web", "cart", "ads"} {
		see(seen, "shop", name, "log")
	}
	f.quiet(o)
	f.intents("shop", "web", "db")
}

// kubectlApply does what kubectl apply does with the manifest of a proposal: it notes the manifest, and finds nothing else
// to change.
func (f *fixture) kubectlApply(name string, annotations map[string]string) {
	f.Helper()
	manifest := calls("shop", name, "db")
	manifest.Annotations = annotations
	manifest.TypeMeta = metav1.TypeMeta{APIVersion: v2beta1.GroupVersion().String(), Kind: v2beta1.KindClientIntents}
	text, err := yaml.Marshal(manifest)
	f.must(err)
	noted, err := yaml.YAMLToJSON(text)
	f.must(err)
	f.must(f.Patch(f.Context(), manifest, client.RawPatch("application/merge-patch+json",
		fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, corev1.LastAppliedConfigAnnotation, noted)),
		client.FieldOwner("kubectl-client-side-apply")))
}

func (f *fixture) serverSideApply(name string, targets ...string) {
	f.Helper()
	manifest := calls("shop", name, targets...)
	manifest.TypeMeta = metav1.TypeMeta{APIVersion: v2beta1.GroupVersion().String(), Kind: v2beta1.KindClientIntents}
	text, err := yaml.Marshal(manifest)
	f.must(err)
	body, err := yaml.YAMLToJSON(text)
	f.must(err)
	f.must(f.Patch(f.Context(), manifest, client.RawPatch("application/apply-patch+yaml", body),
		client.FieldOwner("kubectl"), client.ForceOwnership))
}

// inForce waits until an object is nobody's proposal any more.
func (f *fixture) inForce(name string) {
	f.Helper()
	f.handedOver(name, "")
	f.condition("shop", name, v2beta1.ConditionReady, metav1.ConditionTrue, v2beta1.ReasonApplied)
}

// handedOver waits until discovery has taken its label off an object, and checks the mode that is left.
func (f *fixture) handedOver(name, mode string) {
	f.Helper()
	f.eventually("waiting for shop/"+name+" to be handed over", func() error {
		var live v2beta1.ClientIntents
		if err := f.Get(f.Context(), client.ObjectKey{Namespace: "shop", Name: name}, &live); err != nil {
			return err
		}
		if live.Labels[v2beta1.LabelDiscovered] != "" || live.Annotations[v2beta1.AnnotationMode] != mode {
			return fmt.Errorf("labels %v and mode %q, want mode %q", live.Labels, live.Annotations[v2beta1.AnnotationMode], mode)
		}
		return nil
	})
}
