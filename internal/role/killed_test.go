package role

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-io/portolan/internal/cluster/live"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/testkit"
	"github.com/portolan-io/portolan/internal/traffic"
	"github.com/portolan-io/portolan/internal/wire"
)

// The process that is killed finds here which cluster and which store are its own.
const (
	doomedKubeconfig = "PORTOLAN_TEST_DOOMED_KUBECONFIG"
	doomedStore      = "PORTOLAN_TEST_DOOMED_STORE"
)

var (
	reused = netip.MustParseAddr("10.9.0.1")
	server = netip.MustParseAddr("10.9.0.2")
	outer  = netip.MustParseAddr("203.0.113.7")
)

// TestWhatIsKnownOutlivesAKill kills an operator's line from sightings to the store, lets a pod vanish and another one get its
// address while nobody looks, and gives the next line sightings of before, of between and of after.
func TestWhatIsKnownOutlivesAKill(t *testing.T) {
	if os.Getenv(doomedStore) != "" {
		runUntilKilled(t)
		return
	}
	t.Parallel()
	config := testkit.ControlPlane(t)
	api, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := api.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}); err != nil {
		t.Fatal(err)
	}
	place(t, api, "server", server)
	vanished := place(t, api, "vanished", reused)
	path := filepath.Join(t.TempDir(), "map.db")
	before := killWhenStored(t, config, path)

	if err := api.Delete(t.Context(), vanished, client.GracePeriodSeconds(0)); err != nil {
		t.Fatal(err)
	}
	<-time.After(time.Until(before.Add(4 * time.Second))) // the API server tells whole seconds, and resolution allows for one
	heir := place(t, api, "heir", reused).CreationTimestamp.Time
	c, _ := openLine(t, config, path, t.Context())
	if got := c.naming.memory.Addresses("api.bank.example", time.Now()); !slices.Equal(got, []netip.Addr{outer}) {
		t.Errorf("the name has the addresses %v, want the one that was answered before", got)
	}
	late := before.Add(-100 * time.Millisecond) // seen before the kill, delivered now
	report(t, c, 2, late, heir.Add(-time.Second), heir)
	want := []string{
		"heir " + stamp(heir) + " " + stamp(heir),
		"vanished " + stamp(late) + " " + stamp(before), // what was seen later had been stored
	}
	var got []string
	for _, e := range c.graph.View(graph.Filter{}) {
		got = append(got, e.Client.Workload.Name+" "+stamp(e.First)+" "+stamp(e.Last))
	}
	if !slices.Equal(got, want) {
		t.Errorf("the map has, with first and last sighting:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	c.intake.Close(c.world.Current())
	if lost := c.intake.Ledger.Counts(); len(lost) != 1 || lost[0].Count != 1 || !lost[0].Newest.Last.Equal(heir.Add(-time.Second)) {
		t.Errorf("refused %+v, want the one sighting of a time at which nobody is known to have had the address", lost)
	}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// place makes a pod of the shop that has that address.
func place(t *testing.T, api client.Client, name string, addr netip.Addr) *corev1.Pod {
	t.Helper()
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "none"}}},
	}
	if err := api.Create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	p.Status.Phase, p.Status.PodIP, p.Status.PodIPs = corev1.PodRunning, addr.String(), []corev1.PodIP{{IP: addr.String()}}
	if err := api.Status().Update(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	return p
}

// openLine builds the line as RunOperator does, and runs it until ctx ends.
func openLine(t *testing.T, config *rest.Config, path string, ctx context.Context) (*chart, []wire.Committed) { //nolint:revive // t comes first in tests
	t.Helper()
	o := DefaultOperatorOptions("test")
	o.Store = path
	c, err := newChart(o, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	c.agents = newAgents(t, c, o)
	world, err := live.New(config, live.Options{Trim: o.Knowing.reading()})
	if err != nil {
		t.Fatal(err)
	}
	committed, err := c.open(ctx, world)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); world.Run(ctx) }()
	go c.journal.Run(ctx)
	t.Cleanup(func() { cancel(); <-ended })
	if err := world.WaitSynced(ctx); err != nil {
		t.Fatal(err)
	}
	return c, committed
}

// report gives the line one batch, with a call from the reused address to the server at each of those times, and waits until it
// is stored.
func report(t *testing.T, c *chart, seq uint64, times ...time.Time) {
	t.Helper()
	var all []traffic.Sighting
	for i, at := range times {
		all = append(all, traffic.Sighting{
			Source: traffic.SYN, From: traffic.Party{Addr: reused, Port: uint16(40000 + i)}, To: traffic.Party{Addr: server, Port: 80},
			What: traffic.What{Act: traffic.Connect, Protocol: traffic.TCP}, First: at, Last: at, Count: 1,
		})
	}
	receipt, err := c.Accept(wire.Batch{Agent: wire.Agent{Node: "n1", Pod: "agent-1"}, Epoch: 7, Seq: seq, Received: time.Now(), Sightings: all})
	if err != nil {
		t.Fatal(err)
	}
	if duplicate, err := receipt.Wait(t.Context()); duplicate || err != nil {
		t.Fatalf("the batch is a duplicate: %t, error %v", duplicate, err)
	}
}

// runUntilKilled says at what time everything was stored, and goes on.
func runUntilKilled(t *testing.T) {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv(doomedKubeconfig))
	if err != nil {
		t.Fatal(err)
	}
	c, _ := openLine(t, config, os.Getenv(doomedStore), t.Context())
	c.naming.memory.Learn("api.bank.example", outer, time.Hour, time.Now())
	now := time.Now()
	report(t, c, 1, now)
	fmt.Println("stored " + stamp(now))
	select {}
}

// killWhenStored runs the line in a process of its own, and kills it when everything is stored. It returns a time at which both
// pods were known to be there.
func killWhenStored(t *testing.T, config *rest.Config, path string) time.Time {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), doomedStore+"="+path, doomedKubeconfig+"="+kubeconfig(t, config))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var at time.Time
	var said []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said = append(said, lines.Text())
		text, stored := strings.CutPrefix(lines.Text(), "stored ")
		if !stored {
			continue
		}
		if at, err = time.Parse(time.RFC3339Nano, text); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != -1 || at.IsZero() {
		t.Fatalf("the process ended by itself (%v):\n%s", err, strings.Join(said, "\n"))
	}
	return at
}

// kubeconfig writes a configuration into a file.
func kubeconfig(t *testing.T, config *rest.Config) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	all := clientcmdapi.NewConfig()
	all.Clusters["c"] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	all.AuthInfos["u"] = &clientcmdapi.AuthInfo{ClientCertificateData: config.CertData, ClientKeyData: config.KeyData, Token: config.BearerToken}
	all.Contexts["x"], all.CurrentContext = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}, "x"
	if err := clientcmd.WriteToFile(*all, path); err != nil {
		t.Fatal(err)
	}
	return path
}
