package role

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestNothingIsLeftOfAnOperatorThatHasEnded: no goroutine of Portolan's, and those of the libraries that never end are named
// here. It ends within the time that Kubernetes gives a pod.
func TestNothingIsLeftOfAnOperatorThatHasEnded(t *testing.T) {
	c := newRightsCluster(t)
	c.options.Health = freeAddress(t)
	c.install("rbac/role.yaml", "rbac/operator.yaml", "operator/guard.yaml")
	before := goleak.IgnoreCurrent()
	stop := c.start()
	c.pod("checkout", "10.9.0.1", map[string]string{"app": "checkout"})
	c.pod("payments", "10.9.0.2", map[string]string{"app": "payments"})
	c.create(callsOf("checkout", "payments"))
	c.exists(policyFor("payments"))
	c.eventually("waiting for the operator", func() error {
		response, err := http.Get("http://" + c.options.Health + "/readyz")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("not ready: %s", response.Status)
		}
		return nil
	})
	http.DefaultClient.CloseIdleConnections()
	began := time.Now()
	stop()
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("the end took %s", took)
	}
	goleak.VerifyNone(t, before,
		// Connections to the API server that are kept for the next client of this process.
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"),
		goleak.IgnoreAnyFunction("golang.org/x/net/http2.(*clientConnReadLoop).run"),
		goleak.IgnoreAnyFunction("net/http.(*http2clientConnReadLoop).run"),
	)
}
