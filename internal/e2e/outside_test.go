//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/portolan-io/portolan/internal/testkit/stage"
)

// playOutside plays the world outside as long as the test runs: a page on port 80, and a store on port 7001 that answers as those
// of the sample do.
func playOutside(t *testing.T, s *talk) {
	t.Helper()
	var err error
	s.outside, err = s.OutsideAddress(within(t, time.Minute))
	must(t, err)
	page := listenOutside(t, s, "80")
	site := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	go func() { _ = site.Serve(page) }()
	t.Cleanup(func() { _ = site.Close() })
	store := listenOutside(t, s, "7001")
	go func() {
		for {
			conn, err := store.Accept()
			if err != nil {
				return
			}
			go answerLines(conn)
		}
	}()
}

func listenOutside(t *testing.T, s *talk, port string) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(s.outside, port))
	must(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

func answerLines(conn net.Conn) {
	defer conn.Close()
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		if _, err := io.WriteString(conn, "+PONG\r\n"); err != nil {
			return
		}
	}
}

// callFromOutside calls ports of the node, as people outside the cluster do.
func callFromOutside(ctx context.Context, t *testing.T, s *talk, ports ...string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, port := range ports {
		url := "http://" + net.JoinHostPort(s.node, port) + "/"
		must(t, stage.Until(ctx, func(ctx context.Context) (string, error) {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
			if err != nil {
				return "", err
			}
			response, err := client.Do(request)
			if err == nil {
				return "", response.Body.Close()
			}
			return "nobody answers yet: " + err.Error(), nil
		}))
	}
}

// serveAliases makes the cluster's DNS server answer for names below talk.example with chains of aliases.
func serveAliases(ctx context.Context, t *testing.T, s *talk) {
	t.Helper()
	corefile, err := s.Get(ctx, "configmap", "-n", "kube-system", "coredns", "-o", "jsonpath={.data.Corefile}")
	must(t, err)
	s.corefile = corefile
	must(t, s.setCorefile(ctx, s.text(t, "corefile.txt")+corefile))
	_, err = s.Do(ctx, "rollout", "restart", "-n", "kube-system", "deployment/coredns") // it would read it within 10 s
	must(t, err)
	must(t, s.Ready(ctx, "kube-system", "deployment/coredns"))
}

func (s *talk) setCorefile(ctx context.Context, corefile string) error {
	patch, err := json.Marshal(map[string]any{"data": map[string]string{"Corefile": corefile}})
	if err != nil {
		return err
	}
	_, err = s.Do(ctx, "patch", "configmap", "-n", "kube-system", "coredns", "--type=merge", "--patch="+string(patch))
	return err
}

// resolveNames applies internet targets and waits for the addresses of exactly those domains that have one.
func resolveNames(t *testing.T, s *talk) {
	ctx := within(t, time.Minute)
	must(t, s.ApplyText(ctx, s.text(t, "intents.yaml")))
	want := fmt.Sprintf("*.static.talk.example=[%q] unvisited.talk.example=[%q] www.talk.example=[%q] ", s.outside, s.outside, s.outside)
	must(t, stage.Until(ctx, func(ctx context.Context) (string, error) {
		got, err := s.Get(ctx, "clientintents", "-n", "talk", "traveller", "-o",
			`jsonpath={range .status.resolvedIPs[*]}{.dns}={.ips} {end}`)
		if err != nil || got != want {
			return fmt.Sprintf("resolvedIPs are %q, want %q", got, want), err
		}
		return "", nil
	}))
}

// intentsVersion returns a version that changes with each write to the status or the spec.
func intentsVersion(ctx context.Context, t *testing.T, s *talk) string {
	t.Helper()
	version, err := s.Get(ctx, "clientintents", "-n", "talk", "traveller", "-o", "jsonpath={.metadata.resourceVersion}")
	must(t, err)
	return version
}

// before returns the address before another one.
func before(t *testing.T, address string) string {
	t.Helper()
	addr, err := netip.ParseAddr(address)
	must(t, err)
	return addr.Prev().String()
}
