package wire

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-io/portolan/internal/wire/wirepb/wirepbconnect"
)

// Tokens that the API server of these tests knows.
const (
	goodToken       = "agent.of.node-a"
	strangerToken   = "some.other.account"
	elsewhereToken  = "agent.of.node-b"
	unboundToken    = "agent.without.node"
	otherUseToken   = "agent.for.vault"
	manyTokens      = "agent.number." // and a number: that of the agent of the node with that number
	serverName      = "portolan-operator.portolan-system.svc"
	agentAccount    = "system:serviceaccount:portolan-system:portolan-agent"
	strangerAccount = "system:serviceaccount:shop:frontend"
)

// apiServer is a TokenReviewer with a fixed list of tokens.
type apiServer struct {
	mu      sync.Mutex
	reviews int
	down    bool
}

// Create implements TokenReviewer.
func (a *apiServer) Create(_ context.Context, review *authenticationv1.TokenReview, _ metav1.CreateOptions) (*authenticationv1.TokenReview, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reviews++
	if a.down {
		return nil, errors.New("the API server is down")
	}
	answer := review.DeepCopy()
	if number, one := strings.CutPrefix(review.Spec.Token, manyTokens); one {
		answer.Status = bound(agentAccount, "portolan-agent-"+number, "node-"+number)
	}
	switch review.Spec.Token {
	case goodToken:
		answer.Status = bound(agentAccount, testAgent.Pod, testAgent.Node)
	case elsewhereToken:
		answer.Status = bound(agentAccount, testAgent.Pod, "node-b")
	case strangerToken:
		answer.Status = bound(strangerAccount, "frontend-0", testAgent.Node)
	case unboundToken:
		answer.Status = bound(agentAccount, "", "")
	case otherUseToken:
		answer.Status = bound(agentAccount, testAgent.Pod, testAgent.Node)
		answer.Status.Audiences = []string{"vault"}
	}
	return answer, nil
}

func bound(account, pod, node string) authenticationv1.TokenReviewStatus {
	status := authenticationv1.TokenReviewStatus{
		Authenticated: true, Audiences: []string{Audience}, User: authenticationv1.UserInfo{Username: account},
	}
	if pod != "" {
		status.User.Extra = map[string]authenticationv1.ExtraValue{extraPodName: {pod}, extraNodeName: {node}}
	}
	return status
}

// operator is a real server on the loopback, with a certificate of its own authority.
type operator struct {
	t         *testing.T
	api       *apiServer
	sink      *chart
	handler   *Handler
	authority *Authority
	address   string
	server    *http.Server
	ended     chan error
	files     string // folder with ca.crt and token, as an agent mounts them
}

func startOperator(t *testing.T) *operator {
	t.Helper()
	o := &operator{t: t, api: &apiServer{}, sink: &chart{}, files: t.TempDir()}
	o.handler = newTestHandler(t, o.sink, NewTokenReviews(o.api))
	o.authority = must(NewAuthority(time.Now()))(t)
	o.listen("127.0.0.1:0")
	o.write("ca.crt", string(o.authority.Bundle(nil, time.Now())))
	o.write("token", goodToken+"\n")
	t.Cleanup(o.close)
	return o
}

// must returns a function that fails the test on an error.
func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func (o *operator) listen(address string) {
	o.t.Helper()
	listener := must(net.Listen("tcp", address))(o.t)
	var serving Serving
	pair := must(o.authority.Issue([]string{serverName}, time.Now()))(o.t)
	if err := serving.Set(pair.Cert, pair.Key); err != nil {
		o.t.Fatal(err)
	}
	o.address, o.server, o.ended = listener.Addr().String(), NewServer(o.handler, &serving, nil), make(chan error, 1)
	go func(s *http.Server, ended chan error) { ended <- s.ServeTLS(listener, "", "") }(o.server, o.ended)
}

func (o *operator) close() {
	o.server.Close()
	if err := <-o.ended; !errors.Is(err, http.ErrServerClosed) {
		o.t.Errorf("the server ended with %v", err)
	}
	o.ended <- http.ErrServerClosed
}

func (o *operator) write(name, content string) {
	o.t.Helper()
	if err := os.WriteFile(filepath.Join(o.files, name), []byte(content), 0o600); err != nil {
		o.t.Fatal(err)
	}
}

func (o *operator) client() *Client { return o.clientWith("token") }

// clientWith returns a client with the token in that file.
func (o *operator) clientWith(file string) *Client {
	o.t.Helper()
	return must(NewClient(ClientOptions{
		URL: "https://" + o.address, ServerName: serverName,
		CAFile: filepath.Join(o.files, "ca.crt"), TokenFile: filepath.Join(o.files, file),
	}))(o.t)
}

// post sends a raw request with a good token and returns status and body.
func (o *operator) post(path string, header map[string]string, body []byte) (int, string, http.Header) {
	o.t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(o.authority.Bundle(nil, time.Now()))
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, ServerName: serverName}}
	defer transport.CloseIdleConnections()
	method := header["method"]
	if method == "" {
		method = http.MethodPost
	}
	request := must(http.NewRequestWithContext(o.t.Context(), method, "https://"+o.address+path, bytes.NewReader(body)))(o.t)
	request.Header.Set("Content-Type", "application/proto")
	request.Header.Set("Authorization", "Bearer "+goodToken)
	for key, value := range header {
		request.Header.Set(key, value)
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		o.t.Fatal(err)
	}
	defer response.Body.Close()
	text := must(io.ReadAll(response.Body))(o.t)
	return response.StatusCode, strings.TrimSpace(string(text)), response.Header
}

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

const reportPath = wirepbconnect.AgentServiceReportProcedure
