package v2beta1

// Target is one thing that the client calls. Exactly one field is set; a stored object from before this rule may break
// it, and such a target is shown as Failed, reason InvalidTarget.
//
// +kubebuilder:validation:XValidation:rule="[has(self.kubernetes), has(self.service), has(self.kafka), has(self.sql), has(self.aws), has(self.gcp), has(self.azure), has(self.internet)].exists_one(x, x)",message="each target must have exactly one of kubernetes, service, kafka, sql, aws, gcp, azure, internet"
type Target struct {
	// kubernetes is a workload in the cluster, or a Service when its kind is Service.
	// Example: {name: payments.pay, kind: Deployment}.
	// +optional
	Kubernetes *KubernetesTarget `json:"kubernetes,omitempty"`

	// service is a Kubernetes Service: the pods that it selects, on the ports that it has. Example: {name: ledger.pay}.
	// +optional
	Service *ServiceTarget `json:"service,omitempty"`

	// kafka is a Kafka broker and, optionally, topics on it. Example: {name: kafka.mq, topics: [{name: orders, operations: [produce]}]}.
	// +optional
	Kafka *KafkaTarget `json:"kafka,omitempty"`

	// sql is a database. It is accepted and shown, and not enforced. Example: {name: orders-db}.
	// +optional
	SQL *SQLTarget `json:"sql,omitempty"`

	// aws is an AWS resource. It is accepted and shown, and not enforced. Example: {arn: "arn:aws:s3:::receipts"}.
	// +optional
	AWS *AWSTarget `json:"aws,omitempty"`

	// gcp is a Google Cloud resource. It is accepted and shown, and not enforced.
	// Example: {resource: projects/_/buckets/receipts}.
	// +optional
	GCP *GCPTarget `json:"gcp,omitempty"`

	// azure is an Azure resource. It is accepted and shown, and not enforced.
	// Example: {scope: /resourceGroups/shop, roles: [Reader]}.
	// +optional
	Azure *AzureTarget `json:"azure,omitempty"`

	// internet is a set of addresses outside of the cluster. It has effect where egress is restricted.
	// Example: {domains: [api.example.com], ports: [443]}.
	// +optional
	Internet *InternetTarget `json:"internet,omitempty"`
}

// KubernetesTarget is a workload, or a Service when Kind is Service.
type KubernetesTarget struct {
	// name is <name>, in the namespace of the object, or <name>.<namespace>. Write '_' for a '.' inside a name.
	// Example: payments.pay.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	// +kubebuilder:validation:XValidation:rule="self.matches('^[^.]+([.][^.]+)?$')",message="a target name is <name> or <name>.<namespace>: at most one '.', with text on both sides (write '_' for a '.' inside a name)"
	Name string `json:"name"`

	// kind is the kind of the target, such as Deployment, StatefulSet or Service. Default: empty, which means the
	// workloads of any kind with that name. Example: StatefulSet.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[A-Z][A-Za-z0-9]*$')",message="kind must start with an upper-case letter and hold only letters and digits, for example Deployment"
	Kind string `json:"kind,omitempty"`

	// http limits the requests where a mesh enforces it. Default: absent or empty, which allows any request.
	// Example: [{path: "/charge", methods: [POST]}].
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=500
	HTTP []HTTPRule `json:"http,omitempty"`
}

// ServiceTarget is a Kubernetes Service.
type ServiceTarget struct {
	// name is <name>, in the namespace of the object, or <name>.<namespace>. Example: ledger.pay.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	// +kubebuilder:validation:XValidation:rule="self.matches('^[^.]+([.][^.]+)?$')",message="a target name is <name> or <name>.<namespace>: at most one '.', with text on both sides (write '_' for a '.' inside a name)"
	Name string `json:"name"`

	// http limits the requests where a mesh enforces it. Default: absent or empty, which allows any request.
	// Example: [{path: "/balance*", methods: [GET]}].
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=500
	HTTP []HTTPRule `json:"http,omitempty"`
}

// HTTPRule is one path that the client requests, and how.
type HTTPRule struct {
	// path is the path of the request: exact, or with '*' at its start or at its end, or '*' alone for any path.
	// Example: "/orders/*".
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Path string `json:"path"`

	// methods are the HTTP methods. Default: absent or empty, which means every method. Example: [GET, HEAD].
	// +optional
	// +listType=atomic
	Methods []HTTPMethod `json:"methods,omitempty"`
}

// HTTPMethod is a method of an HTTP request.
//
// +kubebuilder:validation:Enum=GET;HEAD;POST;PUT;DELETE;OPTIONS;TRACE;PATCH;CONNECT
type HTTPMethod string

// KafkaTarget is a Kafka broker, named by its workload, and topics on it.
type KafkaTarget struct {
	// name is the broker's workload: <name>, in the namespace of the object, or <name>.<namespace>. Example: kafka.mq.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	// +kubebuilder:validation:XValidation:rule="self.matches('^[^.]+([.][^.]+)?$')",message="a target name is <name> or <name>.<namespace>: at most one '.', with text on both sides (write '_' for a '.' inside a name)"
	Name string `json:"name"`

	// topics are what the client does on the broker. Default: absent or empty, which declares network access only.
	// Example: [{name: orders, operations: [produce, describe]}].
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=500
	Topics []KafkaTopic `json:"topics,omitempty"`
}

// KafkaTopic is a topic, or topics with a common prefix, and the operations on it.
type KafkaTopic struct {
	// name is a topic; a '*' at its end makes it a prefix; "*" alone is every topic. Example: orders-*.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=249
	Name string `json:"name"`

	// operations are what the client does with the topic. Example: [consume].
	// +required
	// +listType=atomic
	Operations []KafkaOperation `json:"operations,omitzero"`
}

// KafkaOperation is an operation on a Kafka topic, as Kafka's ACLs know it.
//
// +kubebuilder:validation:Enum=all;consume;produce;create;alter;delete;describe;ClusterAction;DescribeConfigs;AlterConfigs;IdempotentWrite
type KafkaOperation string

// The operations on a Kafka topic.
const (
	KafkaAll             KafkaOperation = "all"
	KafkaConsume         KafkaOperation = "consume"
	KafkaProduce         KafkaOperation = "produce"
	KafkaCreate          KafkaOperation = "create"
	KafkaAlter           KafkaOperation = "alter"
	KafkaDelete          KafkaOperation = "delete"
	KafkaDescribe        KafkaOperation = "describe"
	KafkaClusterAction   KafkaOperation = "ClusterAction"
	KafkaDescribeConfigs KafkaOperation = "DescribeConfigs"
	KafkaAlterConfigs    KafkaOperation = "AlterConfigs"
	KafkaIdempotentWrite KafkaOperation = "IdempotentWrite"
)

// InternetTarget is a set of addresses outside of the cluster.
//
// +kubebuilder:validation:XValidation:rule="(has(self.domains) && size(self.domains) > 0) || (has(self.ips) && size(self.ips) > 0)",message="internet needs at least one domain or IP"
type InternetTarget struct {
	// domains are DNS names; "*.example.com" stands for every name below example.com at any depth, not for example.com
	// itself. Case and a trailing dot do not matter. To allow every address, write ips ["0.0.0.0/0", "::/0"].
	// Example: [api.example.com, "*.example.org"].
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=254
	// +kubebuilder:validation:items:Pattern=`^([*][.])?([\p{L}\p{N}_]([\p{L}\p{N}_-]{0,61}[\p{L}\p{N}_])?[.])*[\p{L}\p{N}_]([\p{L}\p{N}_-]{0,61}[\p{L}\p{N}_])?[.]?$`
	Domains []string `json:"domains,omitempty"`

	// ips are addresses and blocks of addresses, IPv4 or IPv6, of at most 45 characters. Host bits of a block are ignored.
	// Example: [203.0.113.7, 10.0.0.0/8, "2001:db8::/32"].
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=250
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=45
	// +kubebuilder:validation:items:XValidation:rule="isIP(self) || isCIDR(self)",message="an entry of ips is an IPv4 or IPv6 address, or a CIDR such as 10.0.0.0/8 or 2001:db8::/32"
	IPs []string `json:"ips,omitempty"`

	// ports are TCP ports, 1 to 65535. Default: absent or empty, which means every port of every protocol.
	// Example: [443].
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=200
	// +kubebuilder:validation:items:Minimum=1
	// +kubebuilder:validation:items:Maximum=65535
	Ports []int32 `json:"ports,omitempty"`
}
