package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/streaming/pkg/httpstream"
)

// tunnel is a port-forward to one port of a pod. It opens no local port: whoever could connect to that would read the map
// with this user's rights.
type tunnel struct {
	streams  httpstream.Connection
	port     int
	requests atomic.Uint64
}

// tunnelError is a pod that cannot be reached through the API server. Another pod may be.
type tunnelError struct{ cause error }

// Error implements error.
func (e *tunnelError) Error() string { return e.cause.Error() }

// Unwrap returns the cause.
func (e *tunnelError) Unwrap() error { return e.cause }

// openTunnel opens a tunnel by WebSocket, or by SPDY where the API server or a proxy before it knows no WebSocket.
func openTunnel(ctx context.Context, config *rest.Config, clients kubernetes.Interface, pod corev1.Pod, port int) (*tunnel, error) {
	dialer, err := tunnelDialer(config, clients, pod)
	if err != nil {
		return nil, err
	}
	type outcome struct {
		streams httpstream.Connection
		err     error
	}
	dialled := make(chan outcome, 1)
	go func() {
		streams, _, err := dialer.Dial(portforward.PortForwardProtocolV1Name)
		dialled <- outcome{streams, err}
	}()
	select {
	case o := <-dialled:
		if o.err != nil {
			return nil, &tunnelError{fmt.Errorf("opening a tunnel: %w", o.err)}
		}
		return &tunnel{streams: o.streams, port: port}, nil
	case <-ctx.Done():
		go func() { // Dial takes no context; what it still opens is closed
			if o := <-dialled; o.err == nil {
				_ = o.streams.Close()
			}
		}()
		return nil, ctx.Err()
	}
}

func tunnelDialer(config *rest.Config, clients kubernetes.Interface, pod corev1.Pod) (httpstream.Dialer, error) {
	url := clients.CoreV1().RESTClient().Post().Resource("pods").Namespace(pod.Namespace).Name(pod.Name).SubResource("portforward").URL()
	byWebSocket, err := portforward.NewSPDYOverWebsocketDialerForStreaming(url, config)
	if err != nil {
		return nil, fmt.Errorf("preparing the WebSocket: %w", err)
	}
	transport, upgrader, err := spdy.RoundTripperFor(config)
	if err != nil {
		return nil, fmt.Errorf("preparing SPDY: %w", err)
	}
	bySPDY := spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, url)
	return portforward.NewFallbackDialerForStreaming(byWebSocket, bySPDY, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	}), nil
}

// Close closes the tunnel and every connection through it.
func (t *tunnel) Close() { _ = t.streams.Close() }

// httpClient returns a client all of whose requests go through the tunnel, whatever their host, and through no proxy.
func (t *tunnel) httpClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) { return t.dial() },
	}}
}

// dial opens a connection to the port: a stream for the data, and one on which the kubelet says what went wrong.
func (t *tunnel) dial() (net.Conn, error) {
	headers := http.Header{}
	headers.Set(corev1.PortHeader, strconv.Itoa(t.port))
	headers.Set(corev1.PortForwardRequestIDHeader, strconv.FormatUint(t.requests.Add(1), 10))
	headers.Set(corev1.StreamType, corev1.StreamTypeError)
	complaints, err := t.streams.CreateStream(headers)
	if err != nil {
		return nil, &tunnelError{fmt.Errorf("opening the stream for errors: %w", err)}
	}
	_ = complaints.Close() // only this direction, in which nothing is written
	headers.Set(corev1.StreamType, corev1.StreamTypeData)
	data, err := t.streams.CreateStream(headers)
	if err != nil {
		return nil, &tunnelError{fmt.Errorf("opening the stream for data: %w", err)}
	}
	conn := &tunnelConn{streams: t.streams, data: data, complaints: complaints, said: make(chan error, 1), port: t.port}
	go conn.listen()
	return conn, nil
}

// tunnelConn is one connection through a tunnel.
type tunnelConn struct {
	streams          httpstream.Connection
	data, complaints httpstream.Stream
	said             chan error // what came on the stream for errors, once it has ended
	port             int
	closing          sync.Once
}

// maxComplaint bounds what is read of an error, in bytes.
const maxComplaint = 4 << 10

func (c *tunnelConn) listen() {
	text, _ := io.ReadAll(io.LimitReader(c.complaints, maxComplaint))
	if len(text) > 0 {
		c.said <- &tunnelError{fmt.Errorf("its port %d does not answer: %s", c.port, strings.TrimSpace(string(text)))}
	}
	close(c.said)
	if len(text) > 0 {
		_ = c.data.Reset()
	}
}

// Read implements net.Conn. Where the stream ends because the pod could not be reached, the error says so.
func (c *tunnelConn) Read(p []byte) (int, error) {
	n, err := c.data.Read(p)
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	select {
	case complaint := <-c.said:
		if complaint != nil {
			return n, complaint
		}
	case <-time.After(complaintDelay):
	}
	return n, err
}

// complaintDelay is how long the end of the data waits for the error that may explain it.
const complaintDelay = 200 * time.Millisecond

// Write implements net.Conn.
func (c *tunnelConn) Write(p []byte) (int, error) { return c.data.Write(p) }

// Close implements net.Conn.
func (c *tunnelConn) Close() error {
	c.closing.Do(func() {
		_ = c.data.Reset()
		_ = c.complaints.Reset()
		c.streams.RemoveStreams(c.data, c.complaints)
	})
	return nil
}

// LocalAddr implements net.Conn.
func (c *tunnelConn) LocalAddr() net.Addr { return tunnelAddr{} }

// RemoteAddr implements net.Conn.
func (c *tunnelConn) RemoteAddr() net.Addr { return tunnelAddr{} }

// SetDeadline implements net.Conn. A connection has no deadlines: the context of a request closes it.
func (c *tunnelConn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.Conn; see SetDeadline.
func (c *tunnelConn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.Conn; see SetDeadline.
func (c *tunnelConn) SetWriteDeadline(time.Time) error { return nil }

// tunnelAddr is the address of both ends: there is none on the network.
type tunnelAddr struct{}

// Network implements net.Addr.
func (tunnelAddr) Network() string { return "portforward" }

// String implements net.Addr.
func (tunnelAddr) String() string { return "portforward" }
