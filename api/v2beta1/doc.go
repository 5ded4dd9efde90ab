// Package v2beta1 is the storage version of the k8s.otterize.com API: ClientIntents, ProtectedService and
// KafkaServerConfig, their validation as controller-gen markers, and the fixed names of their status and annotations.
//
// It holds data only. No method here talks to anything, and no rule depends on more than the one object it is about.
//
// +kubebuilder:object:generate=true
// +groupName=k8s.otterize.com
package v2beta1
