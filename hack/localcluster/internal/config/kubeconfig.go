// Package config renders the configuration files of the cluster's components from its plan.
//
// It must not read or write files: it takes values and returns the text of each file.
package config

import (
	"encoding/json"
	"fmt"

	"github.com/portolan-io/portolan/hack/localcluster/internal/pki"
	"github.com/portolan-io/portolan/hack/localcluster/internal/plan"
)

// object is a JSON object, which every program that reads YAML reads as well.
type object = map[string]any

// Kubeconfig returns a kubeconfig for one identity, with the certificates in it. It works on the host and in the cluster.
func Kubeconfig(p plan.Plan, user string, authority, client pki.Pair) ([]byte, error) {
	return marshal(object{
		"apiVersion": "v1",
		"kind":       "Config",
		"clusters": []object{{"name": p.Name, "cluster": object{
			"server":                     p.APIServer(),
			"certificate-authority-data": authority.Certificate, // bytes are written in base64
		}}},
		"users": []object{{"name": user, "user": object{
			"client-certificate-data": client.Certificate,
			"client-key-data":         client.Key,
		}}},
		"contexts":        []object{{"name": p.Name, "context": object{"cluster": p.Name, "user": user}}},
		"current-context": p.Name,
	})
}

// marshal returns v as indented JSON with sorted keys and a final newline.
func marshal(v any) ([]byte, error) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("rendering a configuration file: %w", err)
	}
	return append(text, '\n'), nil
}
