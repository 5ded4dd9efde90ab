package role

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/declared"
	"github.com/portolan-io/portolan/internal/cluster/trim"
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

func TestAnObjectThatDoesNotDecodeIsCountedOnce(t *testing.T) {
	named := func(namespace, name string) runtime.Object {
		return &v2beta1.ClientIntents{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	}
	snapshot, err := trim.FromObjects([]runtime.Object{named("shop", "web"), named("shop", "cart"), named("pay", "ledger")})
	if err != nil {
		t.Fatal(err)
	}
	unreadable := []declared.Unreadable{
		{Kind: v2beta1.KindClientIntents, Namespace: "shop", Name: "cart", Remembered: true},
		{Kind: v2beta1.KindClientIntents, Namespace: "shop", Name: "lost"},
		{Kind: v2beta1.KindProtectedService, Namespace: "shop", Name: "web"},
	}
	if got := countIntents(snapshot, unreadable); got != 4 {
		t.Errorf("countIntents() = %d, want 4: three in the picture and one that was never read", got)
	}
	if got := countIntents(cluster.Empty(), nil); got != 0 {
		t.Errorf("countIntents() = %d in an empty cluster", got)
	}
}
