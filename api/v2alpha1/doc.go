// Package v2alpha1 is the older served version of the k8s.otterize.com API, the one that Otterize stores.
//
// Its schema is that of v2beta1: only the three kinds are its own, and everything inside them is v2beta1's. Portolan
// itself reads and writes v2beta1; this package exists so that the CRDs serve both versions.
//
// +kubebuilder:object:generate=true
// +groupName=k8s.otterize.com
package v2alpha1
