package intents

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/portolan-io/portolan/internal/identity"
)

func TestHeaderSaysWhatIsLeftOut(t *testing.T) {
	for peers, want := range map[int]string{
		0: "",
		1: "# Left out: 1 peer outside of the cluster; export --with-internet includes it as an internet target.\n",
		7: "# Left out: 7 peers outside of the cluster; export --with-internet includes them as internet targets.\n",
	} {
		h := sampleHeader()
		before := h.String()
		h.Outside = peers
		if got := strings.TrimPrefix(h.String(), before); got != want {
			t.Errorf("%d peers add %q, want %q", peers, got, want)
		}
	}
}

// TestOutsideIsWhatTheOptionAdds holds the count against the objects: a client is counted if and only if WithInternet gives
// it internet targets.
func TestOutsideIsWhatTheOptionAdds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		edges := randomEdges().Draw(t, "edges")
		counts := Outside(edges)
		var counted int
		for _, object := range From(edges, Options{WithInternet: true}) {
			client := identity.Workload{Namespace: object.Namespace, Kind: object.Spec.Workload.Kind, Name: object.Spec.Workload.Name}
			calls := false
			for _, target := range object.Spec.Targets {
				calls = calls || target.Internet != nil
			}
			if calls != (counts[client] > 0) {
				t.Fatalf("%s calls the outside: %t, and %d peers are counted", client, calls, counts[client])
			}
			if calls {
				counted++
			}
		}
		if counted != len(counts) {
			t.Fatalf("%d clients have internet targets, and %d are counted: %v", counted, len(counts), counts)
		}
	})
}
