package v2beta1

// TargetType is the field that a target has.
//
// +kubebuilder:validation:Enum=kubernetes;service;kafka;sql;aws;gcp;azure;internet
type TargetType string

// The types of targets, in the order of the fields of Target.
const (
	TargetTypeKubernetes TargetType = "kubernetes"
	TargetTypeService    TargetType = "service"
	TargetTypeKafka      TargetType = "kafka"
	TargetTypeSQL        TargetType = "sql"
	TargetTypeAWS        TargetType = "aws"
	TargetTypeGCP        TargetType = "gcp"
	TargetTypeAzure      TargetType = "azure"
	TargetTypeInternet   TargetType = "internet"
)

// TargetState says in one word what became of a target. A target with several backends has the worst of their states.
//
// +kubebuilder:validation:Enum=Enforced;Partial;Shadow;Pending;NotEnforced;Failed
type TargetState string

// The states of a target, worst first.
const (
	TargetStateFailed      TargetState = "Failed"      // it cannot be written, or is invalid
	TargetStatePending     TargetState = "Pending"     // it waits for something that may come
	TargetStatePartial     TargetState = "Partial"     // the network rule is in place, the mesh rule is weaker or missing
	TargetStateNotEnforced TargetState = "NotEnforced" // nothing is written for it as things are set up
	TargetStateShadow      TargetState = "Shadow"      // its rules are computed and shown, not written
	TargetStateEnforced    TargetState = "Enforced"    // its rules are in place, or it needs none
)

// TargetReason says why a target is in its state.
type TargetReason string

// The reasons of state Enforced.
const (
	TargetReasonApplied       TargetReason = "Applied"
	TargetReasonAmbiguousKind TargetReason = "AmbiguousKind" // a name without kind matches several kinds; all are used
	TargetReasonNoRuleNeeded  TargetReason = "NoRuleNeeded"  // the API server, while egress is not restricted
)

// The reasons of state Partial.
const (
	TargetReasonHTTPNotEnforced      TargetReason = "HTTPNotEnforced" // no Istio proxy of the server can enforce http
	TargetReasonClientNotInMesh      TargetReason = "ClientNotInMesh"
	TargetReasonSharedServiceAccount TargetReason = "SharedServiceAccount"
)

// TargetReasonShadowMode is the reason of state Shadow.
const TargetReasonShadowMode TargetReason = "ShadowMode"

// The reasons of state Pending.
const (
	TargetReasonWorkloadNotFound       TargetReason = "WorkloadNotFound"
	TargetReasonClientNotFound         TargetReason = "ClientNotFound"
	TargetReasonServiceNotFound        TargetReason = "ServiceNotFound"
	TargetReasonUnresolvedDomain       TargetReason = "UnresolvedDomain"
	TargetReasonAwaitingFirstIsolation TargetReason = "AwaitingFirstIsolation"
)

// The reasons of state NotEnforced.
const (
	TargetReasonTypeNotEnforced          TargetReason = "TypeNotEnforced" // sql, aws, gcp, azure
	TargetReasonEgressDisabled           TargetReason = "EgressDisabled"  // internet, while egress is not restricted
	TargetReasonServiceHasNoSelector     TargetReason = "ServiceHasNoSelector"
	TargetReasonExternalNameService      TargetReason = "ExternalNameService"
	TargetReasonHostNetwork              TargetReason = "HostNetwork"
	TargetReasonNamespaceNotWatched      TargetReason = "NamespaceNotWatched"
	TargetReasonUnmanaged                TargetReason = "Unmanaged"
	TargetReasonNetworkPolicyDisabled    TargetReason = "NetworkPolicyDisabled"
	TargetReasonKafkaServerNotConfigured TargetReason = "KafkaServerNotConfigured"
	TargetReasonKafkaDisabled            TargetReason = "KafkaDisabled"
	TargetReasonOperatorItself           TargetReason = "OperatorItself"
)

// The reasons of state Failed.
const (
	TargetReasonInvalidTarget        TargetReason = "InvalidTarget"
	TargetReasonInvalidDomain        TargetReason = "InvalidDomain"
	TargetReasonInvalidPrincipal     TargetReason = "InvalidPrincipal"
	TargetReasonNameConflict         TargetReason = "NameConflict"
	TargetReasonAPIError             TargetReason = "APIError"
	TargetReasonBrokerUnreachable    TargetReason = "BrokerUnreachable"
	TargetReasonBrokerRejected       TargetReason = "BrokerRejected"
	TargetReasonNoAPIServerEndpoints TargetReason = "NoAPIServerEndpoints"
)
