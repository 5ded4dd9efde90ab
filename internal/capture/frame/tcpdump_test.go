package frame_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/internal/capture/dns"
	"github.com/portolan-io/portolan/internal/capture/frame"
	"github.com/portolan-io/portolan/internal/capture/syn"
	"github.com/portolan-io/portolan/internal/traffic"
)

// The files are of tcpdump 4.99 on a node and, at the same time, in a pod that is joined to it by a pair of interfaces. The
// pod asks the node for an A record of Api.Example.com by UDP, for an AAAA record of six.example.com by UDP over IPv6, and for
// an A record of tcp.example.com over TCP in three segments, and connects to port 8080. The answers have a CNAME each.
//
//	eth-nano.pcap   on the node: -i veth, --time-stamp-precision=nano
//	sll.pcap        on the node: -i any -y LINUX_SLL
//	sll2.pcap       on the node: -i any -y LINUX_SLL2
//	pod-any.pcap    in the pod: -i any, where every SYN goes out
func TestWhatTcpdumpWrites(t *testing.T) {
	want := []string{
		"10.0.1.2 connects to 10.0.1.1:53",
		"10.0.1.2 connects to 10.0.1.1:8080",
		"10.0.1.2 looks up api.example.com (edge.example.org): 192.0.2.7",
		"10.0.1.2 looks up tcp.example.com (edge.example.org): 192.0.2.7",
		"fd00:1::2 looks up six.example.com (edge.example.org): 2001:db8::7",
	}
	files, err := filepath.Glob("testdata/tcpdump/*.pcap")
	if err != nil || len(files) != 4 {
		t.Fatalf("files %q: %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			got, counts := seenIn(t, file)
			if diff := cmp.Diff(got, want); diff != "" {
				t.Errorf("sightings (-got +want):\n%s", diff)
			}
			for _, c := range counts {
				if c.Lost && c.N > 0 {
					t.Errorf("%d lost as %s", c.N, c.Reason)
				}
			}
		})
	}
}

// TestACutFileIsUsedAsFarAsItGoes: at every length.
func TestACutFileIsUsedAsFarAsItGoes(t *testing.T) {
	whole, err := os.ReadFile("testdata/tcpdump/sll2.pcap")
	if err != nil {
		t.Fatal(err)
	}
	cut, before := filepath.Join(t.TempDir(), "cut.pcap"), 0
	for n := 24; n < len(whole); n += 13 {
		if err := os.WriteFile(cut, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		got, _ := seenIn(t, cut)
		if len(got) < before {
			t.Fatalf("%d octets give %q, fewer than before", n, got)
		}
		before = len(got)
	}
}

func seenIn(t *testing.T, file string) (seen []string, counts []frame.Count) {
	t.Helper()
	window := traffic.NewWindow(0)
	names, connections := dns.New(window, traffic.Offline), syn.New(window, traffic.Offline)
	packets, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	counts, err = frame.Read(packets, names, connections)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range window.Drain(nil, 0) {
		text := fmt.Sprintf("%s connects to %s", s.From.Addr, netip.AddrPortFrom(s.To.Addr, s.To.Port))
		if s.What.Act == traffic.Lookup {
			text = fmt.Sprintf("%s looks up %s (%s): %s", s.From.Addr, s.To.Name, s.What.Aliases, s.To.Addr)
		}
		if s.Count != 1 {
			text += fmt.Sprintf(", %d times", s.Count)
		}
		seen = append(seen, text)
	}
	slices.Sort(seen)
	return seen, slices.Concat(counts, names.Counts(), connections.Counts())
}
