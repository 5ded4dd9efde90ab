// Package policy decides who may talk to whom: it turns what ClientIntents, annotations and the cluster itself say into
// permissions, and each back end below it turns permissions into objects.
//
// It is pure. It must not read the API server, a clock or a setting that is not passed in, and it must not write; what a
// person should hear it returns as findings.
package policy

import (
	"net/netip"

	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

// Permission is one allowed conversation and why. Client is a workload; it is zero where the permission does not name one
// (implied permissions that admit anyone). Server is a workload, a Service (kind Service), the API server, or zero where
// Internet is set.
type Permission struct {
	Client   identity.Workload
	Server   identity.Workload
	Internet []netip.Prefix // masked, sorted, none inside another
	Ports    []Port         // in the order in which they are written; empty means every port of every protocol
	Because  Because
}

// Port is a destination port. Name is set instead of Number where a Service names its target port.
type Port struct {
	Protocol traffic.Protocol
	Number   int32
	Name     string
}

// Because says where a permission comes from.
type Because struct {
	Rule      string // empty when declared, else the implied rule, such as M6
	Kind      string // ClientIntents, ProtectedService, Service, ...
	Namespace string
	Name      string
	Target    int // index into spec.targets of a ClientIntents; -1 elsewhere
}

// Direction is the side of a subject that a policy isolates.
type Direction string

// The directions, as NetworkPolicy spells them.
const (
	Ingress Direction = "Ingress"
	Egress  Direction = "Egress"
)

// Mode says whether what was decided is written.
type Mode string

// The modes. ModeNone means that there is nothing to write and nothing to show.
const (
	ModeNone    Mode = "none"
	ModeShadow  Mode = "shadow"
	ModeEnforce Mode = "enforce"
)

// Severity says how loud a finding is.
type Severity string

// The severities.
const (
	Info    Severity = "Info"
	Warning Severity = "Warning"
)

// ObjectRef names the object that a finding is about.
type ObjectRef struct {
	Kind, Namespace, Name string
}

// Finding is what a person should hear about an object of theirs. Reason is stable and in CamelCase; Message names the
// object and what to do.
type Finding struct {
	About    ObjectRef
	Target   int // index into spec.targets, -1 when the finding is about the whole object
	Severity Severity
	Reason   string
	Message  string
}
