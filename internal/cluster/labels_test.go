package cluster_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
)

type labels = map[string]string

// selecting gives a controller a selector and template labels.
func selecting(c *cluster.Controller, selector, template labels) *cluster.Controller {
	c.MatchLabels, c.TemplateLabels = selector, template
	return c
}

func labelled(name, owner string, l labels) *cluster.Pod {
	return &cluster.Pod{Namespace: "shop", Name: name, UID: name, Owner: ownerRef(owner), Labels: l}
}

func TestOwnLabelsAreUsedWhereTheyAreExact(t *testing.T) {
	web := func() *cluster.Controller {
		return selecting(made("Deployment", "web", ""), labels{"app": "web"}, labels{"app": "web", "tier": "front"})
	}
	webSet := func() *cluster.Controller {
		return selecting(made("ReplicaSet", "web-1", "Deployment/web"), labels{"app": "web", "hash": "1"}, labels{"app": "web", "hash": "1"})
	}
	webPod := func() *cluster.Pod { return labelled("web-1-a", "ReplicaSet/web-1", labels{"app": "web", "hash": "1"}) }
	annotated := func(c *cluster.Controller, name string) *cluster.Controller {
		c.WorkloadName = name
		return c
	}
	deployment := identity.Workload{Namespace: "shop", Kind: "Deployment", Name: "web"}
	jobLabel := labels{"batch.kubernetes.io/job-name": "once"}

	for name, tc := range map[string]struct {
		controllers []*cluster.Controller
		pods        []*cluster.Pod
		who         identity.Workload
		want        labels
	}{
		"the selector of a Deployment": {
			[]*cluster.Controller{web(), webSet()}, []*cluster.Pod{webPod()}, deployment, labels{"app": "web"},
		},
		"the selector of a Deployment without pods": {[]*cluster.Controller{web()}, nil, deployment, labels{"app": "web"}},
		"not when a pod of its own lacks a label": {
			[]*cluster.Controller{web(), webSet()}, []*cluster.Pod{labelled("web-1-a", "ReplicaSet/web-1", labels{"hash": "1"})}, deployment, nil,
		},
		"not when another pod has the labels": {
			[]*cluster.Controller{web(), webSet()}, []*cluster.Pod{webPod(), labelled("bare", "", labels{"app": "web"})}, deployment, nil,
		},
		"a finished pod of another does not count": {
			[]*cluster.Controller{web(), webSet()},
			[]*cluster.Pod{webPod(), {Namespace: "shop", Name: "done", Labels: labels{"app": "web"}, Finished: true}},
			deployment,
			labels{"app": "web"},
		},
		"not when the template of a neighbour without pods has the labels": {
			[]*cluster.Controller{web(), selecting(made("StatefulSet", "db", ""), labels{"app": "db"}, labels{"app": "web", "db": "yes"})},
			nil, deployment, nil,
		},
		"old revisions of its own do not count, whatever they are named": {
			[]*cluster.Controller{annotated(web(), "front"), webSet()}, nil, identity.Workload{Namespace: "shop", Name: "front"}, labels{"app": "web"},
		},
		"not when two controllers make the workload": {
			[]*cluster.Controller{annotated(web(), "front"), annotated(selecting(made("DaemonSet", "d", ""), labels{"app": "d"}, labels{"app": "d"}), "front")},
			nil,
			identity.Workload{Namespace: "shop", Name: "front"},
			nil,
		},
		"not with an empty selector": {
			[]*cluster.Controller{selecting(made("Deployment", "web", ""), nil, labels{"app": "web"})}, nil, deployment, nil,
		},
		"the name label of a Job": {
			[]*cluster.Controller{selecting(made("Job", "once", ""), nil, jobLabel)},
			[]*cluster.Pod{labelled("once-x", "Job/once", jobLabel)},
			identity.Workload{Namespace: "shop", Kind: "Job", Name: "once"},
			jobLabel,
		},
		"the template labels of a CronJob": {
			[]*cluster.Controller{
				selecting(made("CronJob", "c", ""), nil, labels{"job": "c"}),
				selecting(made("Job", "c-1", "CronJob/c"), nil, labels{"job": "c", "batch.kubernetes.io/job-name": "c-1"}),
			},
			[]*cluster.Pod{labelled("c-1-x", "Job/c-1", labels{"job": "c", "batch.kubernetes.io/job-name": "c-1"})},
			identity.Workload{Namespace: "shop", Kind: "CronJob", Name: "c"},
			labels{"job": "c"},
		},
		"not the revision labels of a ReplicaSet that a custom resource owns": {
			[]*cluster.Controller{selecting(made("ReplicaSet", "r-1", "Rollout/r"), labels{"app": "r", "hash": "1"}, labels{"app": "r", "hash": "1"})},
			nil,
			identity.Workload{Namespace: "shop", Kind: "Rollout", Name: "r"},
			nil,
		},
		"the selector of a Deployment that a custom resource owns": {
			[]*cluster.Controller{selecting(made("Deployment", "k", "Kafka/main"), labels{"app": "k"}, labels{"app": "k"})},
			nil,
			identity.Workload{Namespace: "shop", Kind: "Kafka", Name: "main"},
			labels{"app": "k"},
		},
		"a bare pod has none": {
			nil, []*cluster.Pod{labelled("bare", "", labels{"app": "bare"})}, identity.Workload{Namespace: "shop", Kind: "Pod", Name: "bare"}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			space := cluster.NewSpace(cluster.Facts{Namespace: "shop", Controllers: tc.controllers, Pods: tc.pods})
			workload, known := space.Workload(tc.who)
			if !known {
				t.Fatalf("%s is not there, only %v", tc.who, space.Workloads())
			}
			if diff := cmp.Diff(workload.OwnLabels, tc.want); diff != "" {
				t.Errorf("own labels (-got +want):\n%s", diff)
			}
		})
	}
}

func TestADeletedControllerNamesThePodsItLeavesAndNothingElse(t *testing.T) {
	deployment := selecting(made("Deployment", "web", ""), labels{"app": "web"}, labels{"app": "web"})
	set := selecting(made("ReplicaSet", "web-1", "Deployment/web"), labels{"app": "web"}, labels{"app": "web"})
	deployment.Deleted, set.Deleted = true, true
	pod := labelled("web-1-a", "ReplicaSet/web-1", labels{"app": "web"})
	who := identity.Workload{Namespace: "shop", Kind: "Deployment", Name: "web"}
	facts := cluster.Facts{Namespace: "shop", Controllers: []*cluster.Controller{deployment, set}, Pods: []*cluster.Pod{pod}}

	workload, known := cluster.NewSpace(facts).Workload(who)
	if !known || len(workload.Pods) != 1 || workload.OwnLabels["app"] != "web" {
		t.Errorf("workload = %+v, want the pod and the labels of the old selector", workload)
	}
	again := *deployment
	again.UID, again.Deleted = "another", false
	facts.Controllers = append(facts.Controllers, &again)
	workload, _ = cluster.NewSpace(facts).Workload(who)
	if len(workload.Controllers) != 1 || workload.Controllers[0] != &again || workload.OwnLabels["app"] != "web" {
		t.Errorf("workload = %+v, want the new controller alone", workload)
	}
	facts.Pods, facts.Controllers = nil, facts.Controllers[:2]
	if got := cluster.NewSpace(facts).Workloads(); len(got) != 0 {
		t.Errorf("workloads = %v, want none without pods", got)
	}
}

func TestAnEmptySelectorSelectsNothing(t *testing.T) {
	space := cluster.NewSpace(cluster.Facts{Namespace: "shop", Pods: []*cluster.Pod{labelled("a", "", labels{"app": "a"}), labelled("b", "", nil)}})
	for _, selector := range []labels{nil, {}} {
		if got := space.Selected(selector); len(got) != 0 {
			t.Errorf("Selected(%v) = %v, want nothing", selector, got)
		}
	}
	if got := space.Selected(labels{"app": "a"}); len(got) != 1 || got[0].Name != "a" {
		t.Errorf("Selected = %v, want a", got)
	}
	if got := space.Selected(labels{"app": "a", "tier": "x"}); len(got) != 0 {
		t.Errorf("Selected = %v, want nothing", got)
	}
}
