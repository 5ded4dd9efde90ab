// Package stage is a real cluster with Portolan and the sample shop on it, moved by the same two programs that a person
// uses: kubectl and portolan. The end-to-end tests and the demo tell their stories on it.
//
// It is for tests and the demo. It must not reach into Portolan: it sees what a person would see.
package stage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Stage says where everything stands. All paths are absolute, or found in PATH.
type Stage struct {
	Root       string // the repository
	Kubectl    string
	Portolan   string
	Kubeconfig string // empty for kubectl's own choice
	Context    string // empty for the current one
	Bankless   bool   // the cluster's names do not lead to the sample's bank
}

// kubectl runs kubectl and returns what it printed on standard output.
func (s Stage) kubectl(ctx context.Context, stdin string, args ...string) (string, error) {
	return run(ctx, stdin, s.Kubectl, append(s.connection(), args...)...)
}

// Run runs a portolan command and returns what it printed on standard output.
func (s Stage) Run(ctx context.Context, args ...string) (string, error) {
	return run(ctx, "", s.Portolan, append(args, s.connection()...)...)
}

func (s Stage) connection() []string {
	var flags []string
	if s.Kubeconfig != "" {
		flags = append(flags, "--kubeconfig="+s.Kubeconfig)
	}
	if s.Context != "" {
		flags = append(flags, "--context="+s.Context)
	}
	return flags
}

// FailedError is a program that ended with another status than 0.
type FailedError struct {
	Command string
	Code    int
	Stderr  string
}

// Error implements error.
func (f *FailedError) Error() string {
	return fmt.Sprintf("%s: exit status %d: %s", f.Command, f.Code, strings.TrimSpace(f.Stderr))
}

func run(ctx context.Context, stdin, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit, ended := errors.AsType[*exec.ExitError](err); ended {
		err = &FailedError{
			Command: filepath.Base(program) + " " + strings.Join(args, " "), Code: exit.ExitCode(), Stderr: stderr.String(),
		}
	}
	return stdout.String(), err
}

// Apply applies a manifest of the repository: a file, or a folder with a kustomization.
func (s Stage) Apply(ctx context.Context, path string) error {
	flag := "-k"
	if strings.HasSuffix(path, ".yaml") {
		flag = "-f"
	}
	_, err := s.kubectl(ctx, "", "apply", "--server-side", "--force-conflicts", flag, filepath.Join(s.Root, path))
	return err
}

// Render returns the objects of a manifest of the repository as YAML: a file, or a folder with a kustomization.
func (s Stage) Render(ctx context.Context, path string) (string, error) {
	path = filepath.Join(s.Root, path)
	if !strings.HasSuffix(path, ".yaml") {
		return s.kubectl(ctx, "", "kustomize", path)
	}
	text, err := os.ReadFile(path)
	return string(text), err
}

// Delete deletes what Apply applied and waits until it is gone.
func (s Stage) Delete(ctx context.Context, path string) error {
	flag := "-k"
	if strings.HasSuffix(path, ".yaml") {
		flag = "-f"
	}
	_, err := s.kubectl(ctx, "", "delete", "--ignore-not-found", "--wait", flag, filepath.Join(s.Root, path))
	return err
}

// ApplyText applies objects given as YAML.
func (s Stage) ApplyText(ctx context.Context, objects string) error {
	_, err := s.kubectl(ctx, objects, "apply", "-f", "-")
	return err
}

// DeleteText deletes objects given as YAML.
func (s Stage) DeleteText(ctx context.Context, objects string) error {
	_, err := s.kubectl(ctx, objects, "delete", "--ignore-not-found", "--wait", "-f", "-")
	return err
}

// Get returns what kubectl get prints for these arguments.
func (s Stage) Get(ctx context.Context, args ...string) (string, error) {
	return s.kubectl(ctx, "", append([]string{"get"}, args...)...)
}

// Do runs any other kubectl command.
func (s Stage) Do(ctx context.Context, args ...string) (string, error) {
	return s.kubectl(ctx, "", args...)
}

// Feed runs any other kubectl command that reads a manifest from its standard input.
func (s Stage) Feed(ctx context.Context, manifest string, args ...string) (string, error) {
	return s.kubectl(ctx, manifest, args...)
}

// Ready waits until a rollout is complete: "deployment/checkout" in a namespace.
func (s Stage) Ready(ctx context.Context, namespace string, workloads ...string) error {
	for _, w := range workloads {
		if _, err := s.kubectl(ctx, "", "rollout", "status", "--timeout=180s", "-n", namespace, w); err != nil {
			return err
		}
	}
	return nil
}

// Runs waits until the pods of a label selector run.
func (s Stage) Runs(ctx context.Context, namespace, selector string) error {
	_, err := s.kubectl(ctx, "", "wait", "--for=condition=Ready", "--timeout=60s", "-n", namespace, "pod", "-l", selector)
	return err
}

// pause is the time between two looks at something that is awaited.
const pause = 500 * time.Millisecond

// Until calls look until it is satisfied, fails for good, or ctx ends. The error is then the last thing that was missing.
func Until(ctx context.Context, look func(context.Context) (missing string, err error)) error {
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	missing := ""
	for {
		now, err := look(ctx)
		switch {
		case ctx.Err() != nil && missing != "":
			return fmt.Errorf("%s (%w)", missing, ctx.Err())
		case err != nil:
			return err
		case now == "":
			return nil
		}
		missing = now
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s (%w)", missing, ctx.Err())
		case <-ticker.C:
		}
	}
}

// OutsideAddress returns the address by which this host talks to the API server. In a local cluster it is the one address
// beyond the cluster that pods can reach, and names below .example lead to it.
func (s Stage) OutsideAddress(ctx context.Context) (string, error) {
	server, err := s.kubectl(ctx, "", "config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
	if err != nil {
		return "", err
	}
	u, err := url.Parse(strings.TrimSpace(server))
	if err != nil {
		return "", err
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return "", fmt.Errorf("finding the address by which this host talks to the cluster: %w", err)
	}
	defer conn.Close()
	host, _, err := net.SplitHostPort(conn.LocalAddr().String())
	return host, err
}
