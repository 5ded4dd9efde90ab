package cluster

import (
	"net/netip"
	"time"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/traffic"
)

// Facts is what the API server says about one namespace, trimmed to what Portolan uses. The slices may be in any order;
// NewSpace sorts what it keeps. Whoever passes Facts on gives up the right to change what they point to.
type Facts struct {
	Namespace   string
	Labels      map[string]string // of the Namespace object
	Pods        []*Pod
	Controllers []*Controller
	Ancestors   []*Ancestor
	Services    []*Service
	Slices      []*EndpointSlice
	Endpoints   []*EndpointSlice // made of Endpoints objects; they count where a Service has no slice
	Intents     []*v2beta1.ClientIntents
	Protected   []*v2beta1.ProtectedService
	Brokers     []*v2beta1.KafkaServerConfig
}

// Pod is the part of a pod that seeing and rules need.
type Pod struct {
	Namespace, Name, UID string
	Owner                Owner // the controller reference, else the first one; zero for a bare pod
	Labels               map[string]string
	Annotations          map[string]string // only those that a rule reads; nil when there are none
	WorkloadName         string            // value of the name annotation; empty when absent
	CalledBy             string            // value of intents.otterize.com/called-by; empty when absent
	Hostname             string            // spec.hostname; empty when it is the pod's name
	Node                 string
	HostNetwork          bool
	HostIPs              []netip.Addr // of a pod on the host network
	IPs                  []netip.Addr // unmapped
	ServiceAccount       string
	Ports                []ContainerPort
	Created              time.Time
	Ended                time.Time // when the pod stopped to own its addresses; zero while it runs
	Finished             bool      // phase Succeeded or Failed
	Terminating          bool
}

// ContainerPort is a port that a container declares.
type ContainerPort struct {
	Name     string
	Port     int32
	HostPort int32 // 0 when none
	Protocol traffic.Protocol
	HostIP   netip.Addr // the address of the node at which HostPort is; invalid for all
}

// Owner is an owner reference.
type Owner struct {
	APIVersion, Kind, Name, UID string
}

// Ancestor is an owner that is no Controller, such as a custom resource, and whose own owner was asked for.
type Ancestor struct {
	UID        string
	Owner      Owner // of the ancestor; zero if it has none or there is nothing to be learnt about it
	Unresolved bool  // the API server has not answered yet
}

// Controller is an object that makes pods: Deployment, ReplicaSet, StatefulSet, DaemonSet, Job, CronJob and the like.
type Controller struct {
	Namespace, Kind, Name, UID string
	Owner                      Owner
	MatchLabels                map[string]string // of spec.selector; nil when it has none or also expressions
	TemplateLabels             map[string]string // labels of the pod template
	WorkloadName               string            // name annotation of the pod template
	ImageName                  string            // name that the images of a Job make; empty unless that is asked for
	ServiceAccount             string            // of the pod template
	// Deleted marks a controller that is gone while pods that it made are still there. It only names those pods and lends
	// them its labels.
	Deleted bool
}

// ServiceType is a Service type as the Kubernetes API spells it.
type ServiceType string

// The Service types of the Kubernetes API.
const (
	ClusterIP    ServiceType = "ClusterIP"
	NodePort     ServiceType = "NodePort"
	LoadBalancer ServiceType = "LoadBalancer"
	ExternalName ServiceType = "ExternalName"
)

// Service is the part of a Service that seeing and rules need.
type Service struct {
	Namespace, Name string
	Type            ServiceType
	Created         time.Time
	ClusterIPs      []netip.Addr // without the text None
	ExternalIPs     []netip.Addr // spec.externalIPs and load-balancer ingress addresses
	Balancers       []string     // load-balancer ingress host names, of those without address; lower case, without a final dot
	Selector        map[string]string
	ExternalName    string
	Ports           []ServicePort
	Annotations     map[string]string // only those that a rule reads
}

// ServicePort is one port of a Service.
type ServicePort struct {
	Name       string
	Port       int32
	TargetPort int32  // 0 when TargetName is set; the port itself where the Service leaves it out
	TargetName string // a container port's name
	NodePort   int32
	Protocol   traffic.Protocol
}

// EndpointSlice is the part of an EndpointSlice that names who is behind a Service.
type EndpointSlice struct {
	Namespace, Name, Service string
	Endpoints                []Endpoint
	Ports                    []ServicePort // Name, Port and Protocol only
}

// Endpoint is one address behind a Service; Pod is empty when it has no targetRef to a pod.
type Endpoint struct {
	Addresses []netip.Addr
	Pod       string
	Ready     bool
}

// Node is the part of a Node that seeing needs.
type Node struct {
	Name      string
	Created   time.Time
	Addresses []netip.Addr
	PodCIDRs  []netip.Prefix
}
