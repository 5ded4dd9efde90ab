package command

import (
	"bytes"
	"context"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/query"
)

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

// stumbling is an operator with a bug.
type stumbling struct{ source }

func (stumbling) Edges(graph.Filter) []graph.Edge                  { panic("a bug") }
func (stumbling) Changes(query.Period, graph.Filter) query.Changes { panic("a bug") }
func (stumbling) Status() query.Status                             { panic("a bug") }

// slow is a handler that answers when nobody waits any more.
func slow(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// cutOff is a handler that ends the connection in the middle of an answer.
func cutOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/connect+proto")
	_, _ = w.Write([]byte("\x00\x00\x00\x00\x06\x0a"))
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func TestAFailedQuestionIsNoEmptyMap(t *testing.T) {
	for name, tc := range map[string]struct {
		handler http.Handler
		flags   string
		want    string // begins standard error
	}{
		"the operator stumbles": {
			query.NewHandler(stumbling{}, guarded(tokens{}), slog.New(slog.DiscardHandler)), "", "Error: operator answered 500: the operator stumbled",
		},
		"the operator is too slow": {
			http.HandlerFunc(slow), " --timeout 50ms", "Error: operator did not answer within 50ms\nHint: raise --timeout or narrow with -n\n",
		},
		"the answer breaks off":     {http.HandlerFunc(cutOff), "", "Error: operator at https://127.0.0.1:"},
		"somebody else is there":    {http.NotFoundHandler(), "", "Error: operator at https://127.0.0.1:"},
		"the token is not accepted": {query.NewHandler(stumbling{}, guarded(nobody{}), slog.New(slog.DiscardHandler)), "", "Error: operator answered 403: "},
		"another major version": {
			query.NewHandler(source{graph: graph.New(graph.Limits{}), basis: query.Basis{Version: "v2.1.0"}, status: query.Status{Version: "v2.1.0"}}, guarded(tokens{}), slog.New(slog.DiscardHandler)),
			"", "Error: operator is v2.1.0 and this is v1.4.0: use a command line of the operator's major version\n",
		},
		"the authority is another": {http.NotFoundHandler(), " --ca-file other.crt", "Error: operator at https://127.0.0.1:"},
	} {
		t.Run(name, func(t *testing.T) {
			scene := newSceneWith(t, tc.handler)
			write(t, "other.crt", otherAuthority)
			write(t, "kept.yaml", "kept")
			mkdir(t, "folder")
			for _, line := range []string{
				"portolan list", "portolan list --format json", "portolan export", "portolan export -o kept.yaml", "portolan export -o folder",
				"portolan export -o new/", "portolan visualize", "portolan visualize --format json -o kept.yaml", "portolan status",
			} {
				got := scene.run(t.Context(), line+tc.flags)
				if got.code != exitFailed || got.out != "" || !strings.HasPrefix(got.err, tc.want) {
					t.Errorf("%s: exit status %d\n%s%s", line, got.code, got.out, got.err)
				}
				if lines := strings.Count(got.err, "\n"); lines > 2 {
					t.Errorf("%s: %d lines of error:\n%s", line, lines, got.err)
				}
			}
			if kept := scene.do(t, "cat kept.yaml") + scene.do(t, "ls .") + scene.do(t, "ls folder"); kept != "keptfolder\nkept.yaml\nother.crt\n" {
				t.Errorf("after the failures there is:\n%s", kept)
			}
		})
	}
}

// nobody is an Authorizer that lets nobody in.
type nobody struct{}

func (nobody) Authorize(context.Context, string, query.Deed) (string, error) {
	return "", query.ErrForbidden
}

func TestAnUnknownAuthorityIsHinted(t *testing.T) {
	scene := newScene(t, operatorOf(t, shop(t)))
	write(t, "other.crt", otherAuthority)
	got := scene.run(t.Context(), "portolan list --ca-file other.crt")
	if !strings.Contains(got.err, "Hint: pass the operator's authority with --ca-file") {
		t.Errorf("standard error:\n%s", got.err)
	}
}

func TestAnAddressNeedsTheNameOfTheCertificate(t *testing.T) {
	scene := newScene(t, operatorOf(t, shop(t)))
	at, err := url.Parse(scene.env["PORTOLAN_ADDRESS"])
	if err != nil {
		t.Fatal(err)
	}
	scene.env["PORTOLAN_ADDRESS"] = "https://127.0.0.2:" + at.Port() // the certificate is for 127.0.0.1 and example.com
	server, err := net.Listen("tcp", "127.0.0.2:"+at.Port())
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	go forward(server, at.Host)
	want := "certificate is valid for 127.0.0.1, ::1, not 127.0.0.2\nHint: an address has no name of its own: add --tls-server-name example.com\n"
	if got := scene.run(t.Context(), "portolan list"); got.code != exitFailed || !strings.HasSuffix(got.err, want) {
		t.Errorf("without the name: %+v, want %q", got, want)
	}
	if got := scene.run(t.Context(), "portolan list --tls-server-name example.com"); got.code != exitDone || got.out == "" {
		t.Errorf("with the name: %+v", got)
	}
	if got := certified(&x509.Certificate{DNSNames: []string{"localhost"}}); got != "with a name that the operator's certificate has" {
		t.Errorf("a certificate without a name: %q", got)
	}
}

// forward leads every connection to an address, until the listener is closed.
func forward(from net.Listener, to string) {
	for {
		in, err := from.Accept()
		if err != nil {
			return
		}
		go func() {
			defer in.Close()
			out, err := net.Dial("tcp", to)
			if err != nil {
				return
			}
			defer out.Close()
			go func() { _, _ = io.Copy(out, in) }()
			_, _ = io.Copy(in, out)
		}()
	}
}

func TestAnInterruptIsToldAndWritesNothing(t *testing.T) {
	asked := make(chan struct{}, 1)
	scene := newSceneWith(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		slow(w, r)
	}))
	ctx, interrupt := context.WithCancel(t.Context())
	go func() { <-asked; interrupt() }()
	got := scene.run(ctx, "portolan export -o new.yaml")
	if diff := cmp.Diff(got, result{err: "Error: interrupted\n", code: exitStopped}, cmp.AllowUnexported(result{})); diff != "" {
		t.Errorf("result (-got +want):\n%s", diff)
	}
	if there := scene.do(t, "ls ."); there != "" {
		t.Errorf("left behind: %s", there)
	}
}

func TestAFullDiskIsAFailure(t *testing.T) {
	scene := newScene(t, operatorOf(t, shop(t)))
	var errs bytes.Buffer
	code := run(t.Context(), version, words("portolan list"), surroundings{out: broken{}, err: &errs, env: func(name string) (string, bool) {
		value, set := scene.env[name]
		return value, set
	}})
	if want := "Error: writing to standard output: no space left on device\n"; code != exitFailed || errs.String() != want {
		t.Errorf("exit status %d, %q; want %d, %q", code, errs.String(), exitFailed, want)
	}
}

func TestWithoutATimeoutTheQuestionWaits(t *testing.T) {
	scene := newScene(t, operatorOf(t, shop(t)))
	if got := scene.run(t.Context(), "portolan list --timeout 0 --debug"); got.code != exitDone || !strings.Contains(got.err, "the operator is at https://") {
		t.Errorf("result %+v", got)
	}
}

func TestNoClusterIsConfigured(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	for name, tc := range map[string]struct{ variable, flags, want string }{
		"nothing is set":              {"", "", "Error: no cluster configured: KUBECONFIG is unset and the default kubeconfig does not exist\n"},
		"a variable that names none":  {"empty.yaml", "", "Error: no cluster configured: KUBECONFIG is \"empty.yaml\" and names no cluster\n"},
		"a file that names none":      {"", " --kubeconfig empty.yaml", "Error: no cluster configured: the kubeconfig empty.yaml names no cluster\n"},
		"a file that is not there":    {"", " --kubeconfig missing.yaml", "Error: reading the kubeconfig: stat missing.yaml: no such file or directory\n"},
		"a file that is none":         {"", " --kubeconfig wrong.yaml", "Error: reading the kubeconfig: "},
		"a context that is not there": {"", " --kubeconfig good.yaml --context nope", "Error: reading the kubeconfig: context \"nope\" does not exist\n"},
		"a cluster that is not there": {"", " --kubeconfig good.yaml", "Error: cluster of context \"x\" cannot be asked: Get \"https://127.0.0.1:1/api/v1/services"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			t.Setenv("KUBECONFIG", tc.variable)
			write(t, "empty.yaml", "")
			write(t, "wrong.yaml", "clusters: 7\n")
			write(t, "good.yaml", "{current-context: x, contexts: [{name: x, context: {cluster: c}}], clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]}")
			got := (&scene{}).run(t.Context(), "portolan list"+tc.flags)
			if got.code != exitFailed || got.out != "" || !strings.HasPrefix(got.err, tc.want) {
				t.Errorf("exit status %d\n%s%s", got.code, got.out, got.err)
			}
		})
	}
}
