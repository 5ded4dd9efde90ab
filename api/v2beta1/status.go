package v2beta1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ClientIntentsStatus says what of a ClientIntents has effect.
//
// It has two writers, each with server-side apply and a field manager of its own: discovery writes resolvedIPs and
// nothing else, and the policy controller writes the rest.
type ClientIntentsStatus struct {
	// observedGeneration is the metadata.generation that the rest of the status describes. Example: 4.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// upToDate is true exactly when the condition Ready is True and observedGeneration equals metadata.generation. It is
	// kept for compatibility; the condition says more.
	// +optional
	UpToDate *bool `json:"upToDate,omitempty"`

	// resolvedIPs are the addresses that the domains of the internet targets were seen to resolve to, sorted by dns.
	// Discovery writes them. Example: [{dns: api.example.com, ips: [203.0.113.7]}].
	// +optional
	// +listType=atomic
	ResolvedIPs []ResolvedIPs `json:"resolvedIPs,omitempty"`

	// conditions are Ready (Portolan has done all it can for this generation), Conflict (another object is in the way)
	// and Degraded (not every target has effect yet).
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// mode is the mode that holds for this client: enforce, or shadow, in which the rules are computed and shown but not
	// written.
	// +optional
	Mode Mode `json:"mode,omitempty"`

	// targetsSummary counts the targets in state Enforced or Shadow, of all targets. Example: "3/4".
	// +optional
	TargetsSummary string `json:"targetsSummary,omitempty"`

	// targets says for each target of the spec what became of it, in the order of the spec.
	// +optional
	// +listType=map
	// +listMapKey=index
	Targets []TargetStatus `json:"targets,omitempty"`

	// wouldBlock counts the observed connections that the desired rules do not allow. It is absent while no traffic data
	// exists. Example: 0.
	// +optional
	WouldBlock *int32 `json:"wouldBlock,omitempty"`

	// wouldBlockEdges are up to 20 of the connections that wouldBlock counts.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	WouldBlockEdges []WouldBlockEdge `json:"wouldBlockEdges,omitempty"`
}

// ResolvedIPs are the addresses of one domain.
type ResolvedIPs struct {
	// dns is the domain as written in the spec, or a name below it. Example: api.example.com.
	// +optional
	DNS string `json:"dns,omitempty"`

	// ips are its addresses, IPv4 and IPv6, sorted and distinct. Example: [203.0.113.7].
	// +optional
	// +listType=atomic
	IPs []string `json:"ips,omitempty"`
}

// TargetStatus says what became of one target.
type TargetStatus struct {
	// index is the place of the target in spec.targets, from 0.
	// +required
	// +kubebuilder:validation:Minimum=0
	Index int32 `json:"index"`

	// type is the field that the target has, such as kubernetes. It is absent for an invalid target.
	// +optional
	Type TargetType `json:"type,omitempty"`

	// name is what the target names, as written. Example: payments.pay.
	// +optional
	Name string `json:"name,omitempty"`

	// state is Enforced, Partial, Shadow, Pending, NotEnforced or Failed.
	// +optional
	State TargetState `json:"state,omitempty"`

	// reason says why in one word. Example: ServiceNotFound.
	// +optional
	Reason TargetReason `json:"reason,omitempty"`

	// message says why in a sentence, and what to do. Example: no Service pay/ledger.
	// +optional
	Message string `json:"message,omitempty"`
}

// WouldBlockEdge is an observed conversation that the desired rules do not allow.
type WouldBlockEdge struct {
	// direction is ingress for a call to a server that the object names, and egress for a call of its client.
	// +optional
	Direction Direction `json:"direction,omitempty"`

	// peer is the other side: <namespace>/<kind>/<name> of a workload, or a domain or address. Example: shop/Deployment/web.
	// +optional
	Peer string `json:"peer,omitempty"`

	// port is the port at the server. Default: 0, which means that it is not known. Example: 8080.
	// +optional
	Port int32 `json:"port,omitempty"`

	// count is how many connections were observed. Example: 12.
	// +optional
	Count int64 `json:"count,omitempty"`

	// lastSeen is when the last one was observed.
	// +optional
	LastSeen metav1.Time `json:"lastSeen,omitzero"`
}

// Direction is the side on which a rule would refuse a connection.
//
// +kubebuilder:validation:Enum=ingress;egress
type Direction string

// The directions of a WouldBlockEdge.
const (
	DirectionIngress Direction = "ingress"
	DirectionEgress  Direction = "egress"
)
