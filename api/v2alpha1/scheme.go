package v2alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/portolan-io/portolan/api/v2beta1"
)

// Version is the name of this version of the group v2beta1.Group.
const Version = "v2alpha1"

// GroupVersion returns k8s.otterize.com/v2alpha1.
func GroupVersion() schema.GroupVersion {
	return schema.GroupVersion{Group: v2beta1.Group, Version: Version}
}

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
