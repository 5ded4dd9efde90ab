package role

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/internal/cluster/declared"
)

func TestUnreadableNotesNameTheFirstFew(t *testing.T) {
	bad := declared.Unreadable{Kind: "ClientIntents", Namespace: "shop", Name: "web", Fault: "spec: want an object, found string"}
	const note = "ClientIntents shop/web cannot be read: spec: want an object, found string (correct or delete it)"
	for name, tc := range map[string]struct {
		count int
		want  []string
	}{
		"none":          {0, nil},
		"one":           {1, []string{note}},
		"as many as go": {mostUnreadable, slices.Repeat([]string{note}, mostUnreadable)},
		"more":          {mostUnreadable + 2, append(slices.Repeat([]string{note}, mostUnreadable), "2 more objects cannot be read")},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(unreadableNotes(slices.Repeat([]declared.Unreadable{bad}, tc.count)), tc.want); diff != "" {
				t.Errorf("got, want %s", diff)
			}
		})
	}
}
