package role

import (
	"context"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/portolan-io/portolan/internal/testkit/node"
)

// wholeAgent returns the options of an agent with every source, and an operator that counts reports and answers with status.
func wholeAgent(t *testing.T, status int) (o AgentOptions, reports *atomic.Int64) {
	t.Helper()
	reports = new(atomic.Int64)
	operator := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if strings.HasSuffix(r.URL.Path, "/Report") {
			reports.Add(1)
		}
		w.Header().Set("Content-Type", "application/proto")
		w.WriteHeader(status)
	}))
	t.Cleanup(operator.Close)
	dir := t.TempDir()
	o = DefaultAgentOptions("v1")
	o.Agent.Node, o.Client.URL = "n1", operator.URL
	o.Client.CAFile, o.Client.TokenFile = filepath.Join(dir, "ca.crt"), filepath.Join(dir, "token")
	node.Check(t, os.WriteFile(o.Client.CAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: operator.Certificate().Raw}), 0o600))
	node.Check(t, os.WriteFile(o.Client.TokenFile, []byte("a.good.token"), 0o600))
	o.Sockets.Proc, o.Conntrack, o.Interval = "/proc", true, 200*time.Millisecond
	node.Check(t, o.Validate())
	return o, reports
}

// TestNothingIsLeftOfAnAgentThatHasEnded: no goroutine, whether the operator takes what it sends or not, and the end comes
// within the five seconds that an agent may take to deliver what is left.
func TestNothingIsLeftOfAnAgentThatHasEnded(t *testing.T) {
	node.Isolated(t, func(t *testing.T) {
		node.Forward(t)
		client, server := node.NewPod(t, 1), node.NewPod(t, 2)
		server.Listen(":8080")
		client.Connect(netip.AddrPortFrom(server.Addr4(), 8080).String())
		for _, status := range []int{http.StatusOK, http.StatusServiceUnavailable} {
			o, reports := wholeAgent(t, status)
			before := goleak.IgnoreCurrent()
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- RunAgent(ctx, o, slog.New(slog.DiscardHandler)) }()
			await(t, "a batch is sent", func() bool { return reports.Load() > 0 })
			began := time.Now()
			stop()
			node.Check(t, <-ended)
			if took := time.Since(began); took > stopLimit+2*time.Second {
				t.Errorf("an operator that answers %d: the end took %s", status, took)
			}
			goleak.VerifyNone(t, before,
				goleak.IgnoreAnyFunction("net/http.(*conn).serve"), // of the operator, which lives on
			)
		}
	})
}

// TestAnAgentWhosePortIsTakenSaysSoAndEnds: nothing of it runs on unseen.
func TestAnAgentWhosePortIsTakenSaysSoAndEnds(t *testing.T) {
	node.Isolated(t, func(t *testing.T) {
		node.LoopbackUp(t)
		o, _ := wholeAgent(t, http.StatusOK)
		taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		node.Check(t, err)
		defer taken.Close()
		for _, address := range []*string{&o.Health, &o.Metrics} {
			was := *address
			*address = taken.Addr().String()
			before := goleak.IgnoreCurrent()
			err := RunAgent(t.Context(), o, slog.New(slog.DiscardHandler))
			if err == nil || !strings.Contains(err.Error(), "listening on "+taken.Addr().String()) {
				t.Errorf("RunAgent() = %v, want an error that names %s", err, taken.Addr())
			}
			goleak.VerifyNone(t, before, goleak.IgnoreAnyFunction("net/http.(*conn).serve"))
			*address = was
		}
	})
}
