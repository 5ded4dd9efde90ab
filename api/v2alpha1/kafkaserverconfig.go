package v2alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-io/portolan/api/v2beta1"
)

// KafkaServerConfig tells Portolan how to reach a Kafka broker, and which access to its topics needs a declaration.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=kafkaserverconfigs,singular=kafkaserverconfig,shortName=ksc,categories=portolan
// +kubebuilder:metadata:labels={"app.kubernetes.io/name=portolan","app.kubernetes.io/part-of=portolan"}
// +kubebuilder:printcolumn:name="Broker",type=string,JSONPath=`.spec.workload.name`,description="The broker's workload"
// +kubebuilder:printcolumn:name="Address",type=string,JSONPath=`.spec.addr`,description="Where Portolan connects to"
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="Whether the broker is reached and its ACLs are applied"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type KafkaServerConfig struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says which broker it is and how to reach it.
	// +required
	Spec v2beta1.KafkaServerConfigSpec `json:"spec,omitzero"`

	// status says whether the broker is reached and what was applied there. Portolan writes it.
	// +optional
	Status v2beta1.KafkaServerConfigStatus `json:"status,omitzero"`
}

// KafkaServerConfigList is a list of KafkaServerConfigs.
//
// +kubebuilder:object:root=true
type KafkaServerConfigList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []KafkaServerConfig `json:"items"`
}
