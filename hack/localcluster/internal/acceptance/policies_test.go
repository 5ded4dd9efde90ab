//go:build cluster

package acceptance

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

var errNotRefused = errors.New("it was not refused")

// quickly is the longest time until a change of policies or pods is enforced, on a busy machine.
const quickly = 10 * time.Second

// policies checks that a NetworkPolicy admits the client and nobody else, for pods before and after it, and that it goes.
//
//	client ---> server     admitted by its label
//	intruder -> server     refused
func policies(t *testing.T, c cluster) {
	const namespace = "policies"
	c.kubectl(t, "create", "namespace", namespace)
	serve := func(name string) {
		c.kubectl(t, "run", name, "-n", namespace, "--labels", "role="+name, "--image", probeImage, "--image-pull-policy", "Never", "--", "serve", ":8080")
	}
	ready := func(names ...string) {
		for _, name := range names {
			c.kubectl(t, "wait", "pod/"+name, "-n", namespace, "--for", "condition=Ready", "--timeout", "60s")
		}
	}
	address := func(name string) string {
		return fmt.Sprintf("http://%s:8080", c.kubectl(t, "get", "pod", name, "-n", namespace, "-o", "jsonpath={.status.podIP}"))
	}
	refused := func(from, url string) func() error {
		return func() error {
			if c.call(namespace, from, url) == nil {
				return fmt.Errorf("%s reaches %s: %w", from, url, errNotRefused)
			}
			return nil
		}
	}
	admitted := func(from, url string) func() error {
		return func() error { return c.call(namespace, from, url) }
	}
	serve("server")
	serve("client")
	serve("intruder")
	ready("server", "client", "intruder")
	server := address("server")
	eventually(t, quickly, admitted("client", server))
	eventually(t, quickly, admitted("intruder", server))

	c.kubectl(t, "apply", "-n", namespace, "-f", "testdata/policy.yaml")
	t.Logf("the intruder is refused after %.1f s", eventually(t, quickly, refused("intruder", server)).Seconds())
	eventually(t, quickly, admitted("client", server))

	serve("late")
	ready("late")
	t.Logf("a late pod is refused after %.1f s", eventually(t, quickly, refused("late", server)).Seconds())
	c.kubectl(t, "label", "pod", "late", "-n", namespace, "--overwrite", "role=client")
	t.Logf("with the right label it is admitted after %.1f s", eventually(t, quickly, admitted("late", server)).Seconds())
	eventually(t, quickly, refused("server", address("intruder"))) // no egress

	c.kubectl(t, "delete", "-n", namespace, "-f", "testdata/policy.yaml")
	t.Logf("without the policy the intruder is admitted after %.1f s", eventually(t, quickly, admitted("intruder", server)).Seconds())
	c.kubectl(t, "delete", "namespace", namespace, "--timeout", "90s")
}
