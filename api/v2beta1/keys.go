package v2beta1

// Annotations that people write.
const (
	// AnnotationMode on a ClientIntents or KafkaServerConfig holds a Mode: shadow makes the object a proposal, which is
	// evaluated and shown but has no effect; enforce puts it in force whatever the default mode is. Any other value is
	// ignored and shown as Degraded, reason InvalidMode.
	AnnotationMode = "portolan.dev/mode"

	// AnnotationKeep on a ClientIntents, when "true", makes prune leave the object's file alone.
	AnnotationKeep = "portolan.dev/keep"

	// AnnotationWorkloadName on a pod names the workload; its kind is then empty. This is the default of a key that the
	// operator can be told to read instead.
	AnnotationWorkloadName = "intents.otterize.com/workload-name"

	// AnnotationServiceName on a pod does the same where AnnotationWorkloadName is absent. It is deprecated.
	AnnotationServiceName = "intents.otterize.com/service-name"

	// AnnotationCalledBy on a server's pod declares its callers: a JSON array of objects with name, which is
	// <workload>.<namespace>, and kind. Example: [{"name":"checkout.shop","kind":"Deployment"}].
	AnnotationCalledBy = "intents.otterize.com/called-by"
)

// Labels and annotations that Portolan writes.
const (
	// LabelWorkload holds the identity key of a workload: on the policies that are about it, and on its pods where their
	// own labels do not select exactly them.
	LabelWorkload = "portolan.dev/workload"

	// LabelDiscovered is "true" on a ClientIntents that discovery wrote. Whoever wants to keep such an object for himself
	// removes the label, or just edits, accepts or applies the object.
	LabelDiscovered = "portolan.dev/discovered"

	// LabelManagedBy has the value ManagedBy on every policy and on every discovered ClientIntents that Portolan writes.
	LabelManagedBy = "app.kubernetes.io/managed-by"

	// ManagedBy is the value of LabelManagedBy.
	ManagedBy = "portolan"

	// AnnotationIdentity on a policy names its subject for people: <namespace>/<kind>/<name>. It is never read back.
	AnnotationIdentity = "portolan.dev/identity"

	// AnnotationBecause on a policy says for people what it comes from, such as "ClientIntents shop/checkout". It is
	// never read back.
	AnnotationBecause = "portolan.dev/because"
)

// FinalizerKafkaCleanup holds a KafkaServerConfig until its ACLs are removed from the broker. No other kind carries a
// finalizer.
const FinalizerKafkaCleanup = "portolan.dev/kafka-cleanup"

// Mode says whether rules are written or only computed and shown. It is the value of AnnotationMode and of the field
// status.mode of a ClientIntents.
//
// +kubebuilder:validation:Enum=enforce;shadow
type Mode string

// The modes.
const (
	ModeEnforce Mode = "enforce"
	ModeShadow  Mode = "shadow"
)
