package command

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
)

// kubelet is the port-forward of a kubelet, to which a real API server forwards. A pod is an address on this machine.
type kubelet struct {
	*httptest.Server
	mu   sync.Mutex
	pods map[string]string // pod → address of what answers on its port; empty where nothing does
	seen []string          // "<pod>:<port>" of every connection
}

func newKubelet(t *testing.T) *kubelet {
	t.Helper()
	k := &kubelet{pods: make(map[string]string)}
	k.Server = httptest.NewTLSServer(k)
	t.Cleanup(k.CloseClientConnections)
	return k
}

// port returns the port on which the kubelet listens.
func (k *kubelet) port(t *testing.T) int32 {
	t.Helper()
	at, err := url.Parse(k.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.ParseInt(at.Port(), 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return int32(port)
}

func (k *kubelet) put(pod, address string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pods[pod] = address
}

// connections returns the connections since the last call.
func (k *kubelet) connections() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	seen := k.seen
	k.seen = nil
	return seen
}

// ServeHTTP serves /portForward/<namespace>/<pod>.
func (k *kubelet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if len(parts) < 3 || parts[0] != "portForward" {
		http.NotFound(w, r)
		return
	}
	if _, err := httpstream.Handshake(r, w, []string{portforward.PortForwardProtocolV1Name}); err != nil {
		return
	}
	streams := make(chan httpstream.Stream, 16)
	conn := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(s httpstream.Stream, _ <-chan struct{}) error {
		streams <- s
		return nil
	})
	if conn == nil {
		return
	}
	defer conn.Close()
	complaints := make(map[string]httpstream.Stream)
	for {
		select {
		case <-conn.CloseChan():
			return
		case s := <-streams:
			id := s.Headers().Get(corev1.PortForwardRequestIDHeader)
			if s.Headers().Get(corev1.StreamType) == corev1.StreamTypeError {
				complaints[id] = s
				continue
			}
			go k.forward(parts[2], s, complaints[id])
		}
	}
}

// forward joins a stream with what answers in the pod, or says on the other stream that nothing does.
func (k *kubelet) forward(pod string, data, complaints httpstream.Stream) {
	defer data.Close()
	defer complaints.Close()
	port := data.Headers().Get(corev1.PortHeader)
	k.mu.Lock()
	address := k.pods[pod]
	k.seen = append(k.seen, pod+":"+port)
	k.mu.Unlock()
	conn, err := new(net.Dialer).Dial("tcp", address)
	if err != nil {
		fmt.Fprintf(complaints, "connect: connection refused in pod %s", pod)
		return
	}
	defer conn.Close()
	go func() { _, _ = io.Copy(conn, data) }()
	_, _ = io.Copy(data, conn)
}
