//go:build e2e

package e2e

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/internal/testkit/stage"
)

// onStage returns the stage that the environment describes; make e2e sets it up.
func onStage(t *testing.T) stage.Stage {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	s := stage.Stage{
		Root: root, Kubectl: os.Getenv("KUBECTL"), Portolan: filepath.Join(root, "bin/portolan"), Kubeconfig: os.Getenv("KUBECONFIG"),
	}
	if s.Kubectl == "" || s.Kubeconfig == "" {
		t.Fatal(`KUBECTL and KUBECONFIG are not set; run "make e2e", which builds and starts the cluster`)
	}
	return s
}

// settled is the longest time until a node enforces the policies that stand.
const settled = 15 * time.Second

// within returns a context for one step of a story.
func within(t *testing.T, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// story is what one step tells the next.
type story struct {
	stage.Stage

	intents  string // the exported file
	intruder string // the pod as it was before anything was enforced
	volume   string // of the map, as YAML
	folder   string // that the volume is
}

// TestTheWholeLine is one story; each step stands on the one before it.
func TestTheWholeLine(t *testing.T) {
	s := &story{Stage: onStage(t), intents: filepath.Join(t.TempDir(), "intents.yaml")}
	t.Cleanup(func() { s.Describe(t.Failed(), t.Logf) })
	openBank(t, s)
	steps := []struct {
		name string
		run  func(*testing.T, *story)
	}{
		{"Portolan installs from its own manifests and image", installs},
		{"the map holds exactly the true edges of the shop", mapsTheShop},
		{"proposals are written, listed and change nothing", proposes},
		{"the intents of the shop are exported", exports},
		{"an intruder reaches its targets while nothing is enforced", admitsAnIntruder},
		{"the exported intents are enforced and the shop goes on", enforces},
		{"the same intruder is refused at the same targets", refusesTheIntruder},
		{"an operator that restarts finds the policies and changes none", restarts},
		{"a map on a volume outlives the operator's pod", outlives},
		{"deleting the intents restores what was before", restores},
		{"uninstalling leaves nothing behind", uninstalls},
	}
	for _, step := range steps {
		if !t.Run(step.name, func(t *testing.T) { step.run(t, s) }) {
			return
		}
	}
}

// openBank plays the world outside, which the shop's payment calls by name.
func openBank(t *testing.T, s *story) {
	t.Helper()
	outside, err := s.OutsideAddress(within(t, time.Minute))
	must(t, err)
	listener, err := net.Listen("tcp", net.JoinHostPort(outside, "80"))
	must(t, err)
	bank := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	go func() { _ = bank.Serve(listener) }()
	t.Cleanup(func() { _ = bank.Close() })
}

func installs(t *testing.T, s *story) {
	ctx := within(t, 3*time.Minute)
	must(t, s.Install(ctx, "config/overlays/local"))
	must(t, s.Apply(ctx, "config/overlays/local")) // as an upgrade does; what others fill in is not ours to set
	out, err := s.Run(ctx, "status")
	must(t, err)
	t.Logf("status:\n%s", out)
}

func mapsTheShop(t *testing.T, s *story) {
	ctx := within(t, 4*time.Minute)
	must(t, s.Apply(ctx, "config/samples/shop/shop.yaml"))
	must(t, s.Ready(ctx, "shop", stage.ShopWorkloads()...))
	must(t, s.MapIsTrue(ctx))
	out, err := s.Run(ctx, "list", "--namespace=shop", "--with-internet")
	must(t, err)
	t.Logf("list:\n%s", out)
}

func proposes(t *testing.T, s *story) {
	ctx := within(t, time.Minute)
	must(t, stage.Until(ctx, func(ctx context.Context) (string, error) {
		names, err := s.Get(ctx, "clientintents", "-n", "shop", "-o", "name")
		if err != nil || len(strings.Fields(names)) < 5 {
			return "not every client of the shop has its proposal yet: " + names, err
		}
		return "", nil
	}))
	if policies := ownPolicies(ctx, t, s); policies != "" {
		t.Errorf("proposals must not write policies, got %s", policies)
	}
	must(t, s.MapIsTrue(ctx)) // still, after all that was written
	table, err := s.Get(ctx, "clientintents", "-n", "shop")
	must(t, err)
	t.Logf("kubectl get clientintents:\n%s", table)
}

func exports(t *testing.T, s *story) {
	_, err := s.Run(within(t, time.Minute), "export", "--namespace=shop", "--output="+s.intents)
	must(t, err)
}

// admitsAnIntruder is the control of refusesTheIntruder: nothing but what is enforced in between can make the difference.
func admitsAnIntruder(t *testing.T, s *story) {
	ctx := within(t, time.Minute)
	since := time.Now()
	must(t, s.Apply(ctx, "config/samples/shop/intruder.yaml"))
	must(t, s.Runs(ctx, "shop", "app=intruder"))
	must(t, s.IntruderReaches(ctx, since, 3))
	pod, err := s.Intruder(ctx)
	must(t, err)
	s.intruder = pod
}

func enforces(t *testing.T, s *story) {
	ctx := within(t, 4*time.Minute)
	applied := time.Now()
	must(t, s.ApplyFile(ctx, s.intents))
	must(t, s.IntentsReady(ctx, s.intents))
	refused, err := s.ShopSettles(within(t, settled), applied)
	must(t, err)
	t.Logf("%d declared calls were refused until every policy stood on the node: %v", len(refused), refused)
	must(t, s.ShopGoesOn(ctx, time.Now(), 10))
}

func refusesTheIntruder(t *testing.T, s *story) {
	ctx := within(t, 3*time.Minute)
	must(t, s.IntruderRefused(ctx, 5))
	if pod, err := s.Intruder(ctx); err != nil || pod != s.intruder {
		t.Errorf("the intruder is now pod %q (%v), and was %q before", pod, err, s.intruder)
	}
	since := time.Now()
	must(t, s.ShopGoesOn(ctx, since, 3))
	must(t, s.ReportReaches(ctx, since))
}

func restarts(t *testing.T, s *story) {
	ctx := within(t, 2*time.Minute)
	before := policyVersions(ctx, t, s)
	_, err := s.Do(ctx, "rollout", "restart", "-n", "portolan-system", "deployment/portolan-operator")
	must(t, err)
	must(t, s.Ready(ctx, "portolan-system", "deployment/portolan-operator"))
	must(t, s.Leading(ctx))
	if after := policyVersions(ctx, t, s); after != before {
		t.Errorf("policies after the restart:\n%s\nbefore it:\n%s", after, before)
	}
	must(t, s.IntruderRefused(ctx, 2))
}

func restores(t *testing.T, s *story) {
	ctx := within(t, 2*time.Minute)
	must(t, s.DeleteFile(ctx, s.intents))
	must(t, stage.Until(ctx, func(ctx context.Context) (string, error) {
		if policies := ownPolicies(ctx, t, s); policies != "" {
			return "policies are still there: " + policies, nil
		}
		return "", nil
	}))
	must(t, s.IntruderReaches(ctx, time.Now(), 3))
}

func uninstalls(t *testing.T, s *story) {
	ctx := within(t, 3*time.Minute)
	must(t, s.Delete(ctx, "config/samples/shop/intruder.yaml"))
	must(t, s.Uninstall(ctx, "config/overlays/local-persistent"))
	releases(ctx, t, s)
	left, err := s.Leftovers(ctx)
	must(t, err)
	if len(left) > 0 {
		t.Errorf("left behind:\n%s", strings.Join(left, "\n"))
	}
	must(t, s.Delete(ctx, "config/samples/shop/shop.yaml"))
}

// ownPolicies returns the names of the policies that Portolan wrote in the shop.
func ownPolicies(ctx context.Context, t *testing.T, s *story) string {
	t.Helper()
	names, err := s.Get(ctx, "networkpolicies", "-n", "shop", "-l", "app.kubernetes.io/managed-by=portolan", "-o", "name")
	must(t, err)
	return strings.Join(strings.Fields(names), " ")
}

func policyVersions(ctx context.Context, t *testing.T, s *story) string {
	t.Helper()
	out, err := s.Get(ctx, "networkpolicies", "-A", "-l", "app.kubernetes.io/managed-by=portolan", "-o",
		`jsonpath={range .items[*]}{.metadata.namespace}/{.metadata.name} {.metadata.resourceVersion}{"\n"}{end}`)
	must(t, err)
	return out
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
