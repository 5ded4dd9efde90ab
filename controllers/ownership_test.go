package controllers

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func entry(manager, subresource, fields string) metav1.ManagedFieldsEntry {
	e := metav1.ManagedFieldsEntry{Manager: manager, Subresource: subresource, FieldsV1: &metav1.FieldsV1{}}
	e.FieldsV1.SetRawString(fields)
	return e
}

func TestOthersOwn(t *testing.T) {
	for name, tc := range map[string]struct {
		entries []metav1.ManagedFieldsEntry
		want    bool
	}{
		"nobody":                              {nil, false},
		"only ours":                           {[]metav1.ManagedFieldsEntry{entry("portolan", "", `{"f:spec":{"f:podSelector":{}}}`)}, false},
		"another one below the same parent":   {[]metav1.ManagedFieldsEntry{entry("kubectl", "", `{"f:spec":{"f:ingress":{}}}`)}, false},
		"another one at the field":            {[]metav1.ManagedFieldsEntry{entry("kubectl", "", `{"f:spec":{"f:podSelector":{}}}`)}, true},
		"another one below the field":         {[]metav1.ManagedFieldsEntry{entry("kubectl", "", `{"f:spec":{"f:podSelector":{"f:matchLabels":{}}}}`)}, true},
		"the manager of a subresource":        {[]metav1.ManagedFieldsEntry{entry("kubectl", "status", `{"f:spec":{"f:podSelector":{}}}`)}, false},
		"an entry that cannot be read counts": {[]metav1.ManagedFieldsEntry{entry("kubectl", "", `not JSON`)}, true},
		"an entry without fields":             {[]metav1.ManagedFieldsEntry{{Manager: "kubectl"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := othersOwn(tc.entries, "portolan", "spec", "podSelector"); got != tc.want {
				t.Errorf("othersOwn = %t, want %t", got, tc.want)
			}
		})
	}
}

// FuzzHasField checks that no field set makes the reader panic; what it answers is checked above.
func FuzzHasField(f *testing.F) {
	for _, seed := range []string{`{"f:spec":{"f:podSelector":{}}}`, `{}`, `[]`, `{"f:spec":1}`, `{"f:spec":null}`, ``} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(_ *testing.T, raw []byte) { hasField(raw, []string{"spec", "podSelector"}) })
}
