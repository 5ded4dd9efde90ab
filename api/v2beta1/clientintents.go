package v2beta1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ClientIntents declares what one client calls. The client is a workload in the namespace of the object; the targets
// are the workloads, Services, brokers and outside addresses that it may talk to. Portolan makes network, mesh and
// Kafka rules from it, and says in the status what has effect.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=clientintents,singular=clientintents,shortName=ci,categories=portolan
// +kubebuilder:metadata:labels={"app.kubernetes.io/name=portolan","app.kubernetes.io/part-of=portolan"}
// +kubebuilder:printcolumn:name="Client",type=string,JSONPath=`.spec.workload.name`,description="The workload whose calls are declared"
// +kubebuilder:printcolumn:name="Kind",type=string,JSONPath=`.spec.workload.kind`,description="Its kind; empty means any kind of that name"
// +kubebuilder:printcolumn:name="Targets",type=string,JSONPath=`.status.targetsSummary`,description="Targets that have effect, of all targets"
// +kubebuilder:printcolumn:name="Mode",type=string,JSONPath=`.status.mode`,description="enforce or shadow"
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="Whether Portolan has done all it can for this generation"
// +kubebuilder:printcolumn:name="Would-Block",type=integer,JSONPath=`.status.wouldBlock`,description="Observed connections that the rules do not allow"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ClientIntents struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says who the client is and what it calls.
	// +required
	Spec ClientIntentsSpec `json:"spec,omitzero"`

	// status says what has effect. Portolan writes it; anything written by hand is replaced.
	// +optional
	Status ClientIntentsStatus `json:"status,omitzero"`
}

// ClientIntentsList is a list of ClientIntents.
//
// +kubebuilder:object:root=true
type ClientIntentsList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ClientIntents `json:"items"`
}

// ClientIntentsSpec says who the client is and what it calls.
//
// The zero value stands for an object without a spec, which the API server refuses but may still hold from before; it
// is shown as Ready=False, reason InvalidSpec.
type ClientIntentsSpec struct {
	// workload is the client. It is always in the namespace of the object. Example: {name: checkout, kind: Deployment}.
	// +required
	Workload WorkloadReference `json:"workload"`

	// targets lists what the client calls; each entry has exactly one of its eight fields. An empty list declares a
	// client that calls nothing. Example: [{kubernetes: {name: payments.pay, kind: Deployment}}].
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	Targets []Target `json:"targets,omitzero"`
}

// WorkloadReference names a workload in the namespace of the object that holds the reference.
type WorkloadReference struct {
	// name is the workload's name: that of its topmost controller, or the value of the pod annotation
	// intents.otterize.com/workload-name. Write '_' for every '.' in it. Example: checkout.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!self.contains('.')",message="a workload name must not contain '.': write '_' for every '.' in the name"
	Name string `json:"name"`

	// kind is the workload's kind, such as Deployment, StatefulSet, DaemonSet, CronJob, Job or Pod. Default: empty, which
	// means any kind of that name. Leave it out for a workload that an annotation names. Example: Deployment.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[A-Z][A-Za-z0-9]*$')",message="kind must start with an upper-case letter and hold only letters and digits, for example Deployment"
	Kind string `json:"kind,omitempty"`
}
