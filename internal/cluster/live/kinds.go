package live

import (
	"errors"
	"net/netip"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/declared"
	"github.com/portolan-io/portolan/internal/cluster/trim"
)

// kind is one kind of object that is watched, and how its objects become facts.
type kind struct {
	name     string
	list     func() client.ObjectList
	example  client.Object
	optional bool          // the API server may not serve it; a wide one it may also forbid
	wide     bool          // its objects are in no namespace
	controls bool          // its objects make pods
	part     cluster.Parts // what of a namespace changes with it
	only     string        // label selector of the objects that are read; empty for all

	// trim returns the fact about an object. With an error the fact may still be good for what it says.
	trim func(client.Object) (any, error)
	// gather adds a fact to those of its namespace.
	gather func(*cluster.Facts, any)
}

// kinds returns everything that a snapshot is made of.
func kinds(o trim.Options) []*kind {
	return []*kind{
		podKind(o), serviceKind(), endpointSliceKind(), endpointsKind(),
		controllerKind("Deployment", &appsv1.Deployment{}, func() client.ObjectList { return &appsv1.DeploymentList{} }, o),
		controllerKind("ReplicaSet", &appsv1.ReplicaSet{}, func() client.ObjectList { return &appsv1.ReplicaSetList{} }, o),
		controllerKind("StatefulSet", &appsv1.StatefulSet{}, func() client.ObjectList { return &appsv1.StatefulSetList{} }, o),
		controllerKind("DaemonSet", &appsv1.DaemonSet{}, func() client.ObjectList { return &appsv1.DaemonSetList{} }, o),
		controllerKind("Job", &batchv1.Job{}, func() client.ObjectList { return &batchv1.JobList{} }, o),
		controllerKind("CronJob", &batchv1.CronJob{}, func() client.ObjectList { return &batchv1.CronJobList{} }, o),
		clientIntentsKind(), protectedServiceKind(), kafkaServerConfigKind(),
		namespaceKind(), nodeKind(), serviceCIDRKind(),
	}
}

// of makes a kind whose objects are O and whose facts are F.
func of[O client.Object, F any](trim func(O) (F, error), gather func(*cluster.Facts, F)) *kind {
	return &kind{
		trim:   func(o client.Object) (any, error) { return trim(o.(O)) },
		gather: func(f *cluster.Facts, fact any) { gather(f, fact.(F)) },
	}
}

// stated makes a kind in which people say what they want. Its CRD may be missing, and single objects may be unreadable.
func stated[O client.Object, F any](trim func(O) F, gather func(*cluster.Facts, F)) *kind {
	k := of(func(o O) (F, error) { return trim(o), nil }, gather)
	readable := k.trim
	k.trim = func(o client.Object) (any, error) {
		if bad := declared.UnreadableOf(o); bad != nil {
			return nil, errors.New(bad.Fault)
		}
		return readable(o)
	}
	k.part, k.optional = cluster.Declared, true
	return k
}

func podKind(o trim.Options) *kind {
	k := of(
		func(p *corev1.Pod) (*cluster.Pod, error) { return trim.Pod(p, o) },
		func(f *cluster.Facts, p *cluster.Pod) { f.Pods = append(f.Pods, p) },
	)
	k.name, k.example, k.part = "Pod", &corev1.Pod{}, cluster.Running
	k.list = func() client.ObjectList { return &corev1.PodList{} }
	return k
}

func controllerKind(name string, example client.Object, list func() client.ObjectList, o trim.Options) *kind {
	k := of(
		func(c client.Object) (*cluster.Controller, error) { return trim.Controller(c, o), nil },
		func(f *cluster.Facts, c *cluster.Controller) { f.Controllers = append(f.Controllers, c) },
	)
	k.name, k.example, k.list, k.part, k.controls = name, example, list, cluster.Running, true
	return k
}

func serviceKind() *kind {
	k := of(trim.Service, func(f *cluster.Facts, s *cluster.Service) { f.Services = append(f.Services, s) })
	k.name, k.example, k.part = "Service", &corev1.Service{}, cluster.Serving
	k.list = func() client.ObjectList { return &corev1.ServiceList{} }
	return k
}

func endpointSliceKind() *kind {
	k := of(trim.EndpointSlice, func(f *cluster.Facts, e *cluster.EndpointSlice) { f.Slices = append(f.Slices, e) })
	k.name, k.example, k.part = "EndpointSlice", &discoveryv1.EndpointSlice{}, cluster.Serving
	k.list = func() client.ObjectList { return &discoveryv1.EndpointSliceList{} }
	return k
}

// endpointsKind makes the kind of the objects that say who is behind a Service without EndpointSlices. Those that
// Kubernetes makes itself always have slices beside them; where they are labelled, which is so from 1.33 on, they are not
// even read.
func endpointsKind() *kind {
	k := of(
		func(o client.Object) (*cluster.EndpointSlice, error) { return trim.Endpoints(o) },
		func(f *cluster.Facts, e *cluster.EndpointSlice) { f.Endpoints = append(f.Endpoints, e) },
	)
	k.name, k.part, k.only = "Endpoints", cluster.Serving, "endpoints.kubernetes.io/managed-by!=endpoint-controller"
	k.example = &corev1.Endpoints{} //nolint:staticcheck // the point of this kind
	k.list = func() client.ObjectList { return &corev1.EndpointsList{} }
	return k
}

func clientIntentsKind() *kind {
	k := stated(
		func(o *declared.ClientIntents) *v2beta1.ClientIntents { return trim.ClientIntents(&o.ClientIntents) },
		func(f *cluster.Facts, fact *v2beta1.ClientIntents) { f.Intents = append(f.Intents, fact) },
	)
	k.name, k.example = v2beta1.KindClientIntents, &declared.ClientIntents{}
	k.list = func() client.ObjectList { return &declared.ClientIntentsList{} }
	return k
}

func protectedServiceKind() *kind {
	k := stated(
		func(o *declared.ProtectedService) *v2beta1.ProtectedService {
			return trim.ProtectedService(&o.ProtectedService)
		},
		func(f *cluster.Facts, fact *v2beta1.ProtectedService) { f.Protected = append(f.Protected, fact) },
	)
	k.name, k.example = v2beta1.KindProtectedService, &declared.ProtectedService{}
	k.list = func() client.ObjectList { return &declared.ProtectedServiceList{} }
	return k
}

func kafkaServerConfigKind() *kind {
	k := stated(
		func(o *declared.KafkaServerConfig) *v2beta1.KafkaServerConfig {
			return trim.KafkaServerConfig(&o.KafkaServerConfig)
		},
		func(f *cluster.Facts, fact *v2beta1.KafkaServerConfig) { f.Brokers = append(f.Brokers, fact) },
	)
	k.name, k.example = v2beta1.KindKafkaServerConfig, &declared.KafkaServerConfig{}
	k.list = func() client.ObjectList { return &declared.KafkaServerConfigList{} }
	return k
}

// namespaceKind makes the kind whose one fact in each namespace is the labels of the namespace itself.
func namespaceKind() *kind {
	k := of(
		func(n *corev1.Namespace) (map[string]string, error) {
			return trim.NamespaceLabels(n.Name, n.Labels), nil
		},
		func(f *cluster.Facts, labels map[string]string) { f.Labels = labels },
	)
	k.name, k.example, k.wide = "Namespace", &corev1.Namespace{}, true
	k.list = func() client.ObjectList { return &corev1.NamespaceList{} }
	return k
}

func nodeKind() *kind {
	k := of(trim.Node, func(*cluster.Facts, *cluster.Node) {})
	k.name, k.example, k.wide = "Node", &corev1.Node{}, true
	k.list = func() client.ObjectList { return &corev1.NodeList{} }
	return k
}

// serviceCIDRKind makes the kind that tells the ranges of ClusterIPs. Kubernetes serves it from 1.33 on.
func serviceCIDRKind() *kind {
	k := of(trim.ServiceCIDR, func(*cluster.Facts, []netip.Prefix) {})
	k.name, k.example, k.wide, k.optional = "ServiceCIDR", &networkingv1.ServiceCIDR{}, true, true
	k.list = func() client.ObjectList { return &networkingv1.ServiceCIDRList{} }
	return k
}
