package wire

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"

	"github.com/portolan-io/portolan/internal/wire/wirepb"
	"github.com/portolan-io/portolan/internal/wire/wirepb/wirepbconnect"
)

// ClientOptions is everything a Client can be told.
type ClientOptions struct {
	URL        string // https URL of the operator, without a path
	ServerName string // name the operator's certificate must have; empty means the host of URL
	CAFile     string // PEM file with the authorities to trust; read again before each request
	TokenFile  string // file with the ServiceAccount token; read again before each request
}

// Validate returns one error per wrong field, joined.
func (o ClientOptions) Validate() error {
	var errs []error
	if u, err := url.Parse(o.URL); err != nil || u.Scheme != "https" || u.Host == "" {
		errs = append(errs, fmt.Errorf("operator URL %q: want https://<host>:<port>", o.URL))
	}
	if o.CAFile == "" {
		errs = append(errs, errors.New("CA file: want the path of a PEM file with the operator's CA"))
	}
	if o.TokenFile == "" {
		errs = append(errs, errors.New("token file: want the path of a ServiceAccount token with the audience portolan"))
	}
	return errors.Join(errs...)
}

// AnswerError is a request that the operator answered, but not with success.
type AnswerError struct {
	Status     int           // HTTP status
	RetryAfter time.Duration // wait at least so long before the next attempt; 0 when not asked for
	Message    string        // the operator's words
}

// Error implements error.
func (e *AnswerError) Error() string {
	return fmt.Sprintf("the operator answered %d: %s", e.Status, e.Message)
}

// Final reports whether a repetition of the same request cannot help.
func (e *AnswerError) Final() bool {
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	}
	return e.Status >= 400 && e.Status < 500
}

// Client calls the operator. It never uses a proxy: the operator is a cluster address. Token and CA are read again for
// each request, so rotation needs no restart, and a CA file that is not there yet is an error of that request alone. It
// is safe for concurrent use.
type Client struct {
	options ClientOptions

	mu   sync.Mutex
	ca   []byte // content of the CA file that http trusts
	http *http.Client
}

// NewClient returns a client that has not connected yet. The error is that of options.Validate.
func NewClient(options ClientOptions) (*Client, error) {
	if err := options.Validate(); err != nil {
		return nil, err
	}
	options.URL = strings.TrimSuffix(options.URL, "/")
	return &Client{options: options}, nil
}

// Report delivers one batch. The error is an AnswerError if the operator answered.
func (c *Client) Report(ctx context.Context, request *wirepb.ReportRequest) (*wirepb.ReportResponse, error) {
	return call(ctx, c, request, wirepbconnect.AgentServiceClient.Report)
}

// Heartbeat delivers the state of the agent. The error is an AnswerError if the operator answered.
func (c *Client) Heartbeat(ctx context.Context, request *wirepb.HeartbeatRequest) (*wirepb.HeartbeatResponse, error) {
	return call(ctx, c, request, wirepbconnect.AgentServiceClient.Heartbeat)
}

// Close ends the connection that is kept for the next call. A call afterwards opens another one.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.http != nil {
		c.http.CloseIdleConnections()
	}
}

// method is one call of the service.
type method[Req, Res any] func(wirepbconnect.AgentServiceClient, context.Context, *connect.Request[Req]) (*connect.Response[Res], error)

func call[Req, Res any](ctx context.Context, c *Client, message *Req, m method[Req, Res]) (*Res, error) {
	token, err := readToken(c.options.TokenFile)
	if err != nil {
		return nil, credentialsError{err}
	}
	client, err := c.transport()
	if err != nil {
		return nil, credentialsError{err}
	}
	heard := &answer{client: client}
	service := wirepbconnect.NewAgentServiceClient(heard, c.options.URL,
		connect.WithSendGzip(), connect.WithReadMaxBytes(MaxCompressed))
	request := connect.NewRequest(message)
	request.Header().Set("Authorization", "Bearer "+token)
	response, err := m(service, ctx, request)
	if err != nil {
		client.CloseIdleConnections() // the next attempt may reach another, healthy replica
		return nil, heard.explain(err)
	}
	return response.Msg, nil
}

func readToken(path string) (string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading the ServiceAccount token: %w", err)
	}
	token := strings.TrimSpace(string(content))
	if token == "" || strings.ContainsAny(token, " \t\r\n") {
		return "", fmt.Errorf("reading the ServiceAccount token: %s holds no token; project one with the audience %s there", path, Audience)
	}
	return token, nil
}

// transport returns the HTTP client that trusts what the CA file holds now.
func (c *Client) transport() (*http.Client, error) {
	ca, err := os.ReadFile(c.options.CAFile)
	if err != nil {
		return nil, fmt.Errorf("reading the operator's CA (the operator writes it once it runs): %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.http != nil && bytes.Equal(ca, c.ca) {
		return c.http, nil
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("reading the operator's CA: %s holds no PEM certificate", c.options.CAFile)
	}
	if c.http != nil {
		c.http.CloseIdleConnections()
	}
	c.ca, c.http = ca, newHTTPClient(&tls.Config{
		MinVersion: tls.VersionTLS12, RootCAs: roots, ServerName: c.options.ServerName,
	})
	return c.http, nil
}

// newHTTPClient returns a client for one request at a time: HTTP/1.1, where a request that times out closes its
// connection, so that a dead one is never used twice.
func newHTTPClient(trust *tls.Config) *http.Client {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                  nil,
			DialContext:            (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			TLSClientConfig:        trust,
			TLSHandshakeTimeout:    10 * time.Second,
			ResponseHeaderTimeout:  attemptTimeout,
			MaxResponseHeaderBytes: 32 << 10,
			IdleConnTimeout:        time.Minute,
			Protocols:              protocols,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// answer is the HTTP client of one call; it keeps the status that Connect does not tell.
type answer struct {
	client *http.Client
	status int
	header http.Header
}

// Do implements connect.HTTPClient.
func (a *answer) Do(request *http.Request) (*http.Response, error) {
	response, err := a.client.Do(request)
	if err == nil {
		a.status, a.header = response.StatusCode, response.Header
	}
	return response, err
}

// explain turns the error of a call into an AnswerError if there was an answer that says no.
func (a *answer) explain(err error) error {
	if a.status == 0 || a.status == http.StatusOK {
		return err
	}
	message := err.Error()
	if coded, ok := errors.AsType[*connect.Error](err); ok {
		message = coded.Message()
	}
	return &AnswerError{Status: a.status, RetryAfter: retryAfter(a.header.Get("Retry-After"), time.Now()), Message: cut(message, maxMessage)}
}

// maxRetryAfter bounds what an answer may ask for.
const maxRetryAfter = 5 * time.Minute

// retryAfter reads the header of RFC 9110 section 10.2.3, seconds or a date. What it cannot read is 0.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 16); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), maxRetryAfter)
	}
	return 0
}
