package command

import (
	"fmt"
	"net/http"

	"k8s.io/client-go/rest"
)

// signature lets requests say who sends them, by a bearer token.
type signature func(http.RoundTripper) (http.RoundTripper, error)

// signature returns how requests through a tunnel are signed: with the token of --token-file, else as those to the API server.
// The tunnel leads through the API server and the kubelet to the operator, and nobody else sees what is in it.
func (c *connection) signature(config *rest.Config, contextName string) (signature, error) {
	token, err := c.token()
	if err != nil {
		return nil, err
	}
	if token != "" {
		config = &rest.Config{BearerToken: token}
	}
	if config.BearerToken == "" && config.BearerTokenFile == "" && config.ExecProvider == nil && config.AuthProvider == nil {
		return nil, hinted{
			fmt.Errorf("resetting the map needs a bearer token, and the user of context %q has none", contextName),
			`make one with "kubectl create token" for a ServiceAccount with the ClusterRole portolan-map-resetter, and pass it with --token-file`,
		}
	}
	config = rest.CopyConfig(config)
	config.Impersonate = rest.ImpersonationConfig{} // the operator knows no such thing
	return func(through http.RoundTripper) (http.RoundTripper, error) {
		signed, err := rest.HTTPWrappersForConfig(config, through)
		if err != nil {
			return nil, fmt.Errorf("preparing to sign in: %w", err)
		}
		return signed, nil
	}, nil
}
