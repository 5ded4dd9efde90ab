package role

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestLivenessNeverDependsOnReadiness(t *testing.T) {
	server := httptest.NewServer((&health{ready: func() string { return "the capture does not run: no NET_RAW" }}).handler())
	defer server.Close()
	for path, want := range map[string]string{"/healthz": "200 OK ok", "/readyz": "503 Service Unavailable the capture does not run: no NET_RAW"} {
		response, err := server.Client().Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		if got := response.Status + " " + strings.TrimSpace(string(body)); got != want {
			t.Errorf("GET %s = %q, want %q", path, got, want)
		}
		_ = response.Body.Close()
	}
}

// TestAnAgentThatIsReadySaysWhatItLacks: its readiness lists the sources that do not run.
func TestAnAgentThatIsReadySaysWhatItLacks(t *testing.T) {
	watch := &health{ready: func() string { return "" }, limits: func() []string { return []string{"conntrack is off: no NET_ADMIN"} }}
	if got := answer(t, watch.handler(), http.MethodGet, "/readyz", ""); got != "200 OK ok\nconntrack is off: no NET_ADMIN" {
		t.Errorf("GET /readyz = %q", got)
	}
}

func TestATakenPortIsNamed(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	address := listener.Addr().String()
	if err := serve(t.Context(), address, http.NotFoundHandler()); err == nil || !strings.Contains(err.Error(), address) {
		t.Errorf("serve() = %v, want an error that names %s", err, address)
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := serve(ctx, "127.0.0.1:0", http.NotFoundHandler()); err != nil {
		t.Errorf("serve() = %v, want nil", err)
	}
}
