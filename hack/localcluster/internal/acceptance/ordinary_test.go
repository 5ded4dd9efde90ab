//go:build cluster

package acceptance

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"
)

// ordinary runs the objects of testdata/ordinary.yaml and looks at what they do.
func ordinary(t *testing.T, c cluster) {
	c.kubectl(t, "apply", "-f", "testdata/ordinary.yaml")
	in := func(args ...string) string { return c.kubectl(t, append([]string{"-n", "ordinary"}, args...)...) }
	in("rollout", "status", "deployment/server", "--timeout", "120s")
	in("rollout", "status", "statefulset/database", "--timeout", "120s")
	in("wait", "pod/volumes", "pod/agent", "--for", "jsonpath={.status.phase}=Succeeded", "--timeout", "60s")

	host, err := os.ReadFile("/etc/hostname")
	if err != nil {
		t.Fatal(err)
	}
	for pod, want := range map[string][]string{
		"volumes": {"hello from a ConfigMap\n", "ordinary", string(host)},
		"agent":   {"Uid: 0 ", "CapEff: 0000000000082000\n", "NoNewPrivs: 1\n", "Seccomp: 2\n"}, // NET_RAW is bit 13, SYS_PTRACE bit 19
	} {
		got := in("logs", pod)
		for _, part := range want {
			if !strings.Contains(got, part) {
				t.Errorf("pod %s says %q, which lacks %q", pod, got, part)
			}
		}
	}
	if got, want := in("exec", "deployment/server", "--", "/probe", "status"), "CapEff: 0000000000000000\n"; !strings.Contains(got, want) {
		t.Errorf("the restricted pod says %q, which lacks %q", got, want)
	}
	if got := in("exec", "database-0", "--", "/probe", "call", "http://server.ordinary"); !strings.HasPrefix(got, "server-") {
		t.Errorf("calling a Service by name = %q", got)
	}
	in("create", "job", "now", "--from", "cronjob/caller")
	in("wait", "job/now", "--for", "condition=Complete", "--timeout", "60s")
	if got := in("logs", "job/now"); !strings.HasPrefix(got, "database-0 answers") {
		t.Errorf("calling a pod of a StatefulSet by name = %q", got)
	}
	tokens(t, c)
	admission(t, c)
	c.kubectl(t, "delete", "namespace", "ordinary", "--timeout", "90s")
}

// tokens checks that a token for an audience is good for that audience only.
func tokens(t *testing.T, c cluster) {
	token := strings.TrimSpace(c.kubectl(t, "create", "token", "default", "-n", "ordinary", "--audience", "portolan"))
	for audience, want := range map[string]bool{"portolan": true, "somebody-else": false} {
		review, err := json.Marshal(map[string]any{
			"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
			"spec": map[string]any{"token": token, "audiences": []string{audience}},
		})
		if err != nil {
			t.Fatal(err)
		}
		answer := run(t, c.kubectlCommand("create", "--raw", "/apis/authentication.k8s.io/v1/tokenreviews", "-f", "-"), string(review))
		var got struct {
			Status struct {
				Authenticated bool
				User          struct{ Username string }
			}
		}
		if err := json.Unmarshal([]byte(answer), &got); err != nil {
			t.Fatal(err)
		}
		if got.Status.Authenticated != want {
			t.Errorf("a token for %q, reviewed for %q: authenticated = %t, want %t", "portolan", audience, got.Status.Authenticated, want)
		}
		if name := got.Status.User.Username; want && name != "system:serviceaccount:ordinary:default" {
			t.Errorf("the token's user = %q", name)
		}
	}
}

// admission checks that the API server refuses what a policy or Pod Security forbids.
func admission(t *testing.T, c cluster) {
	c.kubectl(t, "apply", "-f", "testdata/admission.yaml")
	eventually(t, 30*time.Second, func() error { // a new policy takes a moment to be compiled
		out, err := c.kubectlCommand("create", "configmap", "forbidden", "-n", "guarded", "--dry-run=server").CombinedOutput()
		if err == nil {
			return errNotRefused
		}
		if want := "nothing may be called forbidden"; !strings.Contains(string(out), want) {
			t.Fatalf("refusal = %q, want %q in it", out, want)
		}
		return nil
	})
	got := c.kubectlRefused(t, "run", "privileged", "-n", "guarded", "--image", probeImage, "--privileged")
	if want := `violates PodSecurity "restricted`; !strings.Contains(got, want) {
		t.Errorf("refusal = %q, want %q in it", got, want)
	}
}
