package controllers

import (
	"encoding/json"
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/portolan-io/portolan/internal/policy"
)

// document is an object as server-side apply takes it: what is in it is Portolan's, what is not in it is not.
type document struct {
	metav1.TypeMeta `json:",inline"`
	Metadata        documentMeta `json:"metadata"`
	Spec            any          `json:"spec,omitempty"`
	Status          any          `json:"status,omitempty"`
}

type documentMeta struct {
	Name        string            `json:"name"`
	Namespace   string            `json:"namespace,omitempty"`
	UID         types.UID         `json:"uid,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// wholeSpec names both directions even where they are empty, so that rules which somebody added to a direction that
// Portolan leaves out go away.
type wholeSpec struct {
	PodSelector metav1.LabelSelector                    `json:"podSelector"`
	PolicyTypes []networkingv1.PolicyType               `json:"policyTypes"`
	Ingress     []networkingv1.NetworkPolicyIngressRule `json:"ingress"`
	Egress      []networkingv1.NetworkPolicyEgressRule  `json:"egress"`
}

// firstWrite renders a policy for an object that does not exist yet.
func firstWrite(want *networkingv1.NetworkPolicy) ([]byte, error) {
	return renderPolicy(want, "", want.Spec)
}

// laterWrite renders a policy for the object of that uid. Another object of that name is then not touched.
func laterWrite(want *networkingv1.NetworkPolicy, uid types.UID) ([]byte, error) {
	spec := wholeSpec{
		PodSelector: want.Spec.PodSelector, PolicyTypes: want.Spec.PolicyTypes,
		Ingress: want.Spec.Ingress, Egress: want.Spec.Egress,
	}
	if spec.Ingress == nil {
		spec.Ingress = []networkingv1.NetworkPolicyIngressRule{}
	}
	if spec.Egress == nil {
		spec.Egress = []networkingv1.NetworkPolicyEgressRule{}
	}
	return renderPolicy(want, uid, spec)
}

// release renders a policy without content: what only Portolan has set on the object of that uid goes away.
func release(of *networkingv1.NetworkPolicy) ([]byte, error) {
	return render(policyDocument(of.Namespace, of.Name, of.UID))
}

func renderPolicy(want *networkingv1.NetworkPolicy, uid types.UID, spec any) ([]byte, error) {
	d := policyDocument(want.Namespace, want.Name, uid)
	d.Metadata.Labels, d.Metadata.Annotations = want.Labels, want.Annotations
	d.Spec = spec
	return render(d)
}

func policyDocument(namespace, name string, uid types.UID) document {
	return document{
		TypeMeta: metav1.TypeMeta{APIVersion: networkingv1.SchemeGroupVersion.String(), Kind: kindNetworkPolicy},
		Metadata: documentMeta{Namespace: namespace, Name: name, UID: uid},
	}
}

func render(d document) ([]byte, error) {
	body, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("rendering %s %s/%s: %w", d.Kind, d.Metadata.Namespace, d.Metadata.Name, err)
	}
	return body, nil
}

// kindNetworkPolicy is the kind of the objects that PolicyReconciler writes.
const kindNetworkPolicy = "NetworkPolicy"

// ref names a NetworkPolicy as findings do.
func ref(p *networkingv1.NetworkPolicy) policy.ObjectRef {
	return policy.ObjectRef{Kind: kindNetworkPolicy, Namespace: p.Namespace, Name: p.Name}
}
