package v2alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-io/portolan/api/v2beta1"
)

// ClientIntents declares what one client calls. The client is a workload in the namespace of the object; the targets
// are the workloads, Services, brokers and outside addresses that it may talk to. Portolan makes network, mesh and
// Kafka rules from it, and says in the status what has effect.
//
// +kubebuilder:object:root=true
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
	Spec v2beta1.ClientIntentsSpec `json:"spec,omitzero"`

	// status says what has effect. Portolan writes it; anything written by hand is replaced.
	// +optional
	Status v2beta1.ClientIntentsStatus `json:"status,omitzero"`
}

// ClientIntentsList is a list of ClientIntents.
//
// +kubebuilder:object:root=true
type ClientIntentsList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ClientIntents `json:"items"`
}
