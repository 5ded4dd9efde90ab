package trim

import (
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/portolan-io/portolan/internal/cluster"
)

// Endpoints returns what an Endpoints object says, in the form of an EndpointSlice; nil for every other object. An error
// names addresses that could not be read; the facts are good without them.
func Endpoints(object any) (*cluster.EndpointSlice, error) {
	e, ok := object.(*corev1.Endpoints) //nolint:staticcheck // deprecated, but still what a Service without slices has
	if !ok {
		return nil, nil //nolint:nilnil // "nil for every other object"
	}
	slice := &cluster.EndpointSlice{Namespace: e.Namespace, Name: e.Name, Service: e.Name}
	var errs []error
	for i := range e.Subsets {
		subset := &e.Subsets[i]
		for _, part := range []struct {
			addresses []corev1.EndpointAddress
			ready     bool
		}{{subset.Addresses, true}, {subset.NotReadyAddresses, false}} {
			for _, a := range part.addresses {
				list, err := addresses(nil, a.IP)
				errs = append(errs, err)
				slice.Endpoints = append(slice.Endpoints, cluster.Endpoint{
					Addresses: list, Ready: part.ready, Pod: targetPod(a.TargetRef, e.Namespace),
				})
			}
		}
		for _, p := range subset.Ports {
			port := cluster.ServicePort{Name: p.Name, Port: p.Port, Protocol: protocol(p.Protocol)}
			if !slices.Contains(slice.Ports, port) {
				slice.Ports = append(slice.Ports, port)
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return slice, fmt.Errorf("Endpoints %s/%s: %w", e.Namespace, e.Name, err)
	}
	return slice, nil
}
