package controllers

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/policy"
)

// shopWith returns a cluster with namespace shop: Deployments web, cart and db with a pod each, and the given intents.
func shopWith(change func(*cluster.Facts), intents ...*v2beta1.ClientIntents) *cluster.Snapshot {
	facts := cluster.Facts{Namespace: "shop", Intents: intents}
	for _, name := range []string{"web", "cart", "db"} {
		labels := map[string]string{"app": name}
		facts.Controllers = append(facts.Controllers, &cluster.Controller{
			Namespace: "shop", Kind: "Deployment", Name: name, UID: "uid-" + name, MatchLabels: labels, TemplateLabels: labels,
		})
		facts.Pods = append(facts.Pods, &cluster.Pod{
			Namespace: "shop", Name: name + "-1", UID: "uid-" + name + "-1", Labels: labels,
			Owner: cluster.Owner{Kind: "Deployment", Name: name, UID: "uid-" + name},
		})
	}
	if change != nil {
		change(&facts)
	}
	return cluster.Empty().WithSpace(cluster.NewSpace(facts), time.Time{})
}

// labelled gives the pod of a workload a value of Portolan's label.
func labelled(name, value string) func(*cluster.Facts) {
	return func(f *cluster.Facts) {
		for _, p := range f.Pods {
			if p.Name == name+"-1" {
				p.Labels = map[string]string{"app": name, v2beta1.LabelWorkload: value}
			}
		}
	}
}

func inShop(name string) identity.Workload {
	return identity.Workload{Namespace: "shop", Kind: "Deployment", Name: name}
}

func TestFirstRound(t *testing.T) {
	intents := declares("web", "web", "Deployment", "cart")
	for name, tc := range map[string]struct {
		snap *cluster.Snapshot
		want []identity.Workload
	}{
		"nobody, where nothing is declared":                        {shopWith(nil), nil},
		"clients and servers":                                      {shopWith(nil, intents), []identity.Workload{inShop("cart"), inShop("web")}},
		"a workload with a label that may be left from before too": {shopWith(labelled("db", inShop("db").Key()), intents), []identity.Workload{inShop("cart"), inShop("db"), inShop("web")}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(firstRound(tc.snap), tc.want); diff != "" {
				t.Errorf("got, want %s", diff)
			}
		})
	}
}

func TestSubjectsOfAStep(t *testing.T) {
	intents := declares("web", "web", "Deployment", "cart")
	needs := func(who identity.Workload) func(identity.Workload) string {
		return func(asked identity.Workload) string {
			if asked == who {
				return who.Key()
			}
			return ""
		}
	}
	for name, tc := range map[string]struct {
		before, after *cluster.Snapshot
		label         func(identity.Workload) string
		want          []identity.Workload
	}{
		"intents that come":                     {shopWith(nil), shopWith(nil, intents), noLabel, []identity.Workload{inShop("cart"), inShop("web")}},
		"intents that go":                       {shopWith(nil, intents), shopWith(nil), noLabel, []identity.Workload{inShop("cart"), inShop("web")}},
		"a label that nobody needs":             {shopWith(nil), shopWith(labelled("db", "stray-0123456789abcdef")), noLabel, []identity.Workload{inShop("db")}},
		"a pod without the label that it needs": {shopWith(nil), shopWith(nil), needs(inShop("db")), []identity.Workload{inShop("db")}},
		"a pod with the label that it needs":    {shopWith(nil), shopWith(labelled("db", inShop("db").Key())), needs(inShop("db")), nil},
		"nothing":                               {shopWith(nil, intents), shopWith(nil, intents), noLabel, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := step{before: tc.before, after: tc.after, namespaces: map[string]struct{}{"shop": {}}}
			if diff := cmp.Diff(subjectsOf(s, tc.label), tc.want); diff != "" {
				t.Errorf("got, want %s", diff)
			}
		})
	}
}

func TestObjectsOfAStepIncludeTheRivalThatTakesOver(t *testing.T) {
	older, younger := declares("a", "web", "Deployment", "cart"), declares("b", "web", "Deployment", "db")
	s := step{before: shopWith(nil, older, younger), after: shopWith(nil, younger), namespaces: map[string]struct{}{"shop": {}}}
	want := []policy.ObjectRef{{Kind: v2beta1.KindClientIntents, Namespace: "shop", Name: "b"}}
	if diff := cmp.Diff(objectsOf(s), want); diff != "" {
		t.Errorf("got, want %s", diff)
	}
}

func TestChangesBecomeOneStep(t *testing.T) {
	one, two, three := shopWith(nil), shopWith(nil), shopWith(nil)
	var c Changes
	c.Announce(one, two, []string{"shop"})
	if _, waits := c.take(); waits {
		t.Error("a step waits although nobody follows")
	}
	announced := c.follow()
	c.Announce(one, two, []string{"shop"})
	c.Announce(two, three, []string{"pay"})
	<-announced
	s, waits := c.take()
	if !waits || s.before != one || s.after != three {
		t.Errorf("the step does not lead from the first snapshot to the last")
	}
	if diff := cmp.Diff(s.names(), []string{"pay", "shop"}); diff != "" {
		t.Errorf("namespaces: got, want %s", diff)
	}
	if _, waits := c.take(); waits {
		t.Error("a step is handed out twice")
	}
	c.unfollow()
	c.Announce(one, two, nil)
	if _, waits := c.take(); waits {
		t.Error("a step waits after the follower has left")
	}
}
