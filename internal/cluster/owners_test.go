package cluster_test

import (
	"strings"
	"testing"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
)

// made returns a controller of that kind and name; its UID is kind/name. owner is such a UID, or empty.
func made(kind, name, owner string) *cluster.Controller {
	return &cluster.Controller{Namespace: "shop", Kind: kind, Name: name, UID: kind + "/" + name, Owner: ownerRef(owner)}
}

func ownerRef(uid string) cluster.Owner {
	kind, name, _ := strings.Cut(uid, "/")
	return cluster.Owner{Kind: kind, Name: name, UID: uid}
}

func TestAPodIsNamedByTheFirstRuleThatApplies(t *testing.T) {
	imageJob := made("Job", "j-1", "")
	imageJob.ImageName = "proj-foo"
	cronImageJob := made("Job", "c-1", "CronJob/c")
	cronImageJob.ImageName = "proj-foo"
	controllers := []*cluster.Controller{
		made("Deployment", "cool.app.4.2.0", ""), made("ReplicaSet", "cool-1", "Deployment/cool.app.4.2.0"),
		made("CronJob", "c", ""), made("Job", "single", ""), imageJob, cronImageJob,
		made("ReplicaSet", "rollout-1", "Rollout/canary"),
		made("Deployment", "operated", "Kafka/main"), made("ReplicaSet", "operated-1", "Deployment/operated"),
		made("Deployment", "a", "Deployment/b"), made("Deployment", "b", "Deployment/a"),
	}
	for name, tc := range map[string]struct {
		pod  cluster.Pod
		want identity.Workload
	}{
		"the annotation comes before the owners, as it is written": {
			cluster.Pod{Owner: ownerRef("ReplicaSet/cool-1"), WorkloadName: "cool.service"}, identity.Workload{Name: "cool.service"},
		},
		"an annotation with white space is not used": {
			cluster.Pod{Owner: ownerRef("ReplicaSet/cool-1"), WorkloadName: "cool service"},
			identity.Workload{Kind: "Deployment", Name: "cool_app_4_2_0"},
		},
		"an annotation of more than 253 characters is not used": {
			cluster.Pod{Name: "p", WorkloadName: strings.Repeat("a", 254)}, identity.Workload{Kind: "Pod", Name: "p"},
		},
		"a ReplicaSet leads to its Deployment, with '_' for '.'": {
			cluster.Pod{Owner: ownerRef("ReplicaSet/cool-1")}, identity.Workload{Kind: "Deployment", Name: "cool_app_4_2_0"},
		},
		"a Job of a CronJob leads to the CronJob": {
			cluster.Pod{Owner: ownerRef("Job/c-1")}, identity.Workload{Kind: "CronJob", Name: "c"},
		},
		"a single Job names its pods": {
			cluster.Pod{Owner: ownerRef("Job/single")}, identity.Workload{Kind: "Job", Name: "single"},
		},
		"a single Job with a name made of images has no kind": {
			cluster.Pod{Owner: ownerRef("Job/j-1")}, identity.Workload{Name: "proj-foo"},
		},
		"a missing owner ends the walk with its own name and kind": {
			cluster.Pod{Owner: ownerRef("ReplicaSet/gone.1")}, identity.Workload{Kind: "ReplicaSet", Name: "gone_1"},
		},
		"a custom resource above a ReplicaSet names the pods": {
			cluster.Pod{Owner: ownerRef("ReplicaSet/rollout-1")}, identity.Workload{Kind: "Rollout", Name: "canary"},
		},
		"a custom resource above a Deployment names the pods": {
			cluster.Pod{Owner: ownerRef("ReplicaSet/operated-1")}, identity.Workload{Kind: "Kafka", Name: "main"},
		},
		"a custom resource that owns the pod itself names it": {
			cluster.Pod{Owner: ownerRef("Workflow/w")}, identity.Workload{Kind: "Workflow", Name: "w"},
		},
		"a mirror pod is named without its node": {
			cluster.Pod{Name: "etcd-node-1", Owner: ownerRef("Node/node-1")}, identity.Workload{Kind: "Pod", Name: "etcd"},
		},
		"a bare pod is named by itself": {cluster.Pod{Name: "lonely"}, identity.Workload{Kind: "Pod", Name: "lonely"}},
		"a circle of owners ends":       {cluster.Pod{Owner: ownerRef("Deployment/a")}, identity.Workload{Kind: "Deployment", Name: "a"}},
	} {
		t.Run(name, func(t *testing.T) {
			pod := tc.pod
			pod.Namespace, tc.want.Namespace = "shop", "shop"
			space := cluster.NewSpace(cluster.Facts{Namespace: "shop", Pods: []*cluster.Pod{&pod}, Controllers: controllers})
			if got, _ := space.WorkloadOf(pod.Name); got != tc.want {
				t.Errorf("WorkloadOf = %s, want %s", got, tc.want)
			}
			if workload, known := space.Workload(tc.want); !known || len(workload.Pods) != 1 {
				t.Errorf("Workload(%s) = %+v, want one with the pod", tc.want, workload)
			}
		})
	}
}

func TestAWorkloadIsThereWithoutPods(t *testing.T) {
	annotated := made("Deployment", "annotated", "")
	annotated.WorkloadName = "front"
	space := cluster.NewSpace(cluster.Facts{Namespace: "shop", Controllers: []*cluster.Controller{
		made("Deployment", "web", ""), made("ReplicaSet", "web-1", "Deployment/web"), annotated,
		made("CronJob", "nightly", ""), made("Deployment", "operated", "Kafka/main"),
	}})
	want := []string{"shop//front", "shop/Kafka/main", "shop/CronJob/nightly", "shop/Deployment/web"}
	var got []string
	for _, id := range space.Workloads() {
		got = append(got, id.String())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("workloads = %v, want %v", got, want)
	}
}

func TestFinishedPodsBelongToNoWorkloadButKeepTheirName(t *testing.T) {
	done := &cluster.Pod{Namespace: "shop", Name: "c-1-x", Owner: ownerRef("Job/c-1"), Finished: true}
	space := cluster.NewSpace(cluster.Facts{
		Namespace: "shop", Pods: []*cluster.Pod{done},
		Controllers: []*cluster.Controller{made("CronJob", "c", ""), made("Job", "c-1", "CronJob/c")},
	})
	who := identity.Workload{Namespace: "shop", Kind: "CronJob", Name: "c"}
	if got, _ := space.WorkloadOf("c-1-x"); got != who {
		t.Errorf("WorkloadOf = %s, want %s", got, who)
	}
	if w, known := space.Workload(who); !known || len(w.Pods) != 0 {
		t.Errorf("Workload = %+v, want one without pods", w)
	}
}

func TestNamesAreFoundInTheFormOfTheAPI(t *testing.T) {
	space := cluster.NewSpace(cluster.Facts{Namespace: "shop", Controllers: []*cluster.Controller{
		made("Deployment", "my.app", ""), made("StatefulSet", "my.app", ""),
	}, Pods: []*cluster.Pod{{Namespace: "shop", Name: "my.app"}}})
	for name, tc := range map[string]struct {
		name, kind string
		want       int
	}{
		"an underscore matches a dot":              {"my_app", "", 3},
		"a dot matches too":                        {"my.app", "", 3},
		"a kind selects one":                       {"my_app", "StatefulSet", 1},
		"a kind that is not there matches nothing": {"my_app", "DaemonSet", 0},
		"another name matches nothing":             {"my-app", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := space.Named(tc.name, tc.kind); len(got) != tc.want {
				t.Errorf("Named(%q, %q) = %v, want %d", tc.name, tc.kind, got, tc.want)
			}
		})
	}
}
