package svg

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/testkit/golden"
	"github.com/portolan-io/portolan/internal/traffic"
)

// FuzzRender draws arbitrary maps with arbitrary names: the names are separated by line breaks, and each two bytes of the
// links connect two of them. It checks that the picture is well-formed XML with one box for every peer, and that the laws
// hold. It does not check what the picture looks like.
func FuzzRender(f *testing.F) {
	f.Add("frontend\ncart\ncatalog\napi.example", []byte{0, 1, 0, 2, 1, 2, 2, 3})
	f.Add("<a>\n&amp;\n\"'\n]]>\n\x00\x1b\n\xff\n\u202e\n\ufffe", []byte{0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 0})
	f.Add("a", []byte{0, 0})
	f.Add("", []byte{})
	f.Add("::1\n10.0.0.1\nfe80::1%eth0\nx\ny", []byte{0, 1, 1, 0, 2, 3, 4, 2, 3, 4, 4, 3})
	f.Add(strings.Repeat("long", 100)+"\n"+strings.Repeat("商", 100)+"\ne\u0301", []byte{0, 1, 1, 2, 2, 0})
	f.Fuzz(func(t *testing.T, names string, links []byte) {
		edges := edgesOf(strings.Split(names, "\n"), links)
		text := render(t, edges)
		if got, want := boxesIn(t, text), len(newChart(edges).boxes); got != want {
			t.Errorf("%d boxes, want %d:\n%s", got, want, text)
		}
		l := layOut(newChart(edges))
		arcsGoRight(t, l)
		itemsKeepApart(t, l)
		framesHoldTheirOwn(t, l)
		portsAreOnTheirBoxes(t, l)
	})
}

// edgesOf makes peers of every shape of the names: workloads of four namespaces, names and addresses outside.
func edgesOf(names []string, links []byte) []graph.Edge {
	peer := func(at byte) graph.Peer {
		i := int(at) % len(names)
		if addr, err := netip.ParseAddr(names[i]); err == nil {
			return graph.Peer{Addr: addr}
		}
		if i%5 == 4 {
			return graph.Peer{Name: names[i]}
		}
		return graph.Peer{Workload: identity.Workload{Namespace: names[i%4%len(names)], Kind: names[len(names)-1], Name: names[i]}}
	}
	var edges []graph.Edge
	for k := 0; k+1 < min(len(links), 400); k += 2 {
		use := graph.Use{Act: traffic.Connect, Protocol: traffic.Protocol(names[0]), Port: uint16(links[k]) * 256}
		if links[k] > 200 {
			use = graph.Use{Act: traffic.Lookup, Name: names[0]}
		}
		edges = append(edges, graph.Edge{
			Client: peer(links[k]), Server: peer(links[k+1]), Private: links[k]%2 == 0, HostNetwork: links[k]%3 == 0,
			Uses: []graph.Seen{{Use: use}},
		})
	}
	return edges
}

// boxesIn parses the picture strictly and counts its boxes.
func boxesIn(t *testing.T, text string) int {
	t.Helper()
	boxes := 0
	for decoder := xml.NewDecoder(strings.NewReader(text)); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return boxes
		}
		if err != nil {
			t.Fatalf("no XML: %v\n%s", err, text)
		}
		if start, ok := token.(xml.StartElement); ok {
			for _, attribute := range start.Attr {
				if attribute.Name.Local == "class" && strings.Fields(attribute.Value)[0] == "box" {
					boxes++
				}
			}
		}
	}
}

func TestTheErrorOfTheWriterIsReturned(t *testing.T) {
	if err := Render(brokenWriter{}, golden.Maps(t)["shop"]); !errors.Is(err, errBroken) {
		t.Errorf("Render = %v, want %v", err, errBroken)
	}
}

var errBroken = errors.New("broken pipe")

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

// BenchmarkRender draws maps of some sizes with three links for each box, forty namespaces at most. The budget is two
// seconds for 2,000 boxes.
func BenchmarkRender(b *testing.B) {
	for _, boxes := range []int{10, 60, 300, 2000} {
		for name, calls := range map[string]func(i, k int) int{
			"neighbours": func(i, k int) int { return min(i+1+(i*7+k*13)%9, boxes-1) },
			"tangled":    func(i, k int) int { return (i*i*31 + k*(7919+i)) % boxes },
		} {
			var edges []graph.Edge
			for i := range boxes {
				for k := range 3 {
					edges = append(edges, graph.Edge{Client: numbered(i), Server: numbered(calls(i, k)), Uses: []graph.Seen{{
						Use: graph.Use{Act: traffic.Connect, Protocol: traffic.TCP, Port: uint16(8000 + k)},
					}}})
				}
			}
			b.Run(fmt.Sprintf("%s/%d", name, boxes), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := Render(io.Discard, edges); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func numbered(i int) graph.Peer {
	return graph.Peer{Workload: identity.Workload{Namespace: fmt.Sprintf("team-%d", i*40/2000), Kind: "Deployment", Name: fmt.Sprintf("service-%d", i)}}
}
