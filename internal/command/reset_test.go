package command

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/portolan-io/portolan/internal/graph"
)

// TestWhoTypesIsAsked resets where a person types.
func TestWhoTypesIsAsked(t *testing.T) {
	for name, tc := range map[string]struct {
		line, answer string
		left         int
		want         result
	}{
		"yes":                    {"portolan reset", "y\n", 0, result{err: "Clear 9 edges of cluster 0d5f6c1e? [y/N] 9 edges are cleared.\n"}},
		"yes, in a word":         {"portolan reset -q", "YES\n", 0, result{err: "Clear 9 edges of cluster 0d5f6c1e? [y/N] "}},
		"some namespaces":        {"portolan reset -n shop,nowhere", "y\n", 2, result{err: "Clear 7 edges of nowhere, shop of cluster 0d5f6c1e? [y/N] 7 edges are cleared.\n"}},
		"no answer":              {"portolan reset", "\n", 9, result{err: "Clear 9 edges of cluster 0d5f6c1e? [y/N] Error: nothing is cleared: the answer was not yes\n", code: exitFailed}},
		"the end of the input":   {"portolan reset", "", 9, result{err: "Clear 9 edges of cluster 0d5f6c1e? [y/N] Error: nothing is cleared: the answer was not yes\n", code: exitFailed}},
		"who does not want that": {"portolan reset --yes", "", 0, result{err: "9 edges are cleared.\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			source := operatorOf(t, shop(t))
			scene := newScene(t, source)
			got := scene.typed(t.Context(), tc.line, strings.NewReader(tc.answer))
			if diff := cmp.Diff(got, tc.want, cmp.AllowUnexported(result{})); diff != "" {
				t.Errorf("result (-got +want):\n%s", diff)
			}
			if left := len(source.Edges(graph.Filter{})); left != tc.left {
				t.Errorf("%d edges are left, want %d", left, tc.left)
			}
		})
	}
}

// TestAResetSaysWhoAsks holds what a request through a tunnel carries against where the token comes from.
func TestAResetSaysWhoAsks(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "token", "from-a-file\n")
	write(t, "plugin", "#!/bin/sh\necho '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"from-a-plugin\"}}'\n")
	plugin := &clientcmdapi.ExecConfig{
		Command: "/bin/sh", Args: []string{"plugin"}, APIVersion: "client.authentication.k8s.io/v1", InteractiveMode: clientcmdapi.NeverExecInteractiveMode,
	}
	for name, tc := range map[string]struct {
		file   string
		config rest.Config
		want   string
	}{
		"the token of the kubeconfig":          {"", rest.Config{BearerToken: "from-the-kubeconfig"}, "Bearer from-the-kubeconfig"},
		"the token of a file goes before it":   {"token", rest.Config{BearerToken: "from-the-kubeconfig"}, "Bearer from-a-file"},
		"what a plug-in of kubectl says":       {"", rest.Config{ExecProvider: plugin}, "Bearer from-a-plugin"},
		"nobody is impersonated":               {"", rest.Config{BearerToken: "mine", Impersonate: rest.ImpersonationConfig{UserName: "ann"}}, "Bearer mine"},
		"a file stands for a user without one": {"token", rest.Config{}, "Bearer from-a-file"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newConnection(version)
			c.tokenFile = tc.file
			sign, err := c.signature(&tc.config, "test")
			must(t, err)
			var got http.Header
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))
			defer server.Close()
			through, err := sign(http.DefaultTransport)
			must(t, err)
			answer, err := (&http.Client{Transport: through}).Get(server.URL)
			must(t, err)
			must(t, answer.Body.Close())
			if got.Get("Authorization") != tc.want || got.Get("Impersonate-User") != "" {
				t.Errorf("the request carries %v, want %s", got, tc.want)
			}
		})
	}
}
