package controllers

import (
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-io/portolan/api/v2beta1"
)

// A discovered object changes hands when somebody applies a manifest of the same name: the manifest is then the whole truth
// about the object, and what it does not say, such as shadow, is not wanted. Whoever just edits the object keeps what he
// sees, mode included.
//
//	somebody …                          spec          label discovered   mode: shadow
//	edits it (kubectl edit, patch)      his           stays              stays: it is shown, and has no effect
//	applies a manifest without a mode   his           goes               goes: it is in force
//	applies a manifest with a mode      his           goes               as the manifest says

// handover says what is left of discovery's fields on an object that a manifest of somebody else declares.
type handover struct {
	live     *v2beta1.ClientIntents
	keepSpec bool // nobody else owns all of the spec, so giving it back would delete it
	keepMode bool // the manifest says shadow itself
}

// handsOver reports whether an object of discovery was applied by somebody else, and what is to be done then.
func handsOver(live *v2beta1.ClientIntents) (handover, bool) {
	if live.Labels[v2beta1.LabelDiscovered] != "true" {
		return handover{}, false
	}
	if appliedByOthers(live.ManagedFields) {
		return handover{live: live}, true
	}
	manifest, applied := live.Annotations[corev1.LastAppliedConfigAnnotation]
	if !applied {
		return handover{}, false
	}
	return handover{live: live, keepSpec: true, keepMode: saysMode(manifest)}, true
}

// appliedByOthers reports whether another field manager declares a spec by server-side apply.
func appliedByOthers(entries []metav1.ManagedFieldsEntry) bool {
	var applied []metav1.ManagedFieldsEntry
	for _, entry := range entries {
		if entry.Operation == metav1.ManagedFieldsOperationApply {
			applied = append(applied, entry)
		}
	}
	return othersOwn(applied, discoveryManager, "spec")
}

// saysMode reports whether a manifest, as kubectl keeps it, has a mode of its own. One that cannot be read is taken to have
// one, so that nothing comes into force by mistake.
func saysMode(manifest string) bool {
	var said metav1.PartialObjectMetadata
	if err := json.Unmarshal([]byte(manifest), &said); err != nil {
		return true
	}
	_, has := said.Annotations[v2beta1.AnnotationMode]
	return has
}

// body is what discovery still applies to the object.
func (h handover) body() ([]byte, error) {
	d := intentsDocument(h.live)
	if h.keepSpec {
		d.Spec = h.live.Spec
	}
	if h.keepMode {
		d.Metadata.Annotations = map[string]string{v2beta1.AnnotationMode: mode(h.live)}
	}
	return render(d)
}
