package trim

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/portolan-io/portolan/internal/cluster"
)

// The kinds of the controllers that are read.
const (
	kindDeployment            = "Deployment"
	kindReplicaSet            = "ReplicaSet"
	kindStatefulSet           = "StatefulSet"
	kindDaemonSet             = "DaemonSet"
	kindReplicationController = "ReplicationController"
	kindJob                   = "Job"
	kindCronJob               = "CronJob"
)

// Controller returns the facts about an object of any kind that makes pods; nil for every other object.
func Controller(object runtime.Object, o Options) *cluster.Controller {
	switch object := object.(type) {
	case *appsv1.Deployment:
		return Deployment(object, o)
	case *appsv1.ReplicaSet:
		return ReplicaSet(object, o)
	case *appsv1.StatefulSet:
		return StatefulSet(object, o)
	case *appsv1.DaemonSet:
		return DaemonSet(object, o)
	case *corev1.ReplicationController:
		return ReplicationController(object, o)
	case *batchv1.Job:
		return Job(object, o)
	case *batchv1.CronJob:
		return CronJob(object, o)
	default:
		return nil
	}
}

// Deployment returns the facts about a Deployment.
func Deployment(d *appsv1.Deployment, o Options) *cluster.Controller {
	return o.controller(kindDeployment, &d.ObjectMeta, matchLabels(d.Spec.Selector), d.Spec.Template)
}

// ReplicaSet returns the facts about a ReplicaSet.
func ReplicaSet(r *appsv1.ReplicaSet, o Options) *cluster.Controller {
	return o.controller(kindReplicaSet, &r.ObjectMeta, matchLabels(r.Spec.Selector), r.Spec.Template)
}

// StatefulSet returns the facts about a StatefulSet.
func StatefulSet(s *appsv1.StatefulSet, o Options) *cluster.Controller {
	return o.controller(kindStatefulSet, &s.ObjectMeta, matchLabels(s.Spec.Selector), s.Spec.Template)
}

// DaemonSet returns the facts about a DaemonSet.
func DaemonSet(d *appsv1.DaemonSet, o Options) *cluster.Controller {
	return o.controller(kindDaemonSet, &d.ObjectMeta, matchLabels(d.Spec.Selector), d.Spec.Template)
}

// ReplicationController returns the facts about a ReplicationController.
func ReplicationController(r *corev1.ReplicationController, o Options) *cluster.Controller {
	var template corev1.PodTemplateSpec
	if r.Spec.Template != nil {
		template = *r.Spec.Template
	}
	return o.controller(kindReplicationController, &r.ObjectMeta, r.Spec.Selector, template)
}

// Job returns the facts about a Job. With ImageNamesForJobs they hold the name that its images make.
func Job(j *batchv1.Job, o Options) *cluster.Controller {
	job := o.controller(kindJob, &j.ObjectMeta, matchLabels(j.Spec.Selector), j.Spec.Template)
	if o.ImageNamesForJobs {
		job.ImageName = imageName(j.Spec.Template.Spec.Containers)
	}
	return job
}

// CronJob returns the facts about a CronJob. It has no selector; its pods are known by the labels of the template.
func CronJob(c *batchv1.CronJob, o Options) *cluster.Controller {
	return o.controller(kindCronJob, &c.ObjectMeta, nil, c.Spec.JobTemplate.Spec.Template)
}

func (o Options) controller(
	kind string, meta *metav1.ObjectMeta, selector map[string]string, template corev1.PodTemplateSpec,
) *cluster.Controller {
	return &cluster.Controller{
		Namespace: meta.Namespace, Kind: kind, Name: meta.Name, UID: uid(string(meta.UID), kind, meta.Name),
		Owner: OwnerOf(meta.OwnerReferences), MatchLabels: selector, TemplateLabels: template.Labels,
		WorkloadName: o.workloadName(template.Annotations), ServiceAccount: serviceAccount(template.Spec),
	}
}

// matchLabels returns the labels of a selector that is nothing but labels; nil for any other selector.
func matchLabels(s *metav1.LabelSelector) map[string]string {
	if s == nil || len(s.MatchExpressions) > 0 {
		return nil
	}
	return s.MatchLabels
}

// imageName joins the names of the images, without sidecars, registry, tag and digest: gcr.io/proj/foo:1 is proj-foo.
func imageName(containers []corev1.Container) string {
	var names []string
	for i := range containers {
		if name := containers[i].Name; name == "istio-proxy" || strings.Contains(name, "sidecar") {
			continue
		}
		image := containers[i].Image
		if _, path, hasRegistry := strings.Cut(image, "/"); hasRegistry {
			image = path
		}
		if end := strings.IndexAny(image, ":@"); end >= 0 {
			image = image[:end]
		}
		names = append(names, strings.ReplaceAll(image, "/", "-"))
	}
	return strings.Join(names, "-")
}
