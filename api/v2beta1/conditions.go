package v2beta1

// The types of conditions. ClientIntents have all three; ProtectedService and KafkaServerConfig have Ready and Conflict.
const (
	// ConditionReady is True when Portolan has done all that it can for the observed generation. Targets that wait for
	// their server or are of a kind that is not enforced leave it True, so that a rollout does not wait for them.
	ConditionReady = "Ready"

	// ConditionConflict is True when another object is in the way. It never stops other objects.
	ConditionConflict = "Conflict"

	// ConditionDegraded is True when not all of a ClientIntents has effect yet; its message lists every affected target.
	ConditionDegraded = "Degraded"
)

// The reasons of ConditionReady.
const (
	// ReasonApplied (True): everything that can be written is written.
	ReasonApplied = "Applied"
	// ReasonShadow (True): the rules are computed and shown, and nothing is written.
	ReasonShadow = "Shadow"
	// ReasonInvalidSpec (False): the object has no usable spec, or does not decode.
	ReasonInvalidSpec = "InvalidSpec"
	// ReasonClientKindNotSupported (False): the client is of kind Service; a client is a workload.
	ReasonClientKindNotSupported = "ClientKindNotSupported"
	// ReasonConflict (False): the condition Conflict says what is in the way.
	ReasonConflict = "Conflict"
	// ReasonAwaitingFirstIsolation (False): a workload is about to be isolated for the first time.
	ReasonAwaitingFirstIsolation = "AwaitingFirstIsolation"
	// ReasonFailed (False): a target failed, or a policy could not be written.
	ReasonFailed = "Failed"
	// ReasonWorkloadNotFound (False): nothing matches the name of a ProtectedService, or no pod the broker of a
	// KafkaServerConfig.
	ReasonWorkloadNotFound = "WorkloadNotFound"
	// ReasonAddressMissing (False): a KafkaServerConfig has no addr.
	ReasonAddressMissing = "AddressMissing"
	// ReasonSecretNotFound (False): the Secret of a KafkaServerConfig is missing or may not be read.
	ReasonSecretNotFound = "SecretNotFound"
	// ReasonTLSNotConfigured (False): a KafkaServerConfig has neither tls nor plaintext, and the operator has no Kafka Secret.
	ReasonTLSNotConfigured = "TLSNotConfigured"
	// ReasonBrokerUnreachable (False): no connection to the broker.
	ReasonBrokerUnreachable = "BrokerUnreachable"
	// ReasonBrokerRejected (False): the broker refused a request.
	ReasonBrokerRejected = "BrokerRejected"
)

// The reasons of ConditionConflict.
const (
	// ReasonNoConflict (False): nothing is in the way.
	ReasonNoConflict = "NoConflict"
	// ReasonDuplicateClient (True): an older ClientIntents for the same client is used.
	ReasonDuplicateClient = "DuplicateClient"
	// ReasonDuplicateServer (True): an older KafkaServerConfig for the same broker is used.
	ReasonDuplicateServer = "DuplicateServer"
	// ReasonNameConflict (True): an object that is not Portolan's has the name of a policy.
	ReasonNameConflict = "NameConflict"
)

// The reasons of ConditionDegraded, worst first; the condition shows the worst that applies.
const (
	// ReasonTargetsFailed (True): a target is in state Failed.
	ReasonTargetsFailed = "TargetsFailed"
	// ReasonInvalidMode (True): the annotation portolan.dev/mode is neither shadow nor enforce.
	ReasonInvalidMode = "InvalidMode"
	// ReasonEgressHeld (True): the client's egress is not restricted yet.
	ReasonEgressHeld = "EgressHeld"
	// ReasonTargetsPending (True): a target is in state Pending.
	ReasonTargetsPending = "TargetsPending"
	// ReasonPartiallyEnforced (True): a target is in state Partial.
	ReasonPartiallyEnforced = "PartiallyEnforced"
	// ReasonNotEnforced (True): a target is in state NotEnforced. Ready of a KafkaServerConfig has it too (False): the
	// object is valid, and Kafka ACLs are not built yet.
	ReasonNotEnforced = "NotEnforced"
	// ReasonAsExpected (False): every target has effect.
	ReasonAsExpected = "AsExpected"
)
