//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/internal/testkit/stage"
)

// talk is a story of conversations that are all known; see testdata/talk.
type talk struct {
	stage.Stage

	outside, node string    // addresses
	node6         string    // empty in a cluster without IPv6
	corefile      string    // of the cluster's DNS server, as it was
	intents       string    // resourceVersion of the ClientIntents once its addresses were told and the map was complete
	silent        time.Time // when the last conversation had begun
}

// withEverySource is Portolan as this story installs it.
const withEverySource = "internal/e2e/testdata/talk/portolan"

// lateness is how long after its sighting an edge may come: the wait for what the cluster does not know yet, and the way.
const lateness = 33 * time.Second

// TestTheMapIsTrue opens conversations of every kind, most of them before Portolan is there, and holds the whole map against
// what was written down by hand.
func TestTheMapIsTrue(t *testing.T) {
	s := &talk{Stage: onStage(t)}
	t.Cleanup(func() {
		s.Describe(t.Failed(), t.Logf)
		s.fallSilent(t)
	})
	playOutside(t, s)
	steps := []struct {
		name string
		run  func(*testing.T, *talk)
	}{
		{"conversations begin before anybody looks", beginToTalk},
		{"Portolan comes with every source", looks},
		{"Jobs of less than a second call, and so does the world outside", callBriefly},
		{"an address passes from pod to pod at once", inheritAnAddress},
		{"internet targets get the addresses of their names", resolveNames},
		{"the map is true and complete", isTrue},
	}
	for _, step := range steps {
		begun := time.Now()
		if !t.Run(step.name, func(t *testing.T) { step.run(t, s) }) {
			return
		}
		t.Logf("%s: %.1f s", step.name, time.Since(begun).Seconds())
	}
}

func beginToTalk(t *testing.T, s *talk) {
	ctx := within(t, 3*time.Minute)
	nodes, err := s.Get(ctx, "nodes", "-o", `jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}`)
	must(t, err)
	s.node, s.node6, _ = strings.Cut(nodes, " ")
	kinds := []string{"services", "udp", "node", "old", "border", "outside", "attempts", "heirs"}
	if s.node6 != "" {
		kinds = append(kinds, "ipv6")
	}
	for _, kind := range kinds {
		must(t, s.ApplyText(ctx, s.text(t, kind+".yaml")))
	}
	_, err = s.Do(ctx, "patch", "service", "gate", "-n", "talk", "--subresource=status", "--type=merge",
		`--patch={"status":{"loadBalancer":{"ingress":[{"ip":"198.51.100.10"}]}}}`)
	must(t, err)
	serveAliases(ctx, t, s) // while pods start
	for _, namespace := range []string{"talk", "istio-system"} {
		_, err = s.Do(ctx, "wait", "--for=condition=Ready", "--timeout=120s", "-n", namespace, "pods", "--all")
		must(t, err)
	}
	held(ctx, t, s)
}

// held waits until every connection stands that is to be older than Portolan.
func held(ctx context.Context, t *testing.T, s *talk) {
	t.Helper()
	must(t, stage.Until(ctx, func(ctx context.Context) (string, error) {
		return s.connections(ctx)
	}))
}

// holders are the pods that hold connections, and how many each.
func (s *talk) holders() map[string]int {
	holders := map[string]int{"scribe": 3, "patrol": 1}
	if s.node6 != "" {
		holders["wick"] = 1
	}
	return holders
}

// connections says which of the held connections does not stand. It fails if one of them was opened twice.
func (s *talk) connections(ctx context.Context) (missing string, err error) {
	for pod, count := range s.holders() {
		calls, err := s.Calls(ctx, "talk", "app="+pod, time.Unix(0, 0))
		if err != nil {
			return "", err
		}
		opened := make(map[string]int)
		for _, c := range calls {
			if c.Outcome == stage.OK {
				opened[c.Target]++
			}
			if opened[c.Target] > 1 {
				return "", fmt.Errorf("%s had to open its connection to %s again: %v", pod, c.Target, calls)
			}
		}
		if len(opened) < count {
			missing = fmt.Sprintf("%s holds %d of %d connections: %v", pod, len(opened), count, calls)
		}
	}
	return missing, nil
}

func looks(t *testing.T, s *talk) {
	must(t, s.Install(within(t, 3*time.Minute), withEverySource))
}

func callBriefly(t *testing.T, s *talk) {
	ctx := within(t, 2*time.Minute)
	must(t, s.ApplyText(ctx, s.text(t, "jobs.yaml")))
	for _, name := range []string{"almanac-1", "almanac-2"} {
		_, err := s.Do(ctx, "create", "job", "-n", "talk", name, "--from=cronjob/almanac")
		must(t, err)
	}
	callFromOutside(ctx, t, s, "30080", "28080")
}

const (
	generations = 3                       // of pods that hold one address in turn
	folding     = 5500 * time.Millisecond // how long one between two others talks: more than the interval in which agents fold
)

// inheritAnAddress deletes a pod, and lets the next one have its address at once, again and again. Every holder calls another
// server than the one before it, and is called by a client that knows nothing but the address.
func inheritAnAddress(t *testing.T, s *talk) {
	ctx := within(t, 2*time.Minute)
	address := ""
	for generation := range generations {
		heir := fmt.Sprintf("heir-%d", generation+1)
		server := []string{"left", "right"}[generation%2]
		must(t, s.ApplyText(ctx, s.text(t, "heir.yaml", "HEIR", heir, "SERVER", server)))
		must(t, s.Runs(ctx, "talk", "app="+heir))
		got, err := s.Get(ctx, "pod", "-n", "talk", heir, "-o", "jsonpath={.status.podIP}")
		must(t, err)
		switch {
		case generation == 0:
			address = got
			must(t, s.ApplyText(ctx, s.text(t, "seeker.yaml", "ADDRESS", address)))
			must(t, s.Runs(ctx, "talk", "app=seeker"))
		case got != address:
			t.Fatalf("%s has the address %s, so that %s was not used again", heir, got, address)
		}
		begun, least := time.Now(), time.Duration(0)
		if 0 < generation && generation < generations-1 {
			least = folding
		}
		must(t, s.talks(ctx, heir, begun, least))
		must(t, s.talks(ctx, "seeker", begun, least))
		if generation == 0 { // no other pod may come while the address is between two
			_, err = s.Do(ctx, "wait", "--for=condition=Complete", "--timeout=90s", "-n", "talk", "jobs", "--all")
			must(t, err)
		}
		if generation < generations-1 {
			_, err = s.Do(ctx, "delete", "pod", "-n", "talk", heir, "--wait")
			must(t, err)
			handOutNext(t, address)
		}
	}
	s.silent = time.Now()
}

// talks waits until a pod has made good calls since a moment, and that moment is some time ago.
func (s *talk) talks(ctx context.Context, pod string, since time.Time, least time.Duration) error {
	return stage.Until(ctx, func(ctx context.Context) (string, error) {
		calls, err := s.Calls(ctx, "talk", "app="+pod, since)
		if err != nil {
			return "", err
		}
		good := slices.ContainsFunc(calls, func(c stage.Call) bool { return c.Outcome == stage.OK })
		if good && time.Since(since) >= least {
			return "", nil
		}
		return fmt.Sprintf("%s makes %d calls since %s, good ones: %t", pod, len(calls), since.Format(time.TimeOnly), good), nil
	})
}

// isTrue waits until the map has every edge, then as long as a late one could come, and says how true it is.
func isTrue(t *testing.T, s *talk) {
	known := s.text(t, "truth.txt")
	if s.node6 != "" {
		known += s.text(t, "truth-ipv6.txt")
	}
	truth, err := stage.ParseTruth(known)
	must(t, err)
	var score stage.Score
	err = stage.Until(within(t, 2*time.Minute), func(ctx context.Context) (string, error) {
		mapped, err := s.Map(ctx)
		if err != nil {
			return "", err
		}
		score = stage.Judge(mapped, truth)
		if score.Perfect() && s.intents == "" {
			s.intents = intentsVersion(ctx, t, s)
		}
		switch late := time.Since(s.silent); {
		case len(score.Surplus) > 0:
			return "", fmt.Errorf("%d edges are not true", len(score.Surplus))
		case !score.Perfect():
			return "the map is not complete", nil
		case late < lateness:
			return fmt.Sprintf("something could still come, %s after the last conversation began", late), nil
		default:
			return "", nil
		}
	})
	t.Logf("%d s after the last conversation began:\n%s", int(time.Since(s.silent).Seconds()), score)
	ctx := within(t, time.Minute)
	status, statusErr := s.Run(ctx, "status")
	must(t, statusErr)
	t.Logf("status:\n%s", status)
	must(t, err)
	for _, reason := range []string{"SamePod", "HostNetwork", "ExcludedNamespace"} {
		if !strings.Contains(status, "\n"+reason+" ") {
			t.Errorf("the status does not count what became no edge as %s", reason)
		}
	}
	if missing, err := s.connections(ctx); err != nil || missing != "" {
		t.Errorf("the connections that are older than Portolan do not stand any more: %s (%v)", missing, err)
	}
	if version := intentsVersion(ctx, t, s); version != s.intents {
		t.Errorf("the ClientIntents was written again although its addresses are the same: version %s, was %s", version, s.intents)
	}
}

// fallSilent takes everything away and waits for nothing: this is the last story on its cluster.
func (s *talk) fallSilent(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	manifests, err := s.Render(ctx, withEverySource)
	must(t, err)
	_, err = s.Feed(ctx, manifests, "delete", "--ignore-not-found", "--wait=false", "-f", "-")
	must(t, err)
	_, err = s.Do(ctx, "delete", "namespaces", "talk", "istio-system", "--ignore-not-found", "--wait=false")
	must(t, err)
	if s.corefile != "" {
		must(t, s.setCorefile(ctx, s.corefile))
	}
}

// text returns a file of testdata/talk, with words replaced in it: those given, and the addresses of the stage.
func (s *talk) text(t *testing.T, file string, words ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/talk", file))
	must(t, err)
	return strings.NewReplacer(append(words, "OUTSIDE", s.outside, "NODE6", s.node6, "NODE", s.node)...).Replace(string(text))
}

// handOutNext makes the node's address plugin continue its round so that an address is the next one that it gives to a pod.
// Otherwise it gives a free one again only after all others.
func handOutNext(t *testing.T, address string) {
	t.Helper()
	folder := os.Getenv("POD_ADDRESSES")
	if folder == "" {
		t.Fatal(`POD_ADDRESSES is not set; run "make e2e"`)
	}
	must(t, os.WriteFile(filepath.Join(folder, "last_reserved_ip.0"), []byte(before(t, address)), 0o600))
}
