package v2alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-io/portolan/api/v2beta1"
)

// ProtectedService isolates one workload for ingress, even when nothing is declared for it and even in shadow mode:
// only traffic that ClientIntents or called-by annotations declare is allowed.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=protectedservices,singular=protectedservice,shortName=psvc,categories=portolan
// +kubebuilder:metadata:labels={"app.kubernetes.io/name=portolan","app.kubernetes.io/part-of=portolan"}
// +kubebuilder:printcolumn:name="Workload",type=string,JSONPath=`.spec.name`,description="The workload that is protected"
// +kubebuilder:printcolumn:name="Kind",type=string,JSONPath=`.spec.kind`,description="Its kind; empty means any kind of that name"
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="Whether the workload is isolated"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ProtectedService struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec names the workload.
	// +required
	Spec v2beta1.ProtectedServiceSpec `json:"spec,omitzero"`

	// status says whether the workload is isolated. Portolan writes it.
	// +optional
	Status v2beta1.ProtectedServiceStatus `json:"status,omitzero"`
}

// ProtectedServiceList is a list of ProtectedServices.
//
// +kubebuilder:object:root=true
type ProtectedServiceList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ProtectedService `json:"items"`
}
