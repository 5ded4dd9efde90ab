package intents

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

// bytesOf returns what Declare and Marshal make of edges.
func bytesOf(t rapid.TB, edges []graph.Edge, o Options) string {
	t.Helper()
	objects, left := Declare(edges, o)
	var text bytes.Buffer
	if err := Marshal(&text, objects, nil); err != nil {
		t.Fatal(err)
	}
	return text.String() + fmt.Sprint(left)
}

// callers returns one client that calls n names outside, on the ports that port gives.
func callers(n int, name func(int) string, port func(int) uint16) []graph.Edge {
	client := graph.Peer{Workload: identity.Workload{Namespace: "shop", Kind: "Deployment", Name: "crawler"}}
	edges := make([]graph.Edge, 0, n)
	for i := range n {
		edges = append(edges, graph.Edge{Client: client, Server: parsePeer(name(i)), Uses: []graph.Seen{
			{Use: graph.Use{Act: traffic.Connect, Protocol: traffic.TCP, Port: port(i)}},
		}})
	}
	return edges
}

func https(int) uint16 { return 443 }

func numbered(i int) string { return fmt.Sprintf("host-%05d.example.com", i) }

func TestTargetsShareOnlyWhereTheyMust(t *testing.T) {
	for name, tc := range map[string]struct {
		edges         []graph.Edge
		targets, left int
	}{
		"as many as fit stay single":                         {callers(MaxTargets, numbered, https), MaxTargets, 0},
		"one more, and all with equal ports share":           {callers(MaxTargets+1, numbered, https), 11, 0},
		"addresses share in lists of 250":                    {callers(1_200, func(i int) string { return fmt.Sprintf("10.0.%d.%d", i/250, i%250) }, https), 5, 0},
		"different ports do not share, and the rest is told": {callers(1_500, numbered, func(i int) uint16 { return uint16(i + 1) }), MaxTargets, 500},
		"an object too large for etcd is cut":                {callers(5_000, func(i int) string { return numbered(i) + strings.Repeat(".abcdefghi", 20) }, https), 31, 1_900},
	} {
		t.Run(name, func(t *testing.T) {
			objects, left := Declare(tc.edges, Options{WithInternet: true})
			if got := len(objects[0].Spec.Targets); got != tc.targets || len(left) != tc.left {
				t.Errorf("%d targets and %d left, want %d and %d", got, len(left), tc.targets, tc.left)
			}
			told := len(left)
			for _, target := range objects[0].Spec.Targets {
				told += len(peers(target, "shop"))
			}
			if told != len(tc.edges) {
				t.Errorf("%d of %d names are declared or told", told, len(tc.edges))
			}
		})
	}
}

func TestManyPortsMakeSeveralTargets(t *testing.T) {
	edges := callers(450, func(int) string { return "ftp.example" }, func(i int) uint16 { return uint16(50_000 + i) })
	objects := From(edges, Options{WithInternet: true})
	var sizes []int
	for _, target := range objects[0].Spec.Targets {
		sizes = append(sizes, len(target.Internet.Ports))
	}
	if got := fmt.Sprint(sizes); got != "[200 200 50]" {
		t.Errorf("ports of the targets are %s, want [200 200 50]", got)
	}
}

// FuzzMarshal checks that whatever an edge names, its objects come back from YAML as they were, once more through the
// reader that kubectl uses. It does not check which edges are declared.
func FuzzMarshal(f *testing.F) {
	f.Add("shop", "Deployment", "cart", "api.example.com")
	f.Add("shop", "", "on", "a%20b")
	f.Add("a", "Pod", "x: \"y\n- z", "1e3")
	f.Add("a", "Pod", "\u2028\x7f\x00", "::1")
	f.Fuzz(func(t *testing.T, namespace, kind, name, other string) {
		client := graph.Peer{Workload: identity.Workload{Namespace: namespace, Kind: kind, Name: name}}
		edges := []graph.Edge{
			{Client: client, Server: graph.Peer{Workload: identity.Workload{Namespace: "pay", Kind: kind, Name: other}}},
			{Client: client, Server: parsePeer(other)},
			{Client: client, Server: client},
		}
		objects, _ := Declare(edges, Options{WithInternet: true})
		var text bytes.Buffer
		if err := Marshal(&text, objects, sampleHeader()); err != nil {
			t.Fatal(err)
		}
		if !Same(text.Bytes(), objects) {
			t.Fatalf("what was written reads differently:\n%s", text.Bytes())
		}
		for i, document := range strings.Split(text.String(), "\n---\n") {
			if len(objects) == 0 {
				break
			}
			var back v2beta1.ClientIntents
			if err := yaml.UnmarshalStrict([]byte(document), &back); err != nil {
				t.Fatalf("kubectl cannot read it: %v\n%s", err, document)
			}
			if back.Spec.Workload != objects[i].Spec.Workload {
				t.Fatalf("kubectl reads %+v, want %+v", back.Spec.Workload, objects[i].Spec.Workload)
			}
		}
	})
}
