package networkpolicy_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/policy/networkpolicy"
)

func TestName(t *testing.T) {
	for name, tc := range map[string]struct {
		subject identity.Workload
		want    string
	}{
		"name and kind":            {identity.Workload{Namespace: "shop", Kind: "Deployment", Name: "checkout"}, "portolan-checkout-deployment"},
		"kinds are told apart":     {identity.Workload{Namespace: "shop", Kind: "StatefulSet", Name: "payments"}, "portolan-payments-statefulset"},
		"a Service is a kind":      {identity.Workload{Namespace: "pay", Kind: "Service", Name: "payments"}, "portolan-payments-service"},
		"an underscore is a dot":   {identity.Workload{Namespace: "shop", Kind: "Deployment", Name: "my_app"}, "portolan-my.app-deployment"},
		"no kind is a workload":    {identity.Workload{Namespace: "shop", Name: "coolservice"}, "portolan-coolservice-workload"},
		"short kinds fit":          {identity.Workload{Namespace: "ops", Kind: "CronJob", Name: "nightly-summary"}, "portolan-nightly-summary-cronjob"},
		"a long name has a hash":   {longName(), "portolan-recommendation-engine-batch-scor-deployment-05564ec001"},
		"63 characters fit":        {deployment(strings.Repeat("x", 43)), "portolan-" + strings.Repeat("x", 43) + "-deployment"},
		"64 characters do not":     {deployment(strings.Repeat("x", 44)), "portolan-" + strings.Repeat("x", 32) + "-deployment-" + deployment(strings.Repeat("x", 44)).Hash()[:10]},
		"no dash is left by a cut": {deployment(cutAtDash), "portolan-" + cutAtDash[:31] + "-deployment-" + deployment(cutAtDash).Hash()[:10]},
		"capitals are lowered":     {identity.Workload{Namespace: "shop", Name: "My App"}, "portolan-my-app-workload-" + hash("My App")},
		"nothing readable is left": {identity.Workload{Namespace: "shop", Name: "été"}, "portolan-t-workload-" + hash("été")},
	} {
		t.Run(name, func(t *testing.T) {
			if got := networkpolicy.Name(tc.subject); got != tc.want {
				t.Errorf("Name(%s) = %q, want %q", tc.subject, got, tc.want)
			}
		})
	}
}

// cutAtDash is a name too long to stay, whose last character to stay would be a dash.
const cutAtDash = "the-thirty-second-character-was-a-dash-and-more-follows"

func deployment(name string) identity.Workload {
	return identity.Workload{Namespace: "shop", Kind: "Deployment", Name: name}
}

func longName() identity.Workload {
	return identity.Workload{
		Namespace: "analytics-production", Kind: "Deployment",
		Name: "recommendation-engine-batch-scoring-worker-with-feature-store",
	}
}

func hash(name string) string { return identity.Workload{Namespace: "shop", Name: name}.Hash()[:10] }

// FuzzName checks that whatever names a workload, its policy has a valid name with room for a direction.
func FuzzName(f *testing.F) {
	f.Add("shop", "Deployment", "checkout")
	f.Add("shop", "", "my_app")
	f.Add("shop", "Kind/With.Anything", strings.Repeat("x", 300))
	f.Add("shop", "----", "été")
	f.Fuzz(func(t *testing.T, namespace, kind, name string) {
		got := networkpolicy.Name(identity.Workload{Namespace: namespace, Kind: kind, Name: name})
		if problems := validation.IsDNS1123Subdomain(got + "-ingress"); len(problems) > 0 || len(got) > 63 {
			t.Errorf("Name(%q, %q, %q) = %q: %v", namespace, kind, name, got, problems)
		}
	})
}
