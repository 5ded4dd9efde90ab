package v2beta1

// SQLTarget is a database and what the client does in it.
type SQLTarget struct {
	// name is the object name of an SQL server config, never split at '.'. Example: orders-db.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// privileges are what the client does in the database. Default: none named.
	// Example: [{databaseName: orders, table: receipts, operations: [SELECT]}].
	// +optional
	// +listType=atomic
	Privileges []SQLPrivilege `json:"privileges,omitempty"`
}

// SQLPrivilege is what the client does with one database or one table of it.
type SQLPrivilege struct {
	// databaseName is the database. Example: orders.
	// +required
	// +kubebuilder:validation:MinLength=1
	DatabaseName string `json:"databaseName"`

	// table is a table of the database. Default: empty, which means every table. Example: receipts.
	// +optional
	Table string `json:"table,omitempty"`

	// operations are the statements. Default: none named. Example: [SELECT, INSERT].
	// +optional
	// +listType=atomic
	Operations []SQLOperation `json:"operations,omitempty"`
}

// SQLOperation is a kind of SQL statement.
//
// +kubebuilder:validation:Enum=ALL;SELECT;INSERT;UPDATE;DELETE
type SQLOperation string

// AWSTarget is an AWS resource and what the client does with it.
//
// +kubebuilder:validation:XValidation:rule="has(self.arn) && self.arn != \"\"",message="aws.arn is required"
type AWSTarget struct {
	// arn names the resource and may hold wildcards. It is required. Example: "arn:aws:s3:::receipts/*".
	// +optional
	ARN string `json:"arn,omitempty"`

	// actions are IAM actions. Default: none named. Example: ["s3:GetObject"].
	// +optional
	// +listType=atomic
	Actions []string `json:"actions,omitempty"`
}

// GCPTarget is a Google Cloud resource and what the client does with it.
//
// +kubebuilder:validation:XValidation:rule="has(self.resource) && self.resource != \"\"",message="gcp.resource is required"
type GCPTarget struct {
	// resource is the resource's name. It is required. Example: projects/_/buckets/receipts.
	// +optional
	Resource string `json:"resource,omitempty"`

	// permissions are IAM roles or permissions. Default: none named. Example: [storage.objectViewer].
	// +optional
	// +listType=atomic
	Permissions []string `json:"permissions,omitempty"`
}

// AzureTarget is an Azure resource and what the client does with it.
//
// +kubebuilder:validation:XValidation:rule="has(self.scope) && self.scope != \"\"",message="azure.scope is required"
// +kubebuilder:validation:XValidation:rule="(has(self.roles) && size(self.roles) > 0) || (has(self.actions) && size(self.actions) > 0) || (has(self.dataActions) && size(self.dataActions) > 0) || has(self.keyVaultPolicy)",message="azure needs at least one of roles, actions, dataActions, keyVaultPolicy"
// +kubebuilder:validation:XValidation:rule="!(has(self.roles) && size(self.roles) > 0) || !((has(self.actions) && size(self.actions) > 0) || (has(self.dataActions) && size(self.dataActions) > 0))",message="azure.roles cannot be combined with actions or dataActions"
type AzureTarget struct {
	// scope is the path of the resource. It is required.
	// Example: /resourceGroups/shop/providers/Microsoft.Storage/storageAccounts/receipts.
	// +optional
	Scope string `json:"scope,omitempty"`

	// roles are names of Azure roles. They exclude actions and dataActions. Default: none. Example: [Storage Blob Data Reader].
	// +optional
	// +listType=atomic
	Roles []string `json:"roles,omitempty"`

	// actions are Azure control plane actions. They exclude roles. Default: none.
	// Example: [Microsoft.Storage/storageAccounts/read].
	// +optional
	// +listType=atomic
	Actions []string `json:"actions,omitempty"`

	// dataActions are Azure data plane actions. They exclude roles. Default: none.
	// Example: [Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read].
	// +optional
	// +listType=atomic
	DataActions []string `json:"dataActions,omitempty"`

	// keyVaultPolicy is what the client does in an Azure Key Vault. Default: nothing. Example: {secretPermissions: [get, list]}.
	// +optional
	KeyVaultPolicy *AzureKeyVaultPolicy `json:"keyVaultPolicy,omitempty"`
}

// AzureKeyVaultPolicy lists permissions in an Azure Key Vault, by the kind of what is kept there.
type AzureKeyVaultPolicy struct {
	// certificatePermissions are permissions on certificates. Default: none. Example: [get, list].
	// +optional
	// +listType=atomic
	CertificatePermissions []AzureKeyVaultCertificatePermission `json:"certificatePermissions,omitempty"`

	// keyPermissions are permissions on keys. Default: none. Example: [sign, verify].
	// +optional
	// +listType=atomic
	KeyPermissions []AzureKeyVaultKeyPermission `json:"keyPermissions,omitempty"`

	// secretPermissions are permissions on secrets. Default: none. Example: [get].
	// +optional
	// +listType=atomic
	SecretPermissions []AzureKeyVaultSecretPermission `json:"secretPermissions,omitempty"`

	// storagePermissions are permissions on storage accounts. Default: none. Example: [getsas].
	// +optional
	// +listType=atomic
	StoragePermissions []AzureKeyVaultStoragePermission `json:"storagePermissions,omitempty"`
}

// AzureKeyVaultCertificatePermission is a permission on certificates in an Azure Key Vault.
//
// +kubebuilder:validation:Enum=all;backup;create;delete;deleteissuers;get;getissuers;import;list;listissuers;managecontacts;manageissuers;purge;recover;restore;setissuers;update
type AzureKeyVaultCertificatePermission string

// AzureKeyVaultKeyPermission is a permission on keys in an Azure Key Vault.
//
// +kubebuilder:validation:Enum=all;backup;create;decrypt;delete;encrypt;get;getrotationpolicy;import;list;purge;recover;release;restore;rotate;setrotationpolicy;sign;unwrapkey;update;verify;wrapkey
type AzureKeyVaultKeyPermission string

// AzureKeyVaultSecretPermission is a permission on secrets in an Azure Key Vault.
//
// +kubebuilder:validation:Enum=all;backup;delete;get;list;purge;recover;restore;set
type AzureKeyVaultSecretPermission string

// AzureKeyVaultStoragePermission is a permission on storage accounts in an Azure Key Vault.
//
// +kubebuilder:validation:Enum=all;backup;delete;deletesas;get;getsas;list;listsas;purge;recover;regeneratekey;restore;set;setsas;update
type AzureKeyVaultStoragePermission string
