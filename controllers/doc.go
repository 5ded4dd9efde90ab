// Package controllers brings the cluster to what the pure rooms decide: gather → decide → apply → tell.
//
// It is the only writer to the cluster, and writes under leader election only. Every reconciler takes the newest
// Snapshot, asks a pure room what should be, writes what differs, and remembers the result for the status of the objects
// that people wrote. It must hold no rule about who may talk to whom, and must never touch an object that is not
// Portolan's.
//
// Field managers: portolan for policies, portolan-status for statuses, portolan-discovery for discovered ClientIntents.
package controllers

// The rights that these controllers use. What cluster/live watches and what leader election needs is listed with them,
// because config/rbac/role.yaml is generated from this file alone.
//
// +kubebuilder:rbac:groups="",resources=pods;services;endpoints;nodes;namespaces,verbs=list;watch
// +kubebuilder:rbac:groups="",resources=pods,verbs=patch
// +kubebuilder:rbac:groups=discovery.k8s.io,resources=endpointslices,verbs=list;watch
// +kubebuilder:rbac:groups=apps,resources=deployments;replicasets;statefulsets;daemonsets,verbs=list;watch
// +kubebuilder:rbac:groups=batch,resources=jobs;cronjobs,verbs=list;watch
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=list;watch;create;patch;delete
// +kubebuilder:rbac:groups=networking.k8s.io,resources=servicecidrs,verbs=list;watch
// +kubebuilder:rbac:groups=k8s.otterize.com,resources=clientintents,verbs=list;watch;create;patch;delete
// +kubebuilder:rbac:groups=k8s.otterize.com,resources=protectedservices;kafkaserverconfigs,verbs=list;watch
// +kubebuilder:rbac:groups=k8s.otterize.com,resources=clientintents/status;protectedservices/status;kafkaserverconfigs/status,verbs=patch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch
