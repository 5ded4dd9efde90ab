package command

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/portolan-io/portolan/internal/query"
)

// direct returns a client that asks at --address.
func (c *connection) direct() (*query.Client, error) {
	at, err := url.Parse(c.address)
	if err != nil || at.Scheme != "https" || at.Host == "" || strings.Trim(at.Path, "/") != "" || at.RawQuery != "" || at.User != nil {
		return nil, flagError{fmt.Errorf("address %q: want https://host:port", c.address)}
	}
	trusted, err := c.trusted()
	if err != nil {
		return nil, err
	}
	token, err := c.token()
	if err != nil {
		return nil, err
	}
	through := &http.Client{Transport: &http.Transport{
		Proxy:             http.ProxyFromEnvironment,
		TLSClientConfig:   &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12, ServerName: c.overrides.ClusterInfo.TLSServerName},
		ForceAttemptHTTP2: true,
	}}
	return query.NewClient(through, at.Scheme+"://"+at.Host, token), nil
}

// trusted returns the authorities of --ca-file, or nil for those of the system.
func (c *connection) trusted() (*x509.CertPool, error) {
	if c.caFile == "" {
		return nil, nil //nolint:nilnil // tls.Config means the system's by nil
	}
	text, err := os.ReadFile(c.caFile)
	if err != nil {
		return nil, fmt.Errorf("reading --ca-file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("reading --ca-file: %s holds no certificate in PEM form", c.caFile)
	}
	return pool, nil
}

func (c *connection) token() (string, error) {
	if c.tokenFile == "" {
		return "", nil
	}
	text, err := os.ReadFile(c.tokenFile)
	if err != nil {
		return "", fmt.Errorf("reading --token-file: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", errors.New("reading --token-file: " + c.tokenFile + " is empty")
	}
	return token, nil
}
