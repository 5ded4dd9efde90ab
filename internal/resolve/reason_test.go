package resolve

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReasonsThatWait(t *testing.T) {
	var waiting []Reason
	for _, r := range Reasons() {
		if r.Waits() {
			waiting = append(waiting, r)
		}
	}
	want := []Reason{Ambiguous, NoBackend, NoHolder, OwnerUnresolved, UnknownService, UnknownWorkload}
	if diff := cmp.Diff(waiting, want); diff != "" {
		t.Errorf("refusals that wait first (-got +want):\n%s", diff)
	}
	if !Awaiting.Waits() || Resolved.Waits() {
		t.Error("Awaiting waits and Resolved does not")
	}
	if slices.Contains(Reasons(), Awaiting) || slices.Contains(Reasons(), Resolved) {
		t.Error("Awaiting and Resolved are no refusals")
	}
}
