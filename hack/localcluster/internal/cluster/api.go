//go:build linux

package cluster

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// pause between two attempts at something that is not ready yet.
const pause = 100 * time.Millisecond

// api talks to the API server as the administrator, from the host.
type api struct {
	server string
	client *http.Client
}

// api returns a client with the administrator's certificate.
func (c *Cluster) api() (*api, error) {
	certificate, err := tls.LoadX509KeyPair(c.Path("pki", "admin.crt"), c.Path("pki", "admin.key"))
	if err != nil {
		return nil, fmt.Errorf("reading the administrator's certificate: %w", err)
	}
	authority, err := os.ReadFile(c.Path("pki", clusterAuthority+".crt"))
	if err != nil {
		return nil, fmt.Errorf("reading the certificate authority: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots, Certificates: []tls.Certificate{certificate}},
		ForceAttemptHTTP2: true,
	}
	return &api{server: c.APIServer(), client: &http.Client{Transport: transport, Timeout: 10 * time.Second}}, nil
}

// close ends the connections.
func (a *api) close() { a.client.CloseIdleConnections() }

// apply creates or changes the object at path to what v says, as the field manager "localcluster".
func (a *api) apply(ctx context.Context, path string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding %s: %w", path, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPatch, a.server+path+"?fieldManager=localcluster&force=true", bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("applying %s: %w", path, err)
	}
	request.Header.Set("Content-Type", "application/apply-patch+yaml")
	if _, err := a.do(request); err != nil {
		return fmt.Errorf("applying %s: %w", path, err)
	}
	return nil
}

// get reads the object at path into v, which may be nil.
func (a *api) get(ctx context.Context, path string, v any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.server+path, http.NoBody)
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	text, err := a.do(request)
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	if v == nil {
		return nil
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("decoding %s: %w", path, err)
	}
	return nil
}

// do sends a request and returns the body of a successful answer.
func (a *api) do(request *http.Request) ([]byte, error) {
	const most = 8 << 20
	answer, err := a.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, most))
	if err != nil {
		return nil, err
	}
	if answer.StatusCode/100 != 2 {
		return nil, fmt.Errorf("the API server answers %s: %s", answer.Status, bytes.TrimSpace(text))
	}
	return text, nil
}

// until repeats attempt until it succeeds. When the context ends first, the error says why and what the last attempt said.
func until(ctx context.Context, attempt func(context.Context) error) error {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		err := attempt(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; at the last attempt: %w", context.Cause(ctx), err)
		case <-tick.C:
		}
	}
}
