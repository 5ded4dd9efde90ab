package controllers

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// othersOwn reports whether a field manager other than ours has set the field at path, such as "spec", "podSelector", or
// a field below it. Managers of a subresource do not count. An entry that cannot be read counts as owning, so that
// nothing of somebody else is overwritten.
//
// Source: the format of managedFields, sigs.k8s.io/structured-merge-diff: nested objects with a key "f:<name>" for each
// field that the manager has set.
func othersOwn(entries []metav1.ManagedFieldsEntry, ours string, path ...string) bool {
	for _, entry := range entries {
		if entry.Manager != ours && entry.Subresource == "" && entry.FieldsV1 != nil && hasField(entry.FieldsV1.GetRawBytes(), path) {
			return true
		}
	}
	return false
}

func hasField(raw []byte, path []string) bool {
	for _, field := range path {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(raw, &fields); err != nil {
			return true
		}
		next, present := fields["f:"+field]
		if !present {
			return false
		}
		raw = next
	}
	return true
}
