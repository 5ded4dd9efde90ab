package policy_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/policy"
	"github.com/portolan-io/portolan/internal/policy/networkpolicy"
	"github.com/portolan-io/portolan/internal/testkit/golden"
)

// FuzzStoredIntents decides and judges whatever an API server may hold as a ClientIntents from before its rules. It
// checks that nothing panics, that every target has a state, and that no rule allows everything; it does not check which
// state a target has.
func FuzzStoredIntents(f *testing.F) {
	for _, seed := range []string{
		`{}`,
		`{"spec":{"workload":{"name":"w00","kind":"Deployment"},"targets":[{}]}}`,
		`{"spec":{"workload":{"name":"checkout","kind":"Service"},"targets":[{"kubernetes":{"name":"a.b.c"}},{"service":{"name":"."}}]}}`,
		`{"spec":{"workload":{"name":"w00"},"targets":[{"kubernetes":{"name":"kubernetes.default"}},{"kafka":{"name":"w01","topics":[{"name":"*"}]}}]}}`,
		`{"spec":{"workload":{"name":"w00"},"targets":[{"internet":{"domains":["*.x","\u0000"],"ips":["::ffff:1.2.3.4/97","0.0.0.0/0"],"ports":[0,-1,70000]}}]},"status":{"resolvedIPs":[{"dns":"a.x","ips":["fe80::1%eth0","1.2.3.4"]}]}}`,
		`{"metadata":{"annotations":{"portolan.dev/mode":"audit"}},"spec":{"workload":{"name":"a.b"},"targets":[{"aws":{}},{"azure":{}},{"gcp":{}},{"sql":{}}]}}`,
		`{"metadata":{"annotations":{"portolan.dev/mode":"shadow"}},"spec":{"workload":{"name":"w00"},"targets":[{"service":{"name":"w00"}},{"aws":{},"gcp":{}}]}}`,
	} {
		f.Add([]byte(seed), true)
	}
	facts := smallFacts()
	f.Fuzz(func(t *testing.T, data []byte, egress bool) {
		intents := new(v2beta1.ClientIntents)
		if json.Unmarshal(data, intents) != nil {
			return
		}
		intents.Namespace, intents.Name = "n0", "fuzzed"
		set := policy.Defaults()
		set.Egress = egress
		stored := facts
		stored.Intents = []*v2beta1.ClientIntents{intents}
		snap := cluster.Empty().WithSpace(cluster.NewSpace(stored), time.Unix(1, 0))
		status := policy.Judge(snap, set, intents, nil).Status
		if n := len(status.Targets); n != 0 && n != len(intents.Spec.Targets) {
			t.Errorf("%d targets have a state, want %d", n, len(intents.Spec.Targets))
		}
		for _, subject := range append(policy.Subjects(snap), policy.Concerned(snap, intents)...) {
			for _, p := range networkpolicy.Compile(snap, set, policy.Decide(snap, set, subject)).NetworkPolicies {
				for _, r := range p.Spec.Ingress {
					if len(r.From) == 0 {
						t.Errorf("%s/%s admits everyone", p.Namespace, p.Name)
					}
				}
			}
		}
		policy.Affected(cluster.Empty().WithSpace(cluster.NewSpace(facts), time.Unix(1, 0)), snap)
	})
}

// smallFacts returns a namespace with three workloads, a Service and the API server's.
func smallFacts() cluster.Facts {
	facts := benchFacts(0)
	facts.Controllers, facts.Pods = facts.Controllers[:3], facts.Pods[:3*benchPods]
	facts.Services, facts.Intents = facts.Services[:1], nil
	return facts
}

// FuzzCalledBy decides on a server whose pod carries any annotation. It checks that nothing panics, that a void
// annotation is told and grants nothing, and that a caller is let in only if the annotation names it.
func FuzzCalledBy(f *testing.F) {
	for _, seed := range []string{
		``, `[]`, `null`, `{}`, `[{}]`, `[null]`, `nonsense`, `[{"name":"checkout.shop","kind":"Deployment"}]`,
		`[{"name":"checkout.shop","kind":"deployment"}]`, `[{"name":"a.b.c","kind":"X"}]`, `[{"name":1}]`, `[{"name":".shop","kind":"D"}]`,
	} {
		f.Add(seed)
	}
	c := golden.Case{Archive: txtar.Parse([]byte(calledByCluster))}
	f.Fuzz(func(t *testing.T, value string) {
		s := readStory(t, c)
		space, _ := s.snap.Space("shop")
		server := identity.Workload{Namespace: "shop", Kind: "Deployment", Name: "payments"}
		w, _ := space.Workload(server)
		w.Pods[0].CalledBy = value
		r := policy.Decide(s.snap, s.set, server)
		if len(r.Findings) > 0 && (len(r.In) > 0 || r.Ingress != policy.ModeNone) {
			t.Errorf("annotation %q is void and has effect: %+v", value, r)
		}
		for _, p := range r.In {
			if want := (identity.Workload{Namespace: "shop", Kind: "Deployment", Name: "checkout"}); p.Client != want && p.Client != server {
				t.Errorf("annotation %q lets %s in", value, p.Client)
			}
		}
	})
}

const calledByCluster = `
-- cluster.yaml --
apiVersion: apps/v1
kind: Deployment
metadata: {name: checkout, namespace: shop}
spec:
  selector: {matchLabels: {app: checkout}}
  template: {metadata: {labels: {app: checkout}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: payments, namespace: shop}
spec:
  selector: {matchLabels: {app: payments}}
  template: {metadata: {labels: {app: payments}}}
`
