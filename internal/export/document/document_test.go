package document

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

var (
	t0     = time.Date(2026, 11, 20, 6, 41, 7, 0, time.UTC)
	client = graph.Peer{Workload: identity.Workload{Namespace: "shop", Kind: "Deployment", Name: "payment"}}
)

func sample() Map {
	connect := graph.Seen{
		Use:      graph.Use{Act: traffic.Connect, Protocol: traffic.TCP, Port: 443},
		Evidence: []graph.Evidence{{Source: traffic.SYN, First: t0, Last: t0.Add(time.Minute), Count: 12}},
	}
	return Map{
		Cluster: "c1", Window: Window{From: t0, To: t0.Add(time.Hour), Acknowledged: 999, Dropped: 1},
		Edges: []graph.Edge{
			{
				Client: client, First: t0, Last: t0.Add(time.Minute), Services: []string{"ledger"}, HostNetwork: true, Overflow: 7,
				Activity: graph.Activity{Current: 2, Added: 1, Removed: 2, Ports: true},
				Server:   graph.Peer{Workload: identity.Workload{Namespace: "pay", Kind: "StatefulSet", Name: "ledger"}},
				Uses:     []graph.Seen{connect},
			},
			{Client: client, Server: graph.Peer{Name: "api.bank.example"}, First: t0, Last: t0, Uses: []graph.Seen{connect}},
			{Client: client, Server: graph.Peer{Addr: netip.MustParseAddr("192.168.7.7")}, Private: true, First: t0, Last: t0, Uses: []graph.Seen{connect}},
		},
	}
}

func TestReadReturnsWhatWriteWrote(t *testing.T) {
	var text bytes.Buffer
	if err := Write(&text, sample()); err != nil {
		t.Fatal(err)
	}
	got, err := Read(&text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, sample(), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("after a round trip (-got +want):\n%s", diff)
	}
}

func TestReadRefusesWhatIsNotAMap(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"no JSON":              {"edges:", "not a graph document"},
		"another schema":       {`{"schema":"portolan.graph/v9"}`, `want "portolan.graph/v1"`},
		"a peer without name":  {`{"schema":"portolan.graph/v1","edges":[{"client":{"name":"a"},"server":{}}]}`, "edges[0]: server: a peer needs a name"},
		"a port out of range":  {`{"schema":"portolan.graph/v1","edges":[{"client":{"name":"a"},"server":{"name":"b"},"uses":[{"port":70000}]}]}`, "not a graph document"},
		"an empty document":    {"", "not a graph document"},
		"a list instead of it": {"[]", "not a graph document"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Read(strings.NewReader(tc.text)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Read(%s) = %v, want an error with %q", tc.text, err, tc.want)
			}
		})
	}
}

// FuzzRead checks that no input panics, and that what is read can be written and read again without a change. It does not
// check that the content makes sense.
func FuzzRead(f *testing.F) {
	var text bytes.Buffer
	if err := Write(&text, sample()); err != nil {
		f.Fatal(err)
	}
	f.Add(text.Bytes())
	f.Add([]byte(`{"schema":"portolan.graph/v1","edges":[{"client":{"name":"::1"},"server":{"name":"b","namespace":"n"}}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		first, err := Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		var written, again bytes.Buffer
		if err := Write(&written, first); err != nil {
			return // a time outside of what JSON can hold
		}
		second, err := Read(bytes.NewReader(written.Bytes()))
		if err != nil {
			t.Fatalf("reading what was written: %v\n%s", err, written.Bytes())
		}
		if err := Write(&again, second); err != nil || again.String() != written.String() {
			t.Fatalf("the second writing differs (%v):\n%s\n%s", err, written.Bytes(), again.Bytes())
		}
	})
}
