package v2beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The API group, which Portolan shares with Otterize so that existing manifests go on working, and this version of it.
const (
	Group   = "k8s.otterize.com"
	Version = "v2beta1"
)

// The kinds of the group, as they stand in manifests and in owner references.
const (
	KindClientIntents     = "ClientIntents"
	KindProtectedService  = "ProtectedService"
	KindKafkaServerConfig = "KafkaServerConfig"
)

// GroupVersion returns k8s.otterize.com/v2beta1.
func GroupVersion() schema.GroupVersion { return schema.GroupVersion{Group: Group, Version: Version} }

// AddToScheme registers the kinds of this version and their lists with s. It returns no error today; the signature is
// the one that runtime.SchemeBuilder expects.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(
		GroupVersion(),
		&ClientIntents{}, &ClientIntentsList{},
		&ProtectedService{}, &ProtectedServiceList{},
		&KafkaServerConfig{}, &KafkaServerConfigList{},
	)
	metav1.AddToGroupVersion(s, GroupVersion())
	return nil
}
