package trim

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/traffic"
)

// Service returns the facts about a Service. An error names addresses that could not be read; the facts are good without
// them.
func Service(s *corev1.Service) (*cluster.Service, error) {
	clusterIPs, err := clusterIPs(s)
	externalIPs, err2 := externalIPs(s)
	if err = errors.Join(err, err2); err != nil {
		err = fmt.Errorf("Service %s/%s: %w", s.Namespace, s.Name, err)
	}
	kind := cluster.ServiceType(s.Spec.Type)
	if kind == "" {
		kind = cluster.ClusterIP
	}
	return &cluster.Service{
		Namespace: s.Namespace, Name: s.Name, Type: kind, Created: s.CreationTimestamp.UTC(),
		ClusterIPs: clusterIPs, ExternalIPs: externalIPs, Balancers: balancers(s),
		Selector: s.Spec.Selector, ExternalName: s.Spec.ExternalName,
		Ports: servicePorts(s.Spec.Ports), Annotations: ruleAnnotations(s.Annotations),
	}, err
}

// clusterIPs leaves out the text None, by which a headless Service says that it has no address.
func clusterIPs(s *corev1.Service) ([]netip.Addr, error) {
	var texts []string
	for _, text := range s.Spec.ClusterIPs {
		if text != corev1.ClusterIPNone {
			texts = append(texts, text)
		}
	}
	if len(s.Spec.ClusterIPs) == 0 && s.Spec.ClusterIP != "" && s.Spec.ClusterIP != corev1.ClusterIPNone {
		texts = []string{s.Spec.ClusterIP}
	}
	return addresses(nil, texts...)
}

// externalIPs returns spec.externalIPs and the addresses of load balancers.
func externalIPs(s *corev1.Service) ([]netip.Addr, error) {
	list, err := addresses(nil, s.Spec.ExternalIPs...)
	for _, ingress := range s.Status.LoadBalancer.Ingress {
		if ingress.IP == "" {
			continue
		}
		var bad error
		list, bad = addresses(list, ingress.IP)
		err = errors.Join(err, bad)
	}
	return list, err
}

// balancers returns the host names of load balancers that have no address here. What is no name is left out.
func balancers(s *corev1.Service) []string {
	var hosts []string
	for _, ingress := range s.Status.LoadBalancer.Ingress {
		host := strings.ToLower(strings.TrimSuffix(ingress.Hostname, "."))
		if ingress.IP == "" && traffic.CheckName(host) == nil {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

func servicePorts(ports []corev1.ServicePort) []cluster.ServicePort {
	list := make([]cluster.ServicePort, 0, len(ports))
	for _, p := range ports {
		port := cluster.ServicePort{Name: p.Name, Port: p.Port, NodePort: p.NodePort, Protocol: protocol(p.Protocol)}
		switch {
		case p.TargetPort.Type == intstr.String:
			port.TargetName = p.TargetPort.StrVal
		case p.TargetPort.IntVal != 0:
			port.TargetPort = p.TargetPort.IntVal
		default:
			port.TargetPort = p.Port
		}
		list = append(list, port)
	}
	return list
}

// EndpointSlice returns the facts about an EndpointSlice. A slice of host names has no endpoints. An error names
// addresses that could not be read; the facts are good without them.
func EndpointSlice(e *discoveryv1.EndpointSlice) (*cluster.EndpointSlice, error) {
	slice := &cluster.EndpointSlice{
		Namespace: e.Namespace, Name: e.Name, Service: e.Labels[discoveryv1.LabelServiceName], Ports: endpointPorts(e.Ports),
	}
	if e.AddressType == discoveryv1.AddressTypeFQDN {
		return slice, nil
	}
	var errs []error
	slice.Endpoints = make([]cluster.Endpoint, 0, len(e.Endpoints))
	for i := range e.Endpoints {
		endpoint, err := endpoint(&e.Endpoints[i], e.Namespace)
		slice.Endpoints = append(slice.Endpoints, endpoint)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return slice, fmt.Errorf("EndpointSlice %s/%s: %w", e.Namespace, e.Name, err)
	}
	return slice, nil
}

func endpoint(e *discoveryv1.Endpoint, namespace string) (cluster.Endpoint, error) {
	list, err := addresses(make([]netip.Addr, 0, len(e.Addresses)), e.Addresses...)
	return cluster.Endpoint{
		Addresses: list, Ready: e.Conditions.Ready == nil || *e.Conditions.Ready, Pod: targetPod(e.TargetRef, namespace),
	}, err
}

// targetPod returns the pod that an endpoint refers to; empty if it refers to none of its own namespace.
func targetPod(ref *corev1.ObjectReference, namespace string) string {
	if ref == nil || ref.Kind != "Pod" || ref.Namespace != "" && ref.Namespace != namespace {
		return ""
	}
	return ref.Name
}

func endpointPorts(ports []discoveryv1.EndpointPort) []cluster.ServicePort {
	list := make([]cluster.ServicePort, 0, len(ports))
	for _, p := range ports {
		var port cluster.ServicePort
		if p.Name != nil {
			port.Name = *p.Name
		}
		if p.Port != nil {
			port.Port = *p.Port
		}
		var over corev1.Protocol
		if p.Protocol != nil {
			over = *p.Protocol
		}
		port.Protocol = protocol(over)
		list = append(list, port)
	}
	return list
}
