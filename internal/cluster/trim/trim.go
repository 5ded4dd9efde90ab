// Package trim turns objects of the Kubernetes API into the facts of package cluster, leaving out whatever Portolan does
// not use.
//
// It is pure: objects in, facts out. It must not hold a client or decide anything about traffic or policies. A fact
// shares maps and slices with the object it was made from, so whoever passes an object on gives up the right to change
// it.
package trim

import (
	"errors"
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/traffic"
)

// Options says how objects are read. The zero value is the default of every option.
type Options struct {
	// WorkloadNameAnnotation is the pod annotation that names the workload. Default: v2beta1.AnnotationWorkloadName.
	WorkloadNameAnnotation string
	// ImageNamesForJobs names a Job that no CronJob made after the images of its containers.
	ImageNamesForJobs bool
}

// maxWorkloadName is how much of a name annotation is kept: one byte more than the longest that is used, so that a
// longer one is still recognised as too long.
const maxWorkloadName = 254

// workloadName returns the value of the annotation that names the workload; an empty value counts as absent.
func (o Options) workloadName(annotations map[string]string) string {
	key := o.WorkloadNameAnnotation
	if key == "" {
		key = v2beta1.AnnotationWorkloadName
	}
	name := annotations[key]
	if name == "" {
		name = annotations[v2beta1.AnnotationServiceName]
	}
	return name[:min(len(name), maxWorkloadName)]
}

// ruleAnnotations are the annotations of pods and Services that rules read.
func ruleAnnotations(all map[string]string) map[string]string {
	var kept map[string]string
	for _, key := range []string{"prometheus.io/scrape", "prometheus.io/port", cluster.MirrorAnnotation} {
		if value, present := all[key]; present {
			if kept == nil {
				kept = make(map[string]string, 2)
			}
			kept[key] = value
		}
	}
	return kept
}

// OwnerOf returns the reference that is marked as the controller, else the first one, else the zero Owner.
func OwnerOf(references []metav1.OwnerReference) cluster.Owner {
	if len(references) == 0 {
		return cluster.Owner{}
	}
	chosen := references[0]
	for _, r := range references {
		if r.Controller != nil && *r.Controller {
			chosen = r
			break
		}
	}
	return cluster.Owner{
		APIVersion: chosen.APIVersion, Kind: chosen.Kind, Name: chosen.Name,
		UID: uid(string(chosen.UID), chosen.Kind, chosen.Name),
	}
}

// uid returns the UID of an object. Objects in hand-written files have none; kind and name stand for it there, in the
// object and in the references to it alike.
func uid(given, kind, name string) string {
	if given != "" {
		return given
	}
	return kind + "/" + name
}

// addresses parses texts and adds what they say to list. It leaves out texts that are no address and reports them.
func addresses(list []netip.Addr, texts ...string) ([]netip.Addr, error) {
	var errs []error
	for _, text := range texts {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("%q is not an IP address", text))
			continue
		}
		list = append(list, addr.Unmap())
	}
	return list, errors.Join(errs...)
}

func protocol(p corev1.Protocol) traffic.Protocol {
	if p == "" {
		return traffic.TCP
	}
	return traffic.Protocol(p)
}
