// Package declared reads the objects in which people say what they want one by one, so that an object which does not
// decode stops nobody else. The API server holds such objects when they were stored before their schema was what it is.
//
// Its types take the places of those of api/v2beta1 in a client or cache that lists or watches. It must decide nothing
// about what an object says.
package declared

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/portolan-io/portolan/api/v2beta1"
)

// ClientIntents is a ClientIntents as the API server holds it. Where Fault is set, the object is unreadable: only its
// metadata and the conditions of its status are there, and spec.workload where at least that can be read.
type ClientIntents struct {
	v2beta1.ClientIntents `json:",inline"`

	// Fault says which field is wrong, and how. It is empty for an object that can be read.
	Fault string `json:"-"`
}

// UnmarshalJSON reads an object. It fails only for one whose metadata is no metadata.
func (c *ClientIntents) UnmarshalJSON(text []byte) error {
	*c = ClientIntents{}
	fault, named, err := read(text, &c.ClientIntents)
	if fault != "" {
		c.ClientIntents = v2beta1.ClientIntents{TypeMeta: named.TypeMeta, ObjectMeta: named.ObjectMeta}
		c.Spec.Workload, c.Status.Conditions, c.Fault = clientOf(text), conditionsOf(text), fault
	}
	return err
}

func (c *ClientIntents) fault() (kind, text string) { return v2beta1.KindClientIntents, c.Fault }

// DeepCopyObject implements runtime.Object.
func (c *ClientIntents) DeepCopyObject() runtime.Object {
	return &ClientIntents{ClientIntents: *c.DeepCopy(), Fault: c.Fault}
}

// ProtectedService is a ProtectedService as the API server holds it. Where Fault is set, only its metadata and the
// conditions of its status are there.
type ProtectedService struct {
	v2beta1.ProtectedService `json:",inline"`

	// Fault says which field is wrong, and how. It is empty for an object that can be read.
	Fault string `json:"-"`
}

// UnmarshalJSON reads an object. It fails only for one whose metadata is no metadata.
func (p *ProtectedService) UnmarshalJSON(text []byte) error {
	*p = ProtectedService{}
	fault, named, err := read(text, &p.ProtectedService)
	if fault != "" {
		p.ProtectedService = v2beta1.ProtectedService{TypeMeta: named.TypeMeta, ObjectMeta: named.ObjectMeta}
		p.Status.Conditions, p.Fault = conditionsOf(text), fault
	}
	return err
}

func (p *ProtectedService) fault() (kind, text string) { return v2beta1.KindProtectedService, p.Fault }

// DeepCopyObject implements runtime.Object.
func (p *ProtectedService) DeepCopyObject() runtime.Object {
	return &ProtectedService{ProtectedService: *p.DeepCopy(), Fault: p.Fault}
}

// KafkaServerConfig is a KafkaServerConfig as the API server holds it. Where Fault is set, only its metadata and the
// conditions of its status are there.
type KafkaServerConfig struct {
	v2beta1.KafkaServerConfig `json:",inline"`

	// Fault says which field is wrong, and how. It is empty for an object that can be read.
	Fault string `json:"-"`
}

// UnmarshalJSON reads an object. It fails only for one whose metadata is no metadata.
func (k *KafkaServerConfig) UnmarshalJSON(text []byte) error {
	*k = KafkaServerConfig{}
	fault, named, err := read(text, &k.KafkaServerConfig)
	if fault != "" {
		k.KafkaServerConfig = v2beta1.KafkaServerConfig{TypeMeta: named.TypeMeta, ObjectMeta: named.ObjectMeta}
		k.Status.Conditions, k.Fault = conditionsOf(text), fault
	}
	return err
}

func (k *KafkaServerConfig) fault() (kind, text string) {
	return v2beta1.KindKafkaServerConfig, k.Fault
}

// DeepCopyObject implements runtime.Object.
func (k *KafkaServerConfig) DeepCopyObject() runtime.Object {
	return &KafkaServerConfig{KafkaServerConfig: *k.DeepCopy(), Fault: k.Fault}
}

// List is a list of objects of which some may be unreadable. P is *O.
type List[O any, P interface {
	*O
	runtime.Object
}] struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`
	Items           []O `json:"items"`
}

// ClientIntentsList is a list of ClientIntents.
type ClientIntentsList = List[ClientIntents, *ClientIntents]

// ProtectedServiceList is a list of ProtectedServices.
type ProtectedServiceList = List[ProtectedService, *ProtectedService]

// KafkaServerConfigList is a list of KafkaServerConfigs.
type KafkaServerConfigList = List[KafkaServerConfig, *KafkaServerConfig]

// DeepCopyObject implements runtime.Object.
func (l *List[O, P]) DeepCopyObject() runtime.Object {
	copied := &List[O, P]{TypeMeta: l.TypeMeta, Items: make([]O, len(l.Items))}
	l.DeepCopyInto(&copied.ListMeta)
	for i := range l.Items {
		item, _ := P(&l.Items[i]).DeepCopyObject().(P)
		copied.Items[i] = *item
	}
	return copied
}

// AddToScheme registers the types under the kinds of api/v2beta1, whose own types must not be in the same scheme. It
// never fails; the signature is the one that runtime.SchemeBuilder expects.
func AddToScheme(s *runtime.Scheme) error {
	version := v2beta1.GroupVersion()
	for kind, types := range map[string][2]runtime.Object{
		v2beta1.KindClientIntents:     {&ClientIntents{}, &ClientIntentsList{}},
		v2beta1.KindProtectedService:  {&ProtectedService{}, &ProtectedServiceList{}},
		v2beta1.KindKafkaServerConfig: {&KafkaServerConfig{}, &KafkaServerConfigList{}},
	} {
		s.AddKnownTypeWithName(version.WithKind(kind), types[0])
		s.AddKnownTypeWithName(version.WithKind(kind+"List"), types[1])
	}
	metav1.AddToGroupVersion(s, version)
	return nil
}
