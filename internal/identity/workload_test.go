package identity

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
	"pgregory.net/rapid"
)

func TestKeyIsTheDocumentedLabelValue(t *testing.T) {
	for who, want := range map[Workload]string{
		{"shop", "Deployment", "checkout"}:                   "checkout-45bc16ec8a1296e2",
		{"shop", "Deployment", "payments"}:                   "payments-855ed532f11d92f3",
		{"shop", "StatefulSet", "payments"}:                  "payments-c44bbbaff4e33848",
		{"pay", "Service", "payments"}:                       "payments-e59887463fcabbbc",
		{"shop", "Deployment", "my_app"}:                     "my_app-e6553e244078c75f",
		{"shop", "", "coolservice"}:                          "coolservice-126bcb9f141ade27",
		{"ops", "CronJob", "nightly-summary"}:                "nightly-summary-b6b583d140127fca",
		{"analytics-production", "Deployment", longWorkload}: "recommendation-engine-batch-scoring-worker-wit-05564ec0018e5e2b",
	} {
		if got := who.Key(); got != want {
			t.Errorf("Key(%s) = %q, want %q", who, got, want)
		}
	}
}

const longWorkload = "recommendation-engine-batch-scoring-worker-with-feature-store"

func TestKeyIsAValidLabelValueForAnyName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		who := Workload{
			Namespace: rapid.StringMatching(`[a-z][a-z0-9-]{0,20}`).Draw(t, "namespace"),
			Kind:      rapid.StringMatching(`([A-Z][A-Za-z]{0,20})?`).Draw(t, "kind"),
			Name:      rapid.String().Draw(t, "name"),
		}
		if problems := validation.IsValidLabelValue(who.Key()); problems != nil {
			t.Fatalf("Key(%q) = %q: %s", who, who.Key(), strings.Join(problems, "; "))
		}
	})
}

func TestParseReadsWhatStringWrites(t *testing.T) {
	for _, who := range []Workload{{"a", "B", "c"}, {"a", "", "c"}, {"a", "B", "c/d"}} {
		if got, err := Parse(who.String()); err != nil || got != who {
			t.Errorf("Parse(%q) = %v, %v, want %v", who, got, err, who)
		}
	}
	for _, bad := range []string{"", "a", "a/b", "/b/c", "a/b/"} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("Parse(%q) succeeded, want an error", bad)
		}
	}
}
