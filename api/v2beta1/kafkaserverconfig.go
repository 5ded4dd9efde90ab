package v2beta1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// KafkaServerConfig tells Portolan how to reach a Kafka broker, and which access to its topics needs a declaration.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
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
	Spec KafkaServerConfigSpec `json:"spec,omitzero"`

	// status says whether the broker is reached and what was applied there. Portolan writes it.
	// +optional
	Status KafkaServerConfigStatus `json:"status,omitzero"`
}

// KafkaServerConfigList is a list of KafkaServerConfigs.
//
// +kubebuilder:object:root=true
type KafkaServerConfigList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []KafkaServerConfig `json:"items"`
}

// KafkaServerConfigSpec says which broker it is, how to reach it, and which access needs a declaration.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.plaintext) && self.plaintext && has(self.tls))",message="plaintext and tls exclude each other"
type KafkaServerConfigSpec struct {
	// workload is the broker, in the namespace of the object. Example: {name: kafka, kind: StatefulSet}.
	// +required
	Workload WorkloadReference `json:"workload"`

	// addr is where to connect to: <host>:<port>, or several separated by ','. Default: empty, which is shown as
	// Ready=False, reason AddressMissing. Example: kafka.mq:9092.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[^ :,/]+:[0-9]{1,5}(,[^ :,/]+:[0-9]{1,5})*$') || self.matches('^\\\\[[0-9a-fA-F:]+\\\\]:[0-9]{1,5}$')",message="addr is <host>:<port>, or several separated by ','"
	Addr string `json:"addr,omitempty"`

	// tls names the files for TLS. Default: absent, which means the operator's own Kafka Secret. It excludes plaintext.
	// Example: {certFile: /etc/kafka/tls.crt, keyFile: /etc/kafka/tls.key, rootCAFile: /etc/kafka/ca.crt}.
	// +optional
	TLS *KafkaTLS `json:"tls,omitempty"`

	// noAutoCreateIntentsForOperator, when true, leaves out the network rule for the operator's own connection to the
	// broker. Default: false.
	// +optional
	NoAutoCreateIntentsForOperator bool `json:"noAutoCreateIntentsForOperator,omitempty"`

	// topics say which access needs a declaration. Default: every topic needs identity and intents.
	// Example: [{topic: public-, pattern: prefix, clientIdentityRequired: false, intentsRequired: false}].
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	Topics []KafkaTopicConfig `json:"topics,omitempty"`

	// sasl says how the operator logs in. Default: absent, which means by its client certificate.
	// Example: {mechanism: SCRAM-SHA-512, secretRef: {name: kafka-admin}}.
	// +optional
	SASL *KafkaSASL `json:"sasl,omitempty"`

	// plaintext, when true, connects without TLS. It excludes tls. Default: false.
	// +optional
	Plaintext bool `json:"plaintext,omitempty"`

	// principalTemplate is the Kafka principal of a client, without "User:". $ServiceName and $Namespace stand for the
	// client's name and namespace, $Kind for its kind. Default: empty, which means the operator's setting.
	// Example: CN=$ServiceName.$Namespace,O=shop.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.contains('$ServiceName') && self.contains('$Namespace')",message="principalTemplate must contain $ServiceName and $Namespace"
	PrincipalTemplate string `json:"principalTemplate,omitempty"`
}

// KafkaTLS names the files for TLS, as paths inside the operator. All three are required; certFile and keyFile may be
// empty, which means no client certificate.
type KafkaTLS struct {
	// certFile is the client certificate. Example: /etc/kafka/tls.crt.
	// +required
	CertFile string `json:"certFile"`

	// keyFile is the key of the client certificate. Example: /etc/kafka/tls.key.
	// +required
	KeyFile string `json:"keyFile"`

	// rootCAFile holds the certificates that the broker's certificate is checked against. Example: /etc/kafka/ca.crt.
	// +required
	RootCAFile string `json:"rootCAFile"`
}

// KafkaTopicConfig says which access to a topic needs a declaration.
type KafkaTopicConfig struct {
	// topic is the name or the prefix of topics; "*" with pattern literal is every topic. Example: orders.
	// +required
	Topic string `json:"topic"`

	// pattern says whether topic is a whole name (literal) or a prefix.
	// +required
	Pattern KafkaTopicPattern `json:"pattern"`

	// clientIdentityRequired refuses anonymous clients when true.
	// +required
	ClientIdentityRequired bool `json:"clientIdentityRequired"`

	// intentsRequired refuses clients without a declaration when true.
	// +required
	IntentsRequired bool `json:"intentsRequired"`
}

// KafkaTopicPattern says how a topic is matched.
//
// +kubebuilder:validation:Enum=literal;prefix
type KafkaTopicPattern string

// The patterns of a topic.
const (
	KafkaTopicLiteral KafkaTopicPattern = "literal"
	KafkaTopicPrefix  KafkaTopicPattern = "prefix"
)

// KafkaSASL says how the operator logs in at the broker.
type KafkaSASL struct {
	// mechanism is PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
	// +required
	Mechanism KafkaSASLMechanism `json:"mechanism"`

	// secretRef names the Secret with the user name and password. Example: {name: kafka-admin}.
	// +required
	SecretRef KafkaSecretReference `json:"secretRef"`
}

// KafkaSASLMechanism is a SASL mechanism.
//
// +kubebuilder:validation:Enum=PLAIN;SCRAM-SHA-256;SCRAM-SHA-512
type KafkaSASLMechanism string

// The SASL mechanisms that Portolan speaks.
const (
	KafkaSASLPlain       KafkaSASLMechanism = "PLAIN"
	KafkaSASLSCRAMSHA256 KafkaSASLMechanism = "SCRAM-SHA-256"
	KafkaSASLSCRAMSHA512 KafkaSASLMechanism = "SCRAM-SHA-512"
)

// KafkaSecretReference names a Secret in the namespace of the object. A Role there must let the operator read it.
type KafkaSecretReference struct {
	// name is the Secret's name. Example: kafka-admin.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// usernameKey is the key in the Secret that holds the user name. Default: username.
	// +optional
	// +kubebuilder:default=username
	UsernameKey string `json:"usernameKey,omitempty"`

	// passwordKey is the key in the Secret that holds the password. Default: password.
	// +optional
	// +kubebuilder:default=password
	PasswordKey string `json:"passwordKey,omitempty"`
}

// KafkaServerConfigStatus says whether the broker is reached and what was applied there.
type KafkaServerConfigStatus struct {
	// observedGeneration is the metadata.generation that the rest of the status describes.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions are Ready (the broker is reached and its ACLs are applied) and Conflict (another object is used for the
	// same broker).
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// managedPrincipals are the principals whose ACLs on the broker are Portolan's, sorted. Example: [User:CN=web.shop].
	// +optional
	// +listType=set
	ManagedPrincipals []string `json:"managedPrincipals,omitempty"`

	// appliedTopics are the topic entries whose ACLs are on the broker, sorted; they tell which ACLs to remove when an
	// entry leaves the spec.
	// +optional
	// +listType=map
	// +listMapKey=topic
	// +listMapKey=pattern
	AppliedTopics []KafkaAppliedTopic `json:"appliedTopics,omitempty"`
}

// KafkaAppliedTopic is a topic entry whose ACLs are on the broker.
type KafkaAppliedTopic struct {
	// topic is the name or the prefix of topics.
	// +required
	Topic string `json:"topic"`

	// pattern says whether topic is a whole name (literal) or a prefix.
	// +required
	Pattern KafkaTopicPattern `json:"pattern"`
}
